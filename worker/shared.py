"""Tasks that belong to no area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from config import catalog
from models.envelope import decode
from models.runtime import DeadLetter, DeadReason, DeadState
from worker.actor import actor
from worker.failures import BadMessage


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """What a task is told about a message of its own that was given up."""

    dead_letter_id: int
    task: str
    message_id: str
    reason: DeadReason
    kwargs: dict[str, Any]
    args: tuple[Any, ...]


Handler = Callable[[DeadMessage], object]
HANDLERS: dict[str, Handler] = {}


def gave_up(handler: Handler) -> Handler:
    """Register a function under its own name, which catalog rows state as `gave_up`."""
    HANDLERS[handler.__name__] = handler
    return handler


@actor
def give_up(dead_letter_id: int) -> None:
    """Tell a task's area that one of its messages was given up, so that its rows say so too."""
    letter = DeadLetter.get_or_none(DeadLetter.id == dead_letter_id)
    if letter is None or letter.state != DeadState.DEAD:
        return
    handler = HANDLERS.get(catalog.find(letter.task).gave_up or "")
    if handler is None:
        raise BadMessage(f"{letter.task} names no known function for messages that were given up")
    handler(_dead_message(letter))


def _dead_message(letter: Any) -> DeadMessage:
    message = decode(bytes(letter.body))
    return DeadMessage(
        letter.id, letter.task, str(letter.message_id), letter.reason, message["kwargs"], tuple(message["args"])
    )
