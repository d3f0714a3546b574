"""Identifiers made here: UUIDv7, so that new keys land at the right edge of every index."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7; ids made one after another by one process sort in that order."""
    return uuid7()
