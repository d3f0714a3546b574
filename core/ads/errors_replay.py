"""Sends clicks that failed for a fault through all checks again, with their own id and time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson

from config.clock import today
from models import click_errors
from models.click_errors import ErrorFilter

OLDEST = timedelta(days=60)
"""Older days may be archived; their money is corrected by an adjustment instead."""
BATCH = 100


def take(wanted: ErrorFilter, *, by: str = "replay", limit: int = BATCH) -> list[dict[str, Any]]:
    """Mark up to `limit` open faults as being replayed; their click messages, to be sent in the same transaction."""
    rows = click_errors.take_for_replay(wanted, today() - OLDEST, today() + timedelta(days=1), limit, by)
    return [_body(payload) for _, _, payload in rows]


def matching(wanted: ErrorFilter) -> int:
    """How many open faults a replay would take."""
    return click_errors.count_open(wanted, today() - OLDEST, today() + timedelta(days=1))


def refused(wanted: ErrorFilter) -> int:
    """How many matching faults are too old to be replayed."""
    return click_errors.count_too_old(wanted, today() - OLDEST)


def _body(payload: Any) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(payload) if isinstance(payload, str) else payload
    return body
