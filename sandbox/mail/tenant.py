"""The letters that were delivered, and how the server is to behave towards the next one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import msgspec

from sandbox.fields import changed, whole_number
from sandbox.tenant import UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

KEPT = 10_000


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rcpt` and `data`: an answer in place of acceptance; `drop_after_dot`: take the letter and hang up."""

    rcpt: str = ""
    data: str = ""
    drop_after_dot: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery, as its reader sees it."""

    number: int
    at: str
    sender: str
    recipient: str
    message_id: str
    subject: str
    text: str


class Mail:
    """Everybody's mailbox; letters come in by the door, `GET /mail/letters` shows them."""

    name = "mail"

    def __init__(self, world: World) -> None:
        self._world = world
        self.reset()

    def reset(self) -> None:
        self.settings = Settings()
        self._letters: list[Letter] = []
        self._count = 0

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return {}

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        if object_id != "settings":
            raise UnknownObject(f"mail has no {object_id}; edit settings")
        self.settings = changed(self.settings, changes)
        return self.state()["settings"]  # type: ignore[no-any-return]

    def state(self) -> dict[str, Any]:
        return {"settings": msgspec.to_builtins(self.settings), "delivered": self._count}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        """`letters`, those with a number above `since`, oldest first."""
        if name != "letters":
            raise UnknownObject(f"mail has no list {name}")
        since = whole_number(parameters, "since", 0)
        return {"letters": [asdict(letter) for letter in self._letters if letter.number > since]}

    def answer(self, request: Request, path: str) -> Answer:
        if request.method != "GET" or path != "/letters":
            return json_answer({"error": "not found"}, 404)
        return json_answer(self.view("letters", {}))

    def take(self, sender: str, recipient: str, data: bytes) -> Letter:
        """Put a letter into the mailbox."""
        message = message_from_bytes(data, policy=default)
        assert isinstance(message, EmailMessage)
        body = message.get_body(("plain",))
        text = body.get_content().replace("\r\n", "\n") if body is not None else ""
        self._count += 1
        letter = Letter(
            self._count, self._world.clock.now().isoformat(), sender, recipient, str(message["Message-ID"]),
            str(message["Subject"]), text,
        )  # fmt: skip
        self._letters.append(letter)
        del self._letters[:-KEPT]
        return letter
