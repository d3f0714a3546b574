"""A storm of incidents: few calls, and everyone's last state told exactly once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from core import alerts, announcing
from core.alerts import Severity
from models import incidents
from models.database import fetch
from tests.conftest import SettingsEnv
from tests.core.chatroom import Room, one, open_room

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


def assert_every_text_is_right(room: Room) -> None:
    """Each incident is told by exactly one message, its own or its storm's, and that says what is true now."""
    by_id = {message["message_id"]: message["text"] for message in room.messages()}
    told: set[int] = set()
    for (row_id,) in fetch("select id from alert where kind <> 'storm'"):
        incident = one(int(row_id))
        speaker = one(incident.group_id) if incident.group_id else incident
        assert speaker.message_id is not None
        assert speaker.told_version == speaker.version
        told.add(speaker.message_id)
        if incident.group_id is None:
            assert ("RECOVERED" in by_id[speaker.message_id]) is (not incident.open)
            assert incident.key.replace(".", "[.]") in by_id[speaker.message_id]
    storms = [text for text in by_id.values() if "<b>STORM</b>" in text]
    rows = fetch("select id from alert where kind = 'storm'")
    assert len(storms) == len(rows)
    for (row_id,), text in zip(rows, storms, strict=True):
        ((_, total, still),) = incidents.tally(int(row_id))
        assert f"<b>STORM</b>  {total} incidents at once, {still} open" in text
        named = len(re.findall(r"c\d+\[\.\]example", text))
        more = re.search(r"and (\d+) more", text)
        assert named + (int(more[1]) if more else 0) == still
    others = [message for message in room.messages() if message["message_id"] not in told]
    assert all(message["reply_to"] in told for message in others)


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
