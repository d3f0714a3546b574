"""Identifiers made here: UUIDv7, so that new keys land at the right edge of every index."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7; ids made one after another by one process sort in that order."""
    return uuid7()


def lowest_id(at: datetime) -> UUID:
    """An id below every one that is made from this instant on, and above every one made before its millisecond."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | 0x7 << 76 | 0x2 << 62)
