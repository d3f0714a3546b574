"""Clicks that failed for a fault: choosing them for a replay, and what the check of campaigns asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from models import bulk
from models.database import db, fetch, is_postgres
from models.fields import bind
from models.fields import day as as_day


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """Which faults are meant; what is not given does not restrict. Times are of the fault, days UTC days of clicks."""

    click_ids: tuple[str, ...] = ()
    code: str | None = None
    campaign_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    first_day: date | None = None
    last_day: date | None = None
    informer_id: int | None = None


_MATCHING = """
from click_error
where state in ('open', 'unknown')
    and (%s or click_id {in:uuid}) and (%s or code = %s) and (%s or campaign_id = %s) and (%s or informer_id = %s)
    and (%s or created_at >= {instant}) and (%s or created_at < {instant})
    and (%s or click_day {in:day}) and click_day >= %s and click_day <= %s
"""
_OPEN_DAYS = "select distinct click_day from click_error where state in ('open', 'unknown') order by click_day"
_CHOOSE = "select click_day, click_id, payload" + _MATCHING + "order by click_day, click_id limit %s"
_BY_CODE = "select code, count(*)" + _MATCHING + "group by code order by count(*) desc, code"
_KEYS = bulk.Rows("day day, id uuid")
_TO_RETRY = """
update click_error set state = 'retry', resolved_at = null, resolved_by = %s from {rows}
where state in ('open', 'unknown') and click_error.click_day = v.day and click_error.click_id = v.id
"""
_FORGET_START = """
update click set charge_started_at = null from {rows}
where state = 'void' and click.click_day = v.day and click.click_id = v.id
"""
_DISMISS = """
update click_error set state = 'dismissed', resolved_at = {instant}, resolved_by = %s from {rows}
where state in ('open', 'unknown') and click_error.click_day = v.day and click_error.click_id = v.id
"""
_FAILING = """
select campaign_id, count(*) from click_error
where created_at >= %s and campaign_id is not null and code {in:text} group by campaign_id having count(*) >= %s
order by campaign_id
"""


def open_days() -> list[date]:
    """UTC days of clicks of which there are open faults, oldest first."""
    return [as_day(day) for (day,) in fetch(_OPEN_DAYS)]


def take_for_replay(wanted: ErrorFilter, days: Sequence[date], limit: int, by: str) -> list[tuple[Any, ...]]:
    """Move up to `limit` matching faults of these days to `retry` in one transaction; (day, id, payload) of each."""
    with db.atomic():
        found = _choose(wanted, days, limit)
        if found:
            keys = [row[:2] for row in found]
            _KEYS.run(_TO_RETRY, keys, before=(by,))
            _KEYS.run(_FORGET_START, keys)
    return found


def open_by_code(wanted: ErrorFilter, days: Sequence[date] | None = None) -> dict[str, int]:
    """Matching faults of these days, or of all, by code, the most frequent first."""
    return {code: int(count) for code, count in bulk.read(_BY_CODE, _conditions(wanted, days))}


def dismiss_some(wanted: ErrorFilter, limit: int, at: datetime, by: str) -> int:
    """Settle up to `limit` matching faults of any day that nobody will replay, in the caller's transaction."""
    found = _choose(wanted, None, limit)
    return dismiss([row[:2] for row in found], at, by) if found else 0


def _choose(wanted: ErrorFilter, days: Sequence[date] | None, limit: int) -> list[tuple[Any, ...]]:
    locking = " for update skip locked" if is_postgres() else ""
    return bulk.read(_CHOOSE + locking, (*_conditions(wanted, days), limit))


def _conditions(wanted: ErrorFilter, days: Sequence[date] | None) -> tuple[Any, ...]:
    since, until = wanted.since and bind(wanted.since), wanted.until and bind(wanted.until)
    return (
        *(not wanted.click_ids, bulk.among(wanted.click_ids)),
        *(wanted.code is None, wanted.code),
        *(wanted.campaign_id is None, wanted.campaign_id),
        *(wanted.informer_id is None, wanted.informer_id),
        *(since is None, since),
        *(until is None, until),
        *(days is None, bulk.among(days or ())),
        *map(bind, (wanted.first_day or date.min, wanted.last_day or date.max)),
    )


def dismiss(keys: Sequence[tuple[date, str]], at: datetime, by: str) -> int:
    """Settle faults that nobody will replay; how many were still open."""
    return _KEYS.run(_DISMISS, keys, before=(bind(at), by))


def failing_campaigns(since: datetime, codes: Sequence[str], least: int) -> list[int]:
    """Campaigns with at least so many faults of these codes since an instant."""
    return [int(row[0]) for row in bulk.read(_FAILING, (bind(since), bulk.among(codes), least))]


def states(click_ids: Sequence[str]) -> dict[str, str]:
    """The state of the faults of these clicks."""
    query = "select click_id, state from click_error where click_id {in:uuid}"
    return {str(click_id): state for click_id, state in bulk.read(query, (bulk.among(click_ids),))}
