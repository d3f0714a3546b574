"""Reads how long a service asks us to wait."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from config import clock

SHORTEST = 1.0
LONGEST = 3600.0


def seconds(header: str | None, default: float) -> float:
    """Seconds of a Retry-After header, given as a number or an HTTP-date; the default when absent, absurd or past."""
    asked = _parse((header or "").strip())
    return asked if asked is not None and SHORTEST <= asked <= LONGEST else default


def _parse(text: str) -> float | None:
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    return _until(text)


def _until(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text[:64])
        return (moment.replace(tzinfo=moment.tzinfo or UTC) - clock.now()).total_seconds()
    except (ValueError, OverflowError):
        return None
