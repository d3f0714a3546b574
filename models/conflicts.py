"""What went wrong in a transaction, and repeating one that lost against another."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from peewee import DataError, IntegrityError, OperationalError

from models.database import db

Result = TypeVar("Result")

# serialization failure, deadlock, lock not available in time: PostgreSQL ended us, not the work itself; unique
# violation: somebody else wrote the row after we had looked, and the next attempt will see it
_LOST = frozenset({"40001", "40P01", "55P03", "23505"})
_MOST = 5
REFUSED = (DataError, IntegrityError, ValueError)
"""A row that this database cannot hold; ValueError is what the driver raises for text with NUL or lone surrogates."""


def transaction(work: Callable[[], Result]) -> Result:
    """Run `work` in one transaction; repeated up to 5 times when another transaction won."""
    for attempt in range(_MOST):
        try:
            return _once(work)
        except (OperationalError, IntegrityError) as error:
            if code(error) not in _LOST:
                raise
            time.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311  jitter, no secret
    return _once(work)


def _once(work: Callable[[], Result]) -> Result:
    with db.atomic():
        return work()


def code(error: Exception) -> str | None:
    """The SQLSTATE of an error; None on SQLite."""
    return getattr(getattr(error, "orig", None), "pgcode", None)


def lacks_partition(error: Exception) -> bool:
    """True if a row had no partition to go to."""
    return code(error) == "23514" and "no partition of relation" in str(error)


def describe(error: Exception) -> str:
    """The kind of an error without the values it quotes."""
    state = code(error)
    return f"{type(error).__name__} {state}" if state else type(error).__name__
