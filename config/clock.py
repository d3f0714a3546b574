"""The only source of the current time, so that tests can set it."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime


def now() -> datetime:
    """The current instant, aware, UTC, in microseconds."""
    return datetime.now(UTC)


def today() -> date:
    """The current date in UTC, which is the partition day of a click made now."""
    return now().date()


def monotonic() -> float:
    """Seconds for durations and deadlines; never moves backwards."""
    return time.monotonic()
