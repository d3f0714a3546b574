"""A chat in which people write and press, a bot that listens to it, and what both leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker

from config.settings import get_settings
from core import announcing
from core.bot import people
from core.bot.people import Role
from core.domains.persons import By
from integrations.telegram_text import plain
from models.database import db, fetch
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.chatroom import CHAT, START, Room
from worker import alerts
from worker.alerts import Severity
from worker.bot_listener import Listener

ANNA, BEN, EVE = 101, 102, 666
"""An operator, a viewer, and somebody whom nobody knows."""
SECRET = "s" * 40


class Desk(Room):
    """The operators' group, in which the bot listens."""

    def __init__(self, sandbox: Sandbox, clock: time_machine.Traveller, broker: StubBroker) -> None:
        super().__init__(sandbox, clock)
        self._broker = broker
        port = announcing.chat_bot(get_settings())
        assert port is not None
        self.port = port
        self.listener = Listener(port)

    def say(self, text: str, who: int = ANNA, chat: int | None = None) -> str:
        """Somebody writes; what the bot answers, as it is read, "" if nothing."""
        before = len(self.messages())
        self.put_update(message=self.message(who, chat or CHAT) | {"text": text})
        self.listen()
        new = self.messages()[before:]
        return plain(new[-1]["text"]) if new else ""

    def press(self, label: str, who: int = ANNA, **more: Any) -> str:
        """Somebody presses the button that reads so; what pops up."""
        self.put_update(callback_query=self.pressed(label, who) | more)
        self.listen()
        return self.toast()

    def pressed(self, label: str, who: int = ANNA) -> dict[str, Any]:
        """A press of the newest button that reads so."""
        for message in reversed(self.messages()):
            for button in (one for row in message["buttons"] for one in row):
                if button["text"] == label:
                    return self.press_of(button["callback_data"], who, message["chat_id"], message["message_id"])
        raise LookupError(label)

    def press_of(self, data: str, who: int = ANNA, chat: int = CHAT, message_id: int = 1) -> dict[str, Any]:
        """A press of a button with this data."""
        message = self.message(who, chat) | {"message_id": message_id}
        return {"id": f"press-{len(self.answers())}", "from": {"id": who}, "message": message, "data": data}

    def message(self, who: int, chat: int) -> dict[str, Any]:
        kind = "private" if chat > 0 else "supergroup"
        return {"message_id": 9000, "from": {"id": who}, "chat": {"id": chat, "type": kind}}

    def put_update(self, **update: Any) -> None:
        self.sandbox.edit("telegram", "update", **update)

    def listen(self) -> None:
        """The bot asks once and handles what came, after a while in which the chat was quiet."""
        self.pass_time(seconds=12)
        assert self.listener.has_turn()
        self.listener.round()

    def answers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.control("GET", "telegram/answers")["answers"]
        return found

    def toast(self) -> str:
        return str(self.answers()[-1]["text"])

    def labels(self) -> list[str]:
        """The buttons of the newest message."""
        return [button["text"] for row in self.messages()[-1]["buttons"] for button in row]

    def sent(self, task: str) -> list[dict[str, Any]]:
        """The arguments of messages to a task, which are taken out of their queue."""
        return [kwargs for name, kwargs in self._taken() if name == task]

    def announce(self) -> None:
        """Bring the messages of incidents up to date."""
        self.pass_time(seconds=12)
        self.work([kwargs["alert_id"] for kwargs in self.sent("announce_alert")])

    def _taken(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for queue in self._broker.queues.values():
            while not queue.empty():
                body = orjson.loads(queue.get())
                queue.task_done()
                yield body["actor_name"], body["kwargs"]


def audited(action: str) -> list[tuple[str, str, str]]:
    """(kind of actor, actor, reason) of the audit rows of an action."""
    return fetch("select actor_kind, actor, reason from audit_log where action = %s order by id", (action,))


def link(telegram_id: int, name: str, role: Role) -> None:
    """Somebody is known to the bot."""
    code = people.invite(name, role, By("root"))
    with db.atomic():
        people.link(code, telegram_id, By(name, kind="telegram"))


@contextmanager
def open_desk(settings_env: SettingsEnv, sandbox: Sandbox, broker: StubBroker, **settings: str) -> Iterator[Desk]:
    """A bot, its group, an operator called anna and a viewer called ben; the clock stands at START."""
    sandbox.reset()
    sandbox.control("DELETE", "journal")
    sandbox.edit("telegram", "settings", longest_poll_ms=0)
    with time_machine.travel(START, tick=False) as clock:
        settings_env(
            TELEGRAM_BOT_TOKEN="123:canary-token", TELEGRAM_CHAT_ID=str(CHAT),
            TELEGRAM_API_URL=f"{sandbox.url}/telegram", **settings,
        )  # fmt: skip
        link(ANNA, "anna", Role.OPERATOR)
        link(BEN, "ben", Role.VIEWER)
        yield Desk(sandbox, clock, broker)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One for all tests of a module."""
    with Sandbox() as made:
        yield made


@pytest.fixture
def desk(database: Any, settings_env: SettingsEnv, sandbox: Sandbox, stub_broker: StubBroker) -> Iterator[Desk]:
    """The group on either engine."""
    with open_desk(settings_env, sandbox, stub_broker) as made:
        yield made


def unsafe(desk: Desk, **payload: Any) -> int:
    """An incident whose message is out."""
    alerts.tell("unsafe", "c4.example", Severity.CRITICAL, object="c4.example", **payload)
    desk.announce()
    return int(fetch("select max(id) from alert")[0][0])
