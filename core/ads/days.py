"""Which day an instant belongs to: the UTC day of the stores, and the day of the reports."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# no zone has changed its offset within a quarter of an hour of UTC since 1972
_QUARTER = 15 * 60 * SECOND


def microseconds(instant: datetime) -> int:
    """The instant as microseconds since 1970, exact."""
    return round(instant.timestamp() * SECOND)


def instant(at: int) -> datetime:
    """The aware UTC instant of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at)


def utc_day(at: int) -> date:
    """The UTC day, which chooses the partition."""
    return _utc_day(at // DAY)


@lru_cache(maxsize=1024)
def _utc_day(number: int) -> date:
    return _EPOCH.date() + timedelta(days=number)


def stat_day(at: int, zone: str) -> date:
    """The day of the reports."""
    return utc_day(at) if zone == "UTC" else _stat_day(at // _QUARTER, zone)


@lru_cache(maxsize=4096)
def _stat_day(quarter: int, zone: str) -> date:
    return instant(quarter * _QUARTER).astimezone(ZoneInfo(zone)).date()


def bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """First instant of a day of the reports, and of the next one."""
    tz = ZoneInfo(zone)
    first = datetime(day.year, day.month, day.day, tzinfo=tz)
    following = day + timedelta(days=1)
    after = datetime(following.year, following.month, following.day, tzinfo=tz)
    return first.astimezone(UTC), after.astimezone(UTC)
