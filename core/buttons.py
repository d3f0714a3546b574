"""Buttons for messages to operators: each is a row, and the message carries nothing but its short id."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from config.clock import now
from integrations.telegram_port import Button
from models import buttons as rows
from models.buttons import ButtonRow
from models.incidents import Incident

ID_BYTES = 9
HOURS = 24


class Action(StrEnum):
    """What a button does, and what its object and its expected value are.

    - `ack`: incident id. `hold_pipeline`, `release_pipeline`: pipeline name. `hold_all`, `release_all`: nothing.
    - `undo_switch`, `rollback_voluum`: switch id. `approve_affise` (expected: the digest of its items),
      `reject_affise`, `rollback_affise`: request id. `accept_proposal`, `ignore_proposal`: proposal id.
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
    ROLLBACK_VOLUUM = "rollback_voluum"
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
    hours: float = HOURS
    allowed: tuple[int, ...] = ()


def button(text: str, action: str, object: object, *, expected: object = "", hours: float = HOURS) -> dict[str, str]:
    """Make a button, in the caller's transaction; what goes into a row of an incident's `payload["buttons"]`."""
    return make([Wanted(text, action, str(object), str(expected), hours)])[0]


def make(wanted: Sequence[Wanted]) -> list[dict[str, str]]:
    """Make several with one statement, in the caller's transaction."""
    made = [(one.text, _row(one)) for one in wanted]
    rows.add([row for _, row in made])
    return [{"text": text, "data": row.id} for text, row in made]


def under(incident: Incident) -> list[list[Button]]:
    """What stands under the message of an incident: buttons that may be pressed still, and one to acknowledge it."""
    if not incident.open:
        return []
    given: list[list[dict[str, Any]]] = list(incident.payload.get("buttons", ()))
    live = rows.live([one["data"] for row in given for one in row if one.get("data")], now())
    fit = [[one for one in row if one.get("url") or _fits(live.get(one.get("data", "")), incident)] for row in given]
    if incident.acked_at is None and Action.ACK.value not in live.values():
        fit = [[_ack(incident), *(fit[0] if fit else [])], *fit[1:]]
    return [[Button(**one) for one in row] for row in fit if row]


def _fits(action: str | None, incident: Incident) -> bool:
    return action is not None and not (action == Action.ACK and incident.acked_at is not None)


def _ack(incident: Incident) -> dict[str, str]:
    """The same button for half a day, so that news about an incident does not leave a row each time."""
    half_days = int(now().timestamp() // (HOURS * 1800))
    row = ButtonRow(
        f"ack-{incident.id}-{half_days}", Action.ACK.value, str(incident.id), "", (), now() + timedelta(hours=HOURS)
    )
    rows.add([row])
    return {"text": "Ack", "data": row.id}


def _row(wanted: Wanted) -> ButtonRow:
    ends = now() + timedelta(hours=wanted.hours)
    action = Action(wanted.action).value
    return ButtonRow(secrets.token_urlsafe(ID_BYTES), action, wanted.object, wanted.expected, wanted.allowed, ends)
