"""A period as statements need it."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple


class Period(NamedTuple):
    """First and last day by which the rows are stored, then the first instant and the one after the last."""

    first: date
    last: date
    start: datetime
    end: datetime
