"""What an invariant is: its number, what holds, and the query that finds what violates it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from config.clock import now
from models.fields import bind

Found = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant: its number in the reliability specification, what holds, and how violations are found."""

    id: str
    name: str
    holds: str
    find: Callable[[date], Found]


def ago(seconds: int) -> datetime | str:
    """The instant so many seconds ago, as a parameter."""
    moment: datetime | str = bind(now() - timedelta(seconds=seconds))
    return moment
