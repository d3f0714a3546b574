"""Buttons for messages to operators: each is a row, and the message carries nothing but its short id."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from config.clock import now
from models import buttons as rows
from models.buttons import ButtonRow

ID_BYTES = 9


class Action(StrEnum):
    """What a button does, and what its object and its expected value are.

    - `ack`: incident id. `hold_pipeline`, `release_pipeline`: pipeline name. `hold_all`, `release_all`: nothing.
    - `undo_switch`: switch id. `approve_affise` (expected: the digest of its items), `reject_affise`,
      `rollback_affise`: request id. `accept_proposal`, `ignore_proposal`: proposal id.
    - `return_to_work`, `keep_out`: domain and pipeline as `c4.example/DE-sweeps`.
    - `command`: the text of a command that was asked to be confirmed.
    """

    ACK = "ack"
    HOLD_PIPELINE = "hold_pipeline"
    HOLD_ALL = "hold_all"
    RELEASE_PIPELINE = "release_pipeline"
    RELEASE_ALL = "release_all"
    UNDO_SWITCH = "undo_switch"
    APPROVE_AFFISE = "approve_affise"
    REJECT_AFFISE = "reject_affise"
    ROLLBACK_AFFISE = "rollback_affise"
    ACCEPT_PROPOSAL = "accept_proposal"
    IGNORE_PROPOSAL = "ignore_proposal"
    RETURN_TO_WORK = "return_to_work"
    KEEP_OUT = "keep_out"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A button to be made; `hours` is how long it may be pressed, `allowed` by whom (Telegram ids, empty = anybody)."""

    text: str
    action: str
    object: str
    expected: str = ""
    hours: float = 24.0
    allowed: tuple[int, ...] = ()


def button(text: str, action: str, object: object, *, expected: object = "", hours: float = 24) -> dict[str, str]:
    """Make a button, in the caller's transaction; what goes into a row of an incident's `payload["buttons"]`."""
    return make([Wanted(text, action, str(object), str(expected), hours)])[0]


def make(wanted: Sequence[Wanted]) -> list[dict[str, str]]:
    """Make several with one statement, in the caller's transaction."""
    made = [(one.text, _row(one)) for one in wanted]
    rows.add([row for _, row in made])
    return [{"text": text, "data": row.id} for text, row in made]


def _row(wanted: Wanted) -> ButtonRow:
    ends = now() + timedelta(hours=wanted.hours)
    action = Action(wanted.action).value
    return ButtonRow(secrets.token_urlsafe(ID_BYTES), action, wanted.object, wanted.expected, wanted.allowed, ends)
