"""Which days ask to be computed again, and which cannot be any more because their facts have left the tables."""

from __future__ import annotations

from datetime import date

from models.database import execute, fetch
from models.fields import bind, day


def marked(last: date) -> list[date]:
    """The days up to `last` that ask for new statistics, oldest first."""
    return [day(row[0]) for row in fetch("select day from stats_dirty_day where day <= %s order by day", (bind(last),))]


def marks(of: date) -> int:
    """How often a day has asked, 0 for not at all; later marks survive when these are cleared."""
    rows = fetch("select marks from stats_dirty_day where day = %s", (bind(of),))
    return int(rows[0][0]) if rows else 0


def clear(of: date, seen: int) -> bool:
    """Forget the marks of a day unless it was marked again since; True if it was forgotten."""
    return execute("delete from stats_dirty_day where day = %s and marks = %s", (bind(of), seen)) == 1


def cut_by_another_zone(zone: str) -> list[date]:
    """Days whose statistics were computed in another time zone, oldest first."""
    rows = fetch("select day from stats_overall_by_date where timezone <> %s order by day", (zone,))
    return [day(row[0]) for row in rows]


_GONE = """
select day from archived_day
where state <> 'restored' and ((day = %s and name in ('stats_daily', 'impression_daily', 'block_view_daily'))
    or (day >= %s and day <= %s and name in ('click', 'click_error')))
"""


def facts_are_gone(of: date, first_utc: date, last_utc: date) -> bool:
    """True if facts of this day of the reports, or its figures by offer, are in the archive or on their way there."""
    return bool(fetch(_GONE, (bind(of), bind(first_utc), bind(last_utc))))


_LEFT = """
select distinct day from archived_day where day >= %s and state <> 'restored' and name <> 'click_rejected'
"""


def left(first: date) -> set[date]:
    """The days from `first` on of which anything that statistics are made of has been archived, or is being."""
    return {day(row[0]) for row in fetch(_LEFT, (bind(first),))}
