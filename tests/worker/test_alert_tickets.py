"""However often and long an incident is to be told, one message about it waits, and what is lost comes again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from core.alerts import Severity
from models.database import execute, fetch
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room, one, open_room
from tests.worker.domains.crew import Crew, employed
from tests.worker.test_alerts import sent
from worker import alerts
from worker.alerts import announce_alert, remind_of_alerts
from worker.failures import Busy

DOWN = {"type": "status", "status": 503}


@pytest.fixture
def room(database: Any, settings_env: SettingsEnv) -> Iterator[Room]:
    with open_room(settings_env) as made:
        yield made


@pytest.fixture
def quiet(sqlite_database: Any, settings_env: SettingsEnv) -> Iterator[Room]:
    with open_room(settings_env) as made:
        yield made


@pytest.fixture
def crew(quiet: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    with employed(quiet.clock, monkeypatch, "alerts", "periodic") as made:
        yield made


def raised(*names: str) -> list[int]:
    for name in names:
        alerts.tell("unsafe", name, Severity.CRITICAL, object=name)
    return [int(row[0]) for row in fetch("select id from alert order by id")]


def tickets(broker: StubBroker) -> list[tuple[int, int]]:
    """(incident, ticket) of the messages that were sent; they are taken out."""
    queue, found = broker.queues["alerts"], []
    while not queue.empty():
        message = next(broker.consume("alerts", timeout=1))
        assert message is not None
        found.append((int(message.kwargs["alert_id"]), int(message.kwargs["ticket"])))
        queue.task_done()
    return found


def test_in_a_long_outage_one_message_of_each_incident_waits_and_the_end_is_told_once(quiet: Room, crew: Crew) -> None:
    fault = quiet.sandbox.fault("telegram", DOWN)
    numbers = raised("a.example", "b.example", "c.example")
    for minute in range(90):
        crew.pass_time(60, step=20)
        remind_of_alerts()
        if minute % 7 == 0:
            raised("a.example", "b.example")  # seen again
        assert set(crew.waiting("announce_alert").items()) == {(number, 1) for number in numbers}
    quiet.sandbox.control("DELETE", f"faults/{fault}")
    crew.pass_time(120)
    assert len(quiet.messages()) == 3
    assert crew.waiting("announce_alert") == {}
    assert fetch("select count(*) from dead_letter") == [(0,)]
    before = crew.ran["announce_alert"]
    crew.pass_time(120)
    assert crew.ran["announce_alert"] == before


def test_what_asks_while_a_message_waits_sends_no_other(room: Room, stub_broker: StubBroker) -> None:
    (number,) = raised("a.example")
    raised("a.example")
    assert sent(stub_broker) == [number]
    raised("a.example")
    assert sent(stub_broker) == []


def test_while_one_is_told_another_may_wait_and_the_one_that_fails_makes_room_for_it(
    room: Room, stub_broker: StubBroker
) -> None:
    raised("a.example")
    ((number, first),) = tickets(stub_broker)
    fault = room.sandbox.fault("telegram", DOWN)
    with pytest.raises(Busy):
        announce_alert(number, first)
    execute("update alert set heard = asked, asked_until = null")  # as at the beginning of its next try
    raised("a.example")
    ((_, second),) = tickets(stub_broker)
    assert second > first
    announce_alert(number, first)  # a copy now, which neither calls nor comes again
    with pytest.raises(Busy):
        announce_alert(number, second)
    room.sandbox.control("DELETE", f"faults/{fault}")
    room.pass_time(seconds=20)
    announce_alert(number, second)
    assert (len(room.messages()), tickets(stub_broker)) == (1, [])


def test_a_lost_message_is_replaced_and_a_queue_that_stands_still_gathers_few(
    room: Room, stub_broker: StubBroker
) -> None:
    (number,) = raised("a.example")
    found = tickets(stub_broker)
    for _ in range(6 * 60):
        room.pass_time(minutes=1)
        remind_of_alerts()
        found += tickets(stub_broker)
    assert 6 <= len(found) <= 13
    for alert_id, ticket in found:
        announce_alert(alert_id, ticket)
    assert [line["path"].rpartition("/")[2] for line in room.calls()] == ["sendMessage"]
    assert one(number).announced_at is not None


def test_the_message_of_an_incident_in_a_storm_orders_the_one_of_the_storm(room: Room, stub_broker: StubBroker) -> None:
    raised(*(f"c{place}.example" for place in range(9)))
    storm = fetch("select id from alert where kind = 'storm'")[0][0]
    waiting = dict(tickets(stub_broker))
    (member, _, *_) = [number for number in waiting if number != storm]
    announce_alert(storm, waiting[storm])
    execute("update alert set group_id = %s where id = %s", (storm, member))
    announce_alert(member, waiting[member])
    assert len(room.calls()) == 1
    assert [number for number, _ in tickets(stub_broker)] == [storm]


def test_what_was_raised_while_there_was_no_bot_is_told_soon_after_there_is_one(
    room: Room, settings_env: SettingsEnv, stub_broker: StubBroker
) -> None:
    token = settings_env(TELEGRAM_BOT_TOKEN="").telegram_bot_token
    assert token is None
    for _ in range(12):
        raised("a.example")
        for alert_id, ticket in tickets(stub_broker):
            announce_alert(alert_id, ticket)
        room.pass_time(minutes=5)
    settings_env(TELEGRAM_BOT_TOKEN="123:canary-token")
    room.pass_time(seconds=31)
    remind_of_alerts()
    for alert_id, ticket in tickets(stub_broker):
        announce_alert(alert_id, ticket)
    assert len(room.messages()) == 1
