"""Days of the reports as a period of the stores, which go by UTC days and instants."""

from __future__ import annotations

from datetime import date, timedelta

from config.settings import get_settings
from core.ads import days
from models.period import Period


def stored(first: date, last: date) -> Period:
    """The UTC days and instants of days of the reports."""
    zone = get_settings().local_timezone
    start, end = days.bounds(first, zone)[0], days.bounds(last, zone)[1]
    return Period(start.date(), (end - timedelta(microseconds=1)).date(), start, end)
