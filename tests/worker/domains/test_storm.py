"""A storm of incidents as the tasks meet it: few calls to the chat, and in the end every text is right."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from models import incidents
from models.database import fetch
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT, Room, assert_every_text_is_right, open_room
from tests.search import examples
from tests.worker.domains.crew import employed
from tests.worker.domains.desk import Desk
from worker import alerts
from worker.alerts import Severity, remind_of_alerts

MOST_CALLS = 20
SECONDS = 60
KINDS = {"unsafe": Severity.CRITICAL, "drift": Severity.WARNING, "spare_lost": Severity.WARNING}
TASKS = ("announce_alert", "remind_of_alerts")


@pytest.mark.search
def test_n7_a_storm_of_incidents_is_told_in_few_calls_and_ends_in_right_texts(room: Room, desk: Desk) -> None:
    size = examples(500, gate=40)
    _rage(room, size, lambda seconds: desk.pass_time(seconds, *TASKS))
    desk.pass_time(600, *TASKS, step=4)
    _assert_told(room, size)


@pytest.mark.search
def test_n7_the_same_storm_goes_through_the_queue_with_one_message_of_each_incident(
    sqlite_database: Any, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Actors on the real embedded queue, with its retries, before a chat behind sockets."""
    size = examples(500, gate=40)
    with open_room(settings_env) as room, employed(room.clock, monkeypatch, "alerts", "periodic") as crew:

        def pass_time(seconds: float, step: float = 5) -> None:
            crew.pass_time(seconds, step)
            assert set(crew.waiting("announce_alert").values()) <= {1}

        _rage(room, size, pass_time)
        for _ in range(10):
            remind_of_alerts.send()
            pass_time(60, step=4)
        _assert_told(room, size)
        assert crew.waiting("announce_alert") == {}
        assert fetch("select count(*) from dead_letter") == [(0,)]


def _rage(room: Room, size: int, pass_time: Callable[[float], None]) -> None:
    """Incidents of all kinds within a minute, many of which end meanwhile and a third of the rest after it."""
    room.sandbox.edit("telegram", str(CHAT), per_minute=MOST_CALLS)
    random = Random(7)
    for number in range(size):
        kind = random.choice(list(KINDS))
        alerts.tell(kind, f"c{number}.example", KINDS[kind], object=f"c{number}.example")
        if random.random() < 0.3:
            alerts.well(kind, f"c{random.randrange(number + 1)}.example")
        pass_time(SECONDS / size)
    for kind in KINDS:
        alerts.well(kind, *(f"c{number}.example" for number in range(0, size, 3)))


def _assert_told(room: Room, size: int) -> None:
    """Within the limits of the chat, and every incident by one message that says what is true now."""
    assert {row["status"] for row in room.calls()} == {200}
    assert room.most_calls_in_a_minute() <= MOST_CALLS
    assert_every_text_is_right(room)
    rows = fetch("select count(*), count(resolved_at) from alert where kind <> 'storm'")
    assert rows[0][0] == size
    assert size > rows[0][1] >= size // 3
    assert len(incidents.open_ones(size + 20)) >= size - rows[0][1]
