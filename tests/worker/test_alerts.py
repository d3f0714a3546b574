"""Raising an incident and its message are one change; the actors carry both to the chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from core.alerts import Severity
from models import incidents
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room, one, open_room
from worker import alerts
from worker.alerts import announce_alert, remind_of_alerts
from worker.failures import Busy


@pytest.fixture
def room(database: Any, settings_env: SettingsEnv, stub_broker: StubBroker) -> Iterator[Room]:
    with open_room(settings_env) as made:
        yield made


def sent(broker: StubBroker) -> list[int]:
    """The incidents of the messages that were sent, in order; they are taken out."""
    queue = broker.queues["alerts"]
    found = []
    while not queue.empty():
        message = broker.consume("alerts", timeout=1)
        taken = next(message)
        assert taken is not None
        found.append(int(taken.kwargs["alert_id"]))
        message.ack(taken)
    return found


def test_telling_raises_a_row_and_sends_one_message(room: Room, stub_broker: StubBroker) -> None:
    alerts.tell("unsafe", "c4.example", Severity.CRITICAL, object="c4.example")
    (row,) = incidents.open_ones(10)
    assert sent(stub_broker) == [row.id]
    announce_alert(row.id)
    assert [text.splitlines()[0] for text in room.texts()] == ["🔴 <b>UNSAFE</b>  c4[.]example"]


def test_a_transaction_that_fails_takes_the_incident_with_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(**_: Any) -> None:
        raise RuntimeError("broker")

    monkeypatch.setattr(announce_alert, "send_with_options", die, raising=False)
    with pytest.raises(RuntimeError):
        alerts.tell("unsafe", "c4.example", Severity.CRITICAL, object="c4.example")
    assert incidents.open_ones(10) == []


def test_closing_what_is_not_open_sends_nothing(room: Room, stub_broker: StubBroker) -> None:
    alerts.well("unsafe", "c4.example")
    alerts.settle("unsafe")
    assert sent(stub_broker) == []


def test_more_to_tell_is_another_message_to_ourselves(room: Room, stub_broker: StubBroker) -> None:
    alerts.tell("unsafe", "c4.example", Severity.WARNING, object="c4.example")
    (alert_id,) = sent(stub_broker)
    announce_alert(alert_id)
    alerts.well("unsafe", "c4.example")
    assert sent(stub_broker) == [alert_id]
    room.pass_time(minutes=1)
    announce_alert(alert_id)
    assert sent(stub_broker) == [alert_id]


def test_an_incident_that_another_run_tells_comes_back_later(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    alerts.tell("unsafe", "c4.example", Severity.CRITICAL, object="c4.example")
    monkeypatch.setattr("models.announcements.claim", lambda *_: False)
    with pytest.raises(Busy):
        announce_alert(incidents.open_ones(1)[0].id)


def test_the_reminder_finds_what_a_lost_message_left_untold(room: Room, stub_broker: StubBroker) -> None:
    alerts.tell("unsafe", "c4.example", Severity.CRITICAL, object="c4.example")
    (alert_id,) = sent(stub_broker)
    assert remind_of_alerts() == 0
    room.pass_time(seconds=31)
    assert remind_of_alerts() == 1
    assert sent(stub_broker) == [alert_id]
    announce_alert(alert_id)
    assert remind_of_alerts() == 0
    room.pass_time(minutes=5)
    assert remind_of_alerts() == 1


def test_an_acknowledgement_is_shown_and_ends_the_repetitions(room: Room, stub_broker: StubBroker) -> None:
    alerts.tell("unsafe", "c4.example", Severity.CRITICAL, object="c4.example")
    (alert_id,) = sent(stub_broker)
    announce_alert(alert_id)
    room.pass_time(minutes=1)
    assert alerts.acknowledge(alert_id, "@anna")
    assert not alerts.acknowledge(alert_id, "@ben")
    assert sent(stub_broker) == [alert_id]
    announce_alert(alert_id)
    assert "Acked by @anna 03:13" in room.texts()[0]
    assert one(alert_id).repeat_at is None


def test_without_a_bot_the_task_only_logs(database: Any, stub_broker: StubBroker) -> None:
    alerts.tell("unsafe", "c4.example", Severity.CRITICAL, object="c4.example")
    (alert_id,) = sent(stub_broker)
    announce_alert(alert_id)
    assert sent(stub_broker) == []
    assert one(alert_id).announced_at is None
