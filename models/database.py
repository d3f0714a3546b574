"""Connecting, the few helpers for raw statements, and the check of a connection before it is used."""

from __future__ import annotations

import select
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2.extensions
from peewee import InterfaceError, OperationalError

from config.clock import monotonic
from config.settings import Settings
from models.engine import Postgres, Sqlite, db, is_postgres, statement_timeout_ms

__all__ = [
    "connect",
    "db",
    "disconnect",
    "ensure_connection",
    "execute",
    "fetch",
    "is_postgres",
    "safe_after_commit",
    "statement_timeout_ms",
]

DATABASE_DOWN = (OperationalError, InterfaceError)
IDLE_SECONDS = 1.0
_used = threading.local()

_KEEPALIVE = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "busy_timeout": 5000, "foreign_keys": 1}
_LIMITS = (
    "-c statement_timeout={statement} -c lock_timeout=2000 "
    "-c idle_in_transaction_session_timeout={idle} -c timezone=UTC -c jit=off"
)


def connect(settings: Settings, *, role: str = "worker", statement_ms: int = 15_000, idle_ms: int = 30_000) -> None:
    """Point the handle at the configured database; connections are opened per thread when first used."""
    url = settings.database_dsn
    if urlsplit(url).scheme == "sqlite":
        db.initialize(Sqlite(sqlite_path(url), pragmas=_PRAGMAS, lock_type="IMMEDIATE", timeout=5))
        return
    options = psycopg2.extensions.parse_dsn(url)
    name = options.pop("dbname", "signalbox")
    limits = _LIMITS.format(statement=statement_ms, idle=idle_ms)
    db.initialize(Postgres(name, **(_KEEPALIVE | options), options=limits, application_name=f"signalbox-{role}"))


def sqlite_path(url: str) -> str:
    """The file of a sqlite:/// address, with its folder made."""
    path = unquote(url.removeprefix("sqlite:///"))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return path


def disconnect() -> None:
    """Close this thread's connection, if there is one."""
    if db.obj is not None and not db.is_closed():
        db.close()


def fetch(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of a statement; parameters are `%s` on both engines."""
    return list(db.execute_sql(_placeholders(sql), params or None).fetchall())


def execute(sql: str, params: Sequence[Any] = ()) -> int:
    """Run a statement; the number of rows it touched."""
    return int(db.execute_sql(_placeholders(sql), params or None).rowcount)


def _placeholders(sql: str) -> str:
    return sql if is_postgres() else sql.replace("%s", "?")


def ensure_connection() -> None:
    """A live connection for this thread: a connection that the server closed while idle is replaced, not used."""
    if db.is_closed():
        db.connect()
    elif not db.is_connection_usable() or (_was_idle() and _server_hung_up()):
        drop_connection()
        db.connect()
    _used.at = monotonic()


def _was_idle() -> bool:
    # asking the socket gives up the interpreter lock, which a busy worker would pay for with every message
    return monotonic() - getattr(_used, "at", 0.0) > IDLE_SECONDS


def _server_hung_up() -> bool:
    if not is_postgres() or db.in_transaction():
        return False
    readable, _, _ = select.select([db.connection().fileno()], [], [], 0)
    return bool(readable)


def drop_connection() -> None:
    """Throw this thread's connection away without a word to the server, open transactions included."""
    if db.is_closed():
        return
    connection = db.connection()
    while db.in_transaction():
        db.pop_transaction()
    db.dispose()
    _close_quietly(connection)


def _close_quietly(connection: Any) -> None:
    try:
        connection.close()
    except (psycopg2.Error, sqlite3.Error) as error:
        _log().info("connection_close_failed", error=type(error).__name__)


def safe_after_commit(wake: Callable[[], object]) -> None:
    """Run a wake-up after COMMIT (at once outside a transaction); its failure never looks like a failed write."""

    def guarded() -> None:
        try:
            wake()
        except Exception as error:  # noqa: BLE001  the commit stands; whoever is not woken now finds the row by polling
            _log().warning("wake_up_failed", error=type(error).__name__)

    db.after_commit(guarded)


def _log() -> Any:
    # imported by failures only: it brings a renderer of tracebacks, which a command that reads would wait for
    import structlog

    return structlog.get_logger(__name__)


def pg_array(values: Iterable[object]) -> str:
    """The text of a PostgreSQL array of numbers, UUIDs, instants or None; several times faster than adapting a list."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def pg_text_array(values: Iterable[str | None]) -> str:
    """The text of a PostgreSQL text array, every element quoted."""
    return (
        "{"
        + ",".join(
            [
                "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
                for value in values
            ]
        )
        + "}"
    )
