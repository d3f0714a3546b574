"""Sends clicks that failed for a fault through all checks again, with their own id and time."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import orjson

from config.clock import now, today
from config.settings import get_settings
from models import archive, audit, click_errors
from models.archive import ArchiveState
from models.audit import ActorKind
from models.click_errors import ErrorFilter
from models.database import db

BATCH = 100
DISMISSED_AT_ONCE = 5000


def take(wanted: ErrorFilter, *, by: str = "replay", limit: int = BATCH) -> list[dict[str, Any]]:
    """Mark up to `limit` open faults as being replayed; their click messages, to be sent in the same transaction."""
    rows = click_errors.take_for_replay(wanted, _days(live=True), limit, by)
    return [_body(payload) for _, _, payload in rows]


def matching(wanted: ErrorFilter) -> dict[str, int]:
    """How many open faults a replay would take, by code."""
    return click_errors.open_by_code(wanted, _days(live=True))


def refused(wanted: ErrorFilter) -> int:
    """How many matching faults cannot be replayed: their day is archived or may be any moment."""
    return sum(click_errors.open_by_code(wanted, _days(live=False)).values())


def _days(*, live: bool) -> list[date]:
    """Days with open faults whose clicks are here to stay, also because they were brought back; or the other ones."""
    oldest = today() - timedelta(days=get_settings().archive_after_days)
    away, back = archive.days_in("click", archive.AWAY), archive.days_in("click", (ArchiveState.RESTORED,))
    return [day for day in click_errors.open_days() if ((day >= oldest and day not in away) or day in back) == live]


def dismissible(wanted: ErrorFilter) -> dict[str, int]:
    """How many open faults of any age match, by code."""
    return click_errors.open_by_code(wanted)


def dismiss(wanted: ErrorFilter, reason: str, by: str) -> int:
    """Settle faults that nobody will replay, with a row of the audit log for each batch; how many."""
    total = 0
    while count := _dismiss_some(wanted, reason, by):
        total += count
    return total


def _dismiss_some(wanted: ErrorFilter, reason: str, by: str) -> int:
    with db.atomic():
        count = click_errors.dismiss_some(wanted, DISMISSED_AT_ONCE, now(), by)
        if count:
            audit.record(
                actor_kind=ActorKind.USER, actor=by, action="clicks.dismiss", object="click_error", reason=reason,
                after={"faults": count} | _chosen_by(wanted),
            )  # fmt: skip
    return count


def _chosen_by(wanted: ErrorFilter) -> dict[str, str]:
    given = {name: value for name, value in asdict(wanted).items() if value and name != "click_ids"}
    return {name: str(value) for name, value in given.items()} | {"ids": " ".join(wanted.click_ids)}


def _body(payload: Any) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(payload) if isinstance(payload, str) else payload
    return body
