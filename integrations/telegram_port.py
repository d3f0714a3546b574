"""What the product asks of a chat service, in plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

POLL_SECONDS = 25


@dataclass(frozen=True, slots=True)
class Button:
    """One button under a message; `data` (1–64 bytes) comes back when it is pressed, `url` opens a page instead."""

    text: str
    data: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be sent; `text` is HTML, `thread_id` a topic of a group, `reply_to` a message of the chat."""

    chat_id: int
    text: str
    thread_id: int | None = None
    silent: bool = False
    reply_to: int | None = None
    buttons: Sequence[Sequence[Button]] = ()
    html: bool = True


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a message landed: `chat_id` differs from the draft's when the group has moved, `in_topic` says whether
    the topic that was asked for still exists."""

    chat_id: int
    message_id: int
    in_topic: bool = True


class TelegramPort(Protocol):
    """What the product needs of a chat service; every method raises an outcome of `integrations.errors`."""

    def send(self, draft: Draft) -> Sent: ...

    def edit(self, message: Sent, text: str, buttons: Sequence[Sequence[Button]] = ()) -> None: ...

    def answer(self, press_id: str, text: str = "") -> None: ...

    def updates(self, after: int, seconds: int = POLL_SECONDS) -> list[dict[str, Any]]: ...

    def set_webhook(self, url: str, secret: str) -> None: ...

    def delete_webhook(self) -> None: ...

    def probe(self) -> str: ...
