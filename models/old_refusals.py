"""Refused clicks and settled faults that have been kept long enough."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from models import archive
from models.archive import ArchiveState
from models.database import execute, fetch, is_postgres
from models.fields import bind

BATCH = 5000
_SETTLED = """
delete from click_error where (click_day, click_id) in (
    select click_day, click_id from click_error
    where state in ('replayed', 'dismissed') and click_day < %s and created_at < %s limit %s)
"""
_YOUNGER = "select 1 from {place} where click_day = %s and created_at >= %s limit 1"
_ARCHIVED = "delete from {place} where click_day = %s and created_at < %s"


def drop_rejected(before: date) -> int:
    """Drop refused clicks of days before a day; how many days."""
    store = archive.store()
    days = sorted({*store.live_days("click_rejected", before), *store.detached_days("click_rejected", before)})
    for day in days:
        store.drop_live("click_rejected", day)
    return len(days)


def drop_errors(before: date) -> int:
    """Delete settled faults that are older than a day, in the archive too; how many live ones."""
    gone = _drop_settled(before)
    for day in _empty(before):
        archive.store().drop_live("click_error", day)
    for day in sorted(archive.days_in("click_error", (ArchiveState.ARCHIVED,))):
        if day < before:
            _drop_archived(day, before)
    return gone


def _drop_settled(before: date) -> int:
    total, gone = 0, BATCH
    while gone:
        gone = execute(_SETTLED, (bind(before), bind(_midnight(before)), BATCH))
        total += gone
    return total


def _empty(before: date) -> list[date]:
    """Days of which nothing is left but the partition, also one whose dropping was interrupted."""
    if not is_postgres():
        return []
    store = archive.store()
    days = store.live_days("click_error", before)
    unused = [day for day in days if not fetch("select 1 from click_error where click_day = %s limit 1", (bind(day),))]
    return unused + store.detached_days("click_error", before)


def _drop_archived(day: date, before: date) -> None:
    place, values = archive.store().place("click_error", day), (bind(day), bind(_midnight(before)))
    if not fetch(_YOUNGER.replace("{place}", place), values):
        archive.purge("click_error", day)
    elif execute(_ARCHIVED.replace("{place}", place), values):
        archive.recount("click_error", day)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
