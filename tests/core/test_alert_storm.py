"""A storm of incidents: few calls, and everyone's last state told exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core import alerts, announcing
from core.alerts import Severity
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room, assert_every_text_is_right, open_room

STORM = 500


@pytest.fixture
def room(database: Any, settings_env: SettingsEnv) -> Iterator[Room]:
    with open_room(settings_env) as made:
        made.sandbox.edit("telegram", "-1001234567890", per_minute=15)
        yield made


def raise_one(number: int) -> list[int]:
    key = f"c{number}.example"
    return alerts.raise_alert("unsafe", key, Severity.CRITICAL, {"object": key})


def test_five_hundred_incidents_stay_within_the_budget_and_end_in_right_texts(room: Room) -> None:
    for number in range(STORM):
        room.put(raise_one(number))
        if number % 10 == 0:
            room.work(most=1)
        room.pass_time(milliseconds=100)
    room.work()
    well = [f"c{number}.example" for number in range(0, STORM, 2)]
    room.work(alerts.resolve("unsafe", *well))
    assert {row["status"] for row in room.calls()} == {200}
    assert room.most_calls_in_a_minute() <= 15
    assert_every_text_is_right(room)


def test_alone_incidents_that_pile_up_in_an_outage_come_as_one_message(room: Room) -> None:
    fault = room.sandbox.fault("telegram", {"type": "status", "status": 503})
    for number in range(8):
        raise_one(number)
        room.pass_time(seconds=40)
    room.sandbox.control("DELETE", f"faults/{fault}")
    room.pass_time(minutes=3)
    room.work([*alerts.gather_backlog(), *announcing.due()])
    (text,) = room.texts()
    assert "8 incidents at once, 8 open" in text
