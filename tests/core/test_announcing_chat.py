"""Announcing while the chat itself changes: moved, without its topic, without a bot, out for a while."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from core import alerts, announcing, buttons
from core.alerts import Severity
from core.announcing import Told
from integrations.errors import OutcomeUnknown, Unavailable
from models import announcements
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT, Room, open_room


@pytest.fixture
def room(database: Any, settings_env: SettingsEnv) -> Iterator[Room]:
    with open_room(settings_env) as made:
        yield made


def unsafe(key: str = "c4.example", **more: Any) -> int:
    (alert_id,) = alerts.raise_alert("unsafe", key, Severity.CRITICAL, {"object": key, **more})
    return alert_id


def test_a_group_that_moved_is_remembered(room: Room) -> None:
    room.sandbox.edit("telegram", str(CHAT), moved_to=-42)
    room.work([unsafe(key="a.example")])
    assert announcements.current_chat(CHAT) == -42
    room.work([unsafe(key="b.example")])
    assert [message["chat_id"] for message in room.messages()] == [-42, -42]
    assert len(room.calls()) == 3


def test_a_topic_that_is_gone_is_an_incident_of_its_own(room: Room, settings_env: SettingsEnv) -> None:
    settings_env(TELEGRAM_THREAD_ID="42")
    room.sandbox.edit("telegram", str(CHAT), threads=[])
    room.work([unsafe()])
    room.pass_time(minutes=1)
    room.work(announcing.due())
    assert any(text.startswith("🟡 <b>TOPIC MISSING</b>") for text in room.texts())


def test_without_a_bot_nobody_is_called(database: Any, settings_env: SettingsEnv) -> None:
    assert announcing.announce(unsafe()) is Told.NO_BOT
    assert announcing.due() == []


def test_without_a_bot_the_log_says_what_happened(database: Any, settings_env: SettingsEnv) -> None:
    alert_id = unsafe(happened="listed as SOCIAL_ENGINEERING")
    with capture_logs() as lines:
        announcing.announce(alert_id)
        alerts.resolve("unsafe", "c4.example")
        announcing.announce(alert_id)
    assert [(line["event"], line["kind"], line["state"]) for line in lines] == [
        ("incident_changed", "unsafe", "open"),
        ("incident_changed", "unsafe", "over"),
    ]
    assert (lines[0]["object"], lines[0]["happened"]) == ("c4.example", "listed as SOCIAL_ENGINEERING")


def test_an_outage_ends_with_every_incident_told(room: Room) -> None:
    fault = room.sandbox.fault("telegram", {"type": "status", "status": 503})
    alert_id = unsafe()
    for _ in range(3):
        with pytest.raises((Unavailable, OutcomeUnknown)):
            announcing.announce(alert_id)
        room.pass_time(seconds=10)
    room.sandbox.control("DELETE", f"faults/{fault}")
    room.work([alert_id])
    assert len(room.messages()) == 1


def labels(room: Room) -> list[list[str]]:
    (message,) = room.messages()
    return [[button["text"] for button in row] for row in message["buttons"]]


def test_buttons_of_the_payload_are_under_the_message_while_they_may_be_pressed(room: Room) -> None:
    undo = buttons.button("Undo switch", "undo_switch", 1, hours=1 / 60)
    odd = {"text": "Nobody's", "data": 'a,"{}\\'}
    alert_id = unsafe(buttons=[[undo, odd, {"text": "Open", "url": "https://console.example/"}]])
    room.work([alert_id])
    assert labels(room) == [["Ack", "Undo switch", "Open"]]
    room.pass_time(minutes=2)
    assert alerts.acknowledge(alert_id, "anna")
    room.work([alert_id])
    assert labels(room) == [["Open"]]
    alerts.resolve("unsafe", "c4.example")
    room.work([alert_id])
    assert room.messages()[0]["buttons"] == []
