"""Listening: one process at a time, through outages, until it is stopped or there is no use in it."""

from __future__ import annotations

from typing import Any

import pytest

from config.clock import now
from core.bot.people import Role
from models import bot_updates
from models.database import fetch
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT
from tests.eventually import eventually
from tests.worker.bot_room import ANNA, Desk, desk, link, sandbox
from worker import bot_listener
from worker.bot_listener import Ended, Listener, make

__all__ = ["desk", "sandbox"]


@pytest.fixture
def live(sqlite_database: Any, settings_env: SettingsEnv, sandbox: Sandbox, stub_broker: Any) -> Sandbox:
    """A chat in real time."""
    sandbox.reset()
    sandbox.edit("telegram", "settings", longest_poll_ms=50)
    settings_env(
        TELEGRAM_BOT_TOKEN="123:canary-token",
        TELEGRAM_CHAT_ID=str(CHAT),
        TELEGRAM_API_URL=f"{sandbox.url}/telegram",
    )
    link(ANNA, "anna", Role.OPERATOR)
    return sandbox


def started() -> Listener:
    listener = make()
    assert listener is not None
    listener.start()
    return listener


def say(sandbox: Sandbox, text: str) -> None:
    chat = {"id": CHAT, "type": "supergroup"}
    sandbox.edit("telegram", "update", message={"message_id": 1, "from": {"id": ANNA}, "chat": chat, "text": text})


def texts(sandbox: Sandbox) -> list[str]:
    return [one["text"] for one in sandbox.control("GET", "telegram/messages")["messages"]]


def test_it_answers_until_it_is_stopped_and_then_lets_another_listen(live: Sandbox) -> None:
    listener = started()
    say(live, "/whoami")
    eventually(lambda: bool(texts(live)))
    assert bot_updates.listener(now()) is not None
    listener.stop()
    assert bot_updates.listener(now()) is None
    listener.join(60)
    assert listener.ended is Ended.STOPPED


def test_one_listens_at_a_time_and_another_when_its_lease_is_over(desk: Desk) -> None:
    other = Listener(desk.port)
    assert desk.listener.has_turn()
    assert not other.has_turn()
    desk.pass_time(seconds=61)
    assert other.has_turn()
    assert not desk.listener.has_turn()


def test_an_outage_is_waited_out(live: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_listener, "LONGEST_PAUSE", 0.01)
    fault = live.fault("telegram", {"type": "status", "status": 502}, match={"path": "/*/getUpdates"}, times=3)
    say(live, "/whoami")
    listener = started()
    eventually(lambda: bool(texts(live)))
    listener.stop()
    listener.join(60)
    fired = {one["id"]: one["fired"] for one in live.control("GET", "faults")["faults"]}
    assert fired[fault] == 3


@pytest.mark.parametrize(
    ("odd", "ended"), [({"second_poller": True}, Ended.CONFLICT), ({"token": "9:other"}, Ended.UNAUTHORIZED)]
)
def test_when_there_is_no_use_in_it_it_ends_and_says_so(
    live: Sandbox, monkeypatch: pytest.MonkeyPatch, odd: dict[str, Any], ended: Ended
) -> None:
    monkeypatch.setattr(bot_listener, "CONFLICT_SECONDS", 0)
    live.edit("telegram", "settings", **odd)
    listener = started()
    listener.join(60)
    assert listener.ended is ended
    assert fetch("select kind, resolved_at from alert") == [("bot_deaf", None)]
    live.edit("telegram", "settings", second_poller=False, token=None)
    again = started()
    eventually(lambda: fetch("select resolved_at from alert")[0][0] is not None)
    again.stop()
    again.join(60)


@pytest.mark.parametrize("mode", ["off", "polling"])
def test_without_a_bot_or_switched_off_nobody_listens(settings_env: SettingsEnv, mode: str) -> None:
    settings_env(TELEGRAM_MODE=mode, **({"TELEGRAM_BOT_TOKEN": "1:x"} if mode == "off" else {}))
    assert make() is None
