"""The handle of the database that this process is connected to, and which of the two engines it is."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from peewee import DatabaseProxy, PostgresqlDatabase, SqliteDatabase

db: Any = DatabaseProxy()
statement_timeout_ms: ContextVar[int | None] = ContextVar("statement_timeout_ms", default=None)


class Postgres(PostgresqlDatabase):
    """PostgreSQL; each transaction carries the statement timeout of the task that opened it."""

    def begin(self, isolation_level: Any = None) -> None:
        """Open a transaction; the time limit rides in the same round trip, so a pooler may sit in between."""
        limit = statement_timeout_ms.get()
        if limit is None:
            super().begin(isolation_level)
        else:
            db.execute_sql("BEGIN; SET LOCAL statement_timeout = %s", (limit,))


class Sqlite(SqliteDatabase):
    """SQLite in WAL mode; every transaction takes the write lock at once, so none fails half-way as "locked"."""


def is_postgres() -> bool:
    """True on PostgreSQL, False on SQLite; raises AttributeError before `connect`."""
    return isinstance(db.obj, PostgresqlDatabase)
