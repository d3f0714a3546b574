"""The message of an incident: sent once, edited in place, repeated while nobody looks, closed with a reply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core import alerts, announcing
from core.alerts import Severity
from core.announcing import Told
from integrations.errors import Rejected
from models import announcements
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT, Room, one, open_room
from tests.together import together

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


@pytest.fixture
def room(database: Any, settings_env: SettingsEnv) -> Iterator[Room]:
    with open_room(settings_env) as made:
        yield made


def unsafe(severity: Severity = CRITICAL, key: str = "c4.example", **more: Any) -> int:
    payload = {"object": key, "happened": "suspected SOCIAL_ENGINEERING", **more}
    (alert_id,) = alerts.raise_alert("unsafe", key, severity, payload) or [0]
    return alert_id


def test_an_incident_is_one_message_that_stands_alone_in_its_first_line(room: Room) -> None:
    alert_id = unsafe()
    assert room.work([alert_id, alert_id]) == {"DONE": 1}
    (message,) = room.messages()
    assert message["text"].splitlines()[0] == "🔴 <b>UNSAFE</b>  c4[.]example"
    assert message["text"].splitlines()[-1] == f"03:12:41 UTC  incident #{alert_id}   also open: 0"
    assert (message["silent"], message["chat_id"]) == (False, CHAT)
    assert (one(alert_id).message_id, one(alert_id).chat_id) == (message["message_id"], CHAT)


def test_telling_again_what_was_told_calls_nobody(room: Room) -> None:
    alert_id = unsafe()
    for _ in range(3):
        room.work([alert_id])
    assert len(room.calls()) == 1


def test_news_edit_the_message_and_the_end_adds_one_reply(room: Room) -> None:
    alert_id = unsafe(WARNING)
    room.work([alert_id])
    room.pass_time(minutes=9)
    unsafe(WARNING)
    room.work([alert_id])
    assert "seen 2×, last 03:21" in room.texts()[0]
    room.work(alerts.resolve("unsafe", "c4.example"))
    room.work([alert_id])
    first, reply = room.messages()
    assert first["text"].startswith("🟢 <b>RECOVERED</b>  c4[.]example\nwas UNSAFE, over after 9 min")
    assert (reply["reply_to"], reply["silent"]) == (first["message_id"], True)
    assert reply["text"].startswith("🟢 <b>RECOVERED</b>  UNSAFE c4[.]example")
    assert (first["silent"], len(room.messages())) == (True, 2)


def test_a_return_within_half_an_hour_edits_the_same_message(room: Room) -> None:
    alert_id = unsafe(WARNING)
    room.work([alert_id])
    room.work(alerts.resolve("unsafe", "c4.example"))
    room.pass_time(minutes=29)
    assert unsafe(WARNING) == alert_id
    room.work([alert_id])
    assert room.texts()[0].startswith("🟡 <b>UNSAFE</b>  c4[.]example")
    room.work(alerts.resolve("unsafe", "c4.example"))
    room.pass_time(minutes=31)
    assert unsafe(WARNING) != alert_id


def test_a_critical_incident_is_repeated_until_somebody_acknowledges_it(room: Room) -> None:
    alert_id = unsafe()
    room.work([alert_id])
    heard = []
    for minute in range(1, 200):
        room.pass_time(minutes=1)
        if announcing.due() and room.work(announcing.due()):
            heard.append(minute)
    assert heard == [5, 15, 60, 120, 180]
    assert alerts.acknowledge(alert_id, "@anna")
    assert not alerts.acknowledge(alert_id, "@ben")
    room.work([alert_id])
    room.pass_time(hours=5)
    assert announcing.due() == []
    assert "Acked by @anna 06:31" in room.texts()[0]
    assert all(text.startswith("🔴 <b>STILL OPEN</b>  UNSAFE c4[.]example") for text in room.texts()[1:])
    assert not any(message["silent"] for message in room.messages())


def test_what_grows_worse_is_told_aloud_at_once_also_when_it_was_acknowledged(room: Room) -> None:
    alert_id = unsafe(WARNING)
    room.work([alert_id])
    alerts.acknowledge(alert_id, "@anna")
    unsafe(CRITICAL)
    room.work([alert_id])
    assert [message["silent"] for message in room.messages()] == [True, False]
    assert one(alert_id).acked_by is None
    unsafe(INFO)
    assert one(alert_id).severity is CRITICAL


def test_information_is_left_to_the_digest(room: Room) -> None:
    assert unsafe(INFO) == 0
    assert announcing.due() == []
    assert room.calls() == []


def test_what_is_over_before_it_was_told_is_told_only_if_it_was_critical(room: Room) -> None:
    mild, grave = unsafe(WARNING, "a.example"), unsafe(CRITICAL, "b.example")
    alerts.resolve("unsafe", "a.example", "b.example")
    room.work([mild, grave])
    (text,) = room.texts()
    assert text.startswith("🟢 <b>RECOVERED</b>  b[.]example")
    assert announcing.due() == []


def test_a_lost_answer_sends_a_critical_message_again_under_the_same_id(room: Room) -> None:
    room.sandbox.fault("telegram", {"type": "commit_then_drop"}, times=1)
    alert_id = unsafe()
    assert room.work([alert_id]) == {"Unavailable": 1, "DONE": 1}
    assert [f"incident #{alert_id} " in text for text in room.texts()] == [True, True]


def test_a_lost_answer_drops_a_warning(room: Room) -> None:
    room.sandbox.fault("telegram", {"type": "commit_then_drop"}, times=1)
    alert_id = unsafe(WARNING)
    room.work([alert_id])
    room.work([alert_id])
    assert len(room.messages()) == 1
    assert announcing.due() == []


def test_a_death_between_sending_and_remembering_makes_one_more_message(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    alert_id = unsafe()
    with monkeypatch.context() as patch:
        patch.setattr(announcements, "told", die)
        patch.setattr(announcements, "release", lambda _: None)
        with pytest.raises(Killed):
            announcing.announce(alert_id)
    assert announcing.announce(alert_id) is Told.TAKEN
    room.pass_time(seconds=announcing.CLAIM_SECONDS)
    room.work([alert_id])
    room.work([alert_id])
    assert [text.splitlines()[-1] for text in room.texts()] == [
        f"03:12:41 UTC  incident #{alert_id}   also open: 0"
    ] * 2


def test_two_at_once_send_one_message(room: Room) -> None:
    alert_id = unsafe()
    results = together(*[lambda: announcing.announce(alert_id).name] * 4)
    assert len(room.messages()) == 1
    assert set(results) <= {"DONE", "TAKEN"}


def test_what_the_chat_refuses_is_given_up_and_not_tried_for_ever(room: Room) -> None:
    room.sandbox.edit("telegram", str(CHAT), state="kicked")
    alert_id = unsafe()
    with pytest.raises(Rejected, match="kicked"):
        announcing.announce(alert_id)
    assert one(alert_id).announced_at is not None


def test_a_limit_of_telegram_silences_the_chat_for_as_long_as_it_asks(room: Room) -> None:
    body = '{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":37}}'
    room.sandbox.fault("telegram", {"type": "status", "status": 429, "body": body}, times=1)
    room.work([unsafe(key="a.example"), unsafe(key="b.example")])
    first, *later = [row["at"] for row in room.calls()]
    assert (first[11:19], later[0][11:19]) == ("03:12:41", "03:13:18")
    assert len(room.messages()) == 2


def test_a_refused_token_rests_for_five_minutes(room: Room) -> None:
    room.sandbox.edit("telegram", "settings", token="123:other")
    alert_id = unsafe()
    room.work([alert_id], most=3)
    assert [row["at"][11:19] for row in room.calls()] == ["03:12:41", "03:17:41", "03:22:41"]
    room.sandbox.edit("telegram", "settings", token=None)
    room.work([alert_id])
    assert len(room.messages()) == 1


def test_a_deleted_message_is_written_anew(room: Room) -> None:
    alert_id = unsafe(WARNING)
    room.work([alert_id])
    body = '{"ok":false,"error_code":400,"description":"Bad Request: message to edit not found"}'
    room.sandbox.fault("telegram", {"type": "status", "status": 400, "body": body}, times=1)
    unsafe(WARNING)
    room.work([alert_id])
    assert len(room.messages()) == 2
    assert one(alert_id).message_id == 2
