"""Reading a lot: one moment for several statements, and time for long ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from models.database import db, execute, is_postgres

_AT_LEISURE = (
    "set transaction isolation level repeatable read, read only",
    "set local statement_timeout = '10min'",
    # whoever reads the other end of a pipe may be slow
    "set local idle_in_transaction_session_timeout = '10min'",
)


@contextmanager
def at_leisure() -> Iterator[None]:
    """Statements inside see the database of one moment; SQLite, where a transaction would lock writers out, as it is.

    Not to be used inside a transaction.
    """
    if not is_postgres():
        yield
        return
    with db.atomic():
        for setting in _AT_LEISURE:
            execute(setting)
        yield
