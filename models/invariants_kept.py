"""What must hold of old days: archived once and whole, kept as long as the policy says and no longer."""

from __future__ import annotations

from datetime import date, timedelta

from config.clock import today
from config.settings import get_settings
from models import address_erasure, archive, bulk
from models.archive import KEYS, ArchiveState
from models.fields import bind
from models.invariant_check import Check, Found

GRACE = timedelta(days=3)
"""A night whose task failed is made up for within its retries and the nights after."""


def archived_twice(since: date) -> Found:
    """I5: (day, table, rows) that are in the live tables and in the archive."""
    store = archive.store()
    with store.reading():
        found = ((row.day, row.name, store.both(row.name, row.day)) for row in _archived(since))
        return [item for item in found if item[2]]


def archive_differs(since: date) -> Found:
    """I5: (day, table, remembered, found): what an archived day holds is not what was noted when it left."""
    store, found = archive.store(), []
    with store.reading():
        for row in _archived(since):
            noted = (row.row_count, row.advertiser_cost, row.partner_cost)
            held = store.totals(row.name, row.day)
            if noted != (held.rows, held.advertiser_cost, held.partner_cost):
                found.append((row.day, row.name, noted, (held.rows, held.advertiser_cost, held.partner_cost)))
    return found


def _archived(since: date) -> list[archive.ArchivedDay]:
    return [row for row in archive.listed(first=since) if row.state == ArchiveState.ARCHIVED]


def archived_too_soon(since: date) -> Found:
    """I15: (day, table) that left before its earnings were closed."""
    young = timedelta(days=get_settings().close_after_days)
    return [(row.day, row.name) for row in archive.listed(first=since) if row.archived_at.date() - row.day < young]


_UNERASED = """
select day, name from archived_day
where state = 'archived' and erased_at is null and name in ('click', 'click_error') and day < %s and day >= %s
"""


def addresses_kept(since: date) -> Found:
    """I15: (day, clicks or table) with addresses that should have been erased."""
    before = _before(get_settings().ip_retention_days)
    return [*address_erasure.left_over(before), *bulk.read(_UNERASED, (bind(before), bind(since)))]


_REJECTED = "select click_day, count(*) from click_rejected where click_day < %s group by click_day"
_SETTLED = """
select click_day, count(*) from click_error
where state in ('replayed', 'dismissed') and click_day < %s and created_at < %s group by click_day
"""
_UNPURGED = "select day, name from archived_day where state = 'archived' and day < %s"


def kept_too_long(since: date) -> Found:
    """I15: (day, rows or table) that should have been dropped, archived or purged."""
    settings = get_settings()
    errors = _before(settings.error_retention_days)
    live = _before(settings.archive_after_days)
    found = bulk.read(_REJECTED, (bind(_before(settings.rejected_retention_days)),))
    found += bulk.read(_SETTLED, (bind(errors), bind(errors)))
    found += [(day, table) for table in KEYS for day in archive.movable(table, live)]
    if settings.purge_after_days:
        found += bulk.read(_UNPURGED, (bind(_before(settings.purge_after_days)),))
    return [row for row in found if str(row[0]) >= since.isoformat()]


def _before(days: int) -> date:
    return today() - timedelta(days=days) - GRACE


CHECKS: tuple[Check, ...] = (
    Check("I5", "archived twice", "a row is in the live tables or in the archive", archived_twice),
    Check("I5", "archive differs", "an archived day holds what it held when it left", archive_differs),
    Check("I15", "archived too soon", "no day leaves before its earnings are closed", archived_too_soon),
    Check("I15", "addresses kept", "no address is kept longer than IP_RETENTION_DAYS", addresses_kept),
    Check("I15", "kept too long", "nothing is kept longer than the policy says", kept_too_long),
)
