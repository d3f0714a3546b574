"""Updates as Telegram delivers them, read into what was said or pressed, by whom and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LONGEST_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Said:
    """A message; `private` if the chat is the sender's own with the bot."""

    update_id: int
    person_id: int
    chat_id: int
    message_id: int
    private: bool
    text: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press of a button; `press_id` is what the answer names, `data` the id of the button."""

    update_id: int
    person_id: int
    chat_id: int
    message_id: int
    private: bool
    press_id: str
    data: str


def read(update: Any) -> Said | Pressed | None:
    """What an update says; None for what the bot has no use for, however it looks."""
    try:
        if "callback_query" in update:
            return _pressed(update["update_id"], update["callback_query"])
        return _said(update["update_id"], update["message"])
    except (KeyError, TypeError, AttributeError):
        return None


def number_of(update: Any) -> int | None:
    """The number of an update; None if it has none that can be kept."""
    found = update.get("update_id") if isinstance(update, dict) else None
    return found if _is_number(found) else None


def _pressed(update_id: Any, press: Any) -> Pressed | None:
    message = press["message"]
    numbers = (update_id, press["from"]["id"], message["chat"]["id"], message["message_id"])
    if not (all(map(_is_number, numbers)) and isinstance(press["data"], str) and isinstance(press["id"], str)):
        return None
    return Pressed(*numbers, _is_private(message), press["id"], press["data"][:64])


def _said(update_id: Any, message: Any) -> Said | None:
    numbers = (update_id, message["from"]["id"], message["chat"]["id"], message["message_id"])
    if not (all(map(_is_number, numbers)) and isinstance(message["text"], str)):
        return None
    return Said(*numbers, _is_private(message), message["text"][:LONGEST_TEXT].replace("\x00", ""))


def _is_private(message: Any) -> bool:
    return bool(message["chat"].get("type") == "private")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) < value < 2**63
