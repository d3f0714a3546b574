"""The queue of the embedded mode: a broker on rows of the product's own SQLite database, for one process."""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import IO, Any

import structlog
from dramatiq import Broker, Consumer, Message, Middleware
from dramatiq.errors import ConnectionClosed, QueueJoinTimeout, QueueNotFound

from config.clock import monotonic, now
from config.errors import SettingsError
from config.settings import Settings
from models import queue
from models.database import DATABASE_DOWN, db, sqlite_path
from models.envelope import MAX_BYTES
from worker.group_commit import GroupCommit
from worker.leases import Held, LeaseConsumer

log = structlog.get_logger(__name__)


class DatabaseInUse(RuntimeError):
    """Another process consumes from this database file; the text says which and what to do."""


class SqliteBroker(Broker):
    """Messages are leased rows: an acknowledgement deletes the row, a crash leaves it to the next start."""

    def __init__(self, settings: Settings, middleware: list[Middleware] | None = None) -> None:
        if not settings.database_dsn.startswith("sqlite:"):
            raise SettingsError(["RABBITMQ_URL: is not set; PostgreSQL needs it, the embedded queue lives in SQLite"])
        super().__init__(middleware)
        self.publisher = GroupCommit(settings.embedded_queue_max)
        self.paused_queues: set[str] = set()
        self.holder = f"process-{os.getpid()}"
        self._most = settings.embedded_queue_max
        self._held: defaultdict[str, Held] = defaultdict(Held)
        self._file = Path(f"{sqlite_path(settings.database_dsn)}.lock")
        self._lock: IO[str] | None = None
        self._claiming = Lock()

    def claim(self) -> None:
        """Become the one process that consumes, and free what a dead one held; raises DatabaseInUse."""
        with self._claiming:
            if self._lock is None:
                self._lock = _locked(self._file)
                log.info("embedded_queue_claimed", freed=queue.void_leases())

    def declare_queue(self, queue_name: str) -> None:
        """Note a queue; delayed messages wait in the same one, so there is no second consumer for them."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30_000) -> Consumer:
        """An iterator over this queue's messages; the first one claims the database."""
        self._known(queue_name)
        self.claim()
        return LeaseConsumer(self, queue_name, prefetch, timeout / 1000, self._held[queue_name])

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Store a message, due after `delay` milliseconds, as part of the open transaction if there is one.

        Raises ConnectionClosed when the queue is full; a delayed message or one inside a transaction always fits.
        """
        self._known(message.queue_name)
        bulk = message.options.pop("fair_key", None) is not None
        self.emit_before("enqueue", message, delay)
        if db.in_transaction():
            _store(message, delay, bulk)
        else:
            self._store_or_refuse(message, delay, bulk)
        self.emit_after("enqueue", message, delay)
        return message

    def _store_or_refuse(self, message: Message[Any], delay: int | None, bulk: bool) -> None:
        try:
            if delay is None and queue.is_full(self._most):
                raise ConnectionClosed(f"the embedded queue holds {self._most} messages")
            _store(message, delay, bulk)
        except DATABASE_DOWN as error:
            raise ConnectionClosed(f"the embedded queue cannot be written ({type(error).__name__})") from error

    def flush(self, queue_name: str) -> None:
        """Drop what a queue holds."""
        self._known(queue_name)
        queue.flush(queue_name)

    def flush_all(self) -> None:
        """Drop what all queues hold."""
        for name in self.queues:
            queue.flush(name)

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait, at most `timeout` milliseconds, until a queue is empty, its delayed messages included."""
        self._known(queue_name)
        deadline = None if timeout is None else monotonic() + timeout / 1000
        signal = queue.signal(queue_name)
        while queue.count(queue_name):
            if deadline is not None and monotonic() >= deadline:
                raise QueueJoinTimeout(queue_name)
            signal.wait(signal.count, 0.02)

    def close(self) -> None:
        """Store what waits to be published, then let another process have the database."""
        self.publisher.close()
        if self._lock:
            self._lock.close()
            self._lock = None

    def _known(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)


def _store(message: Message[Any], delay: int | None, bulk: bool) -> None:
    body = message.encode()
    if len(body) > MAX_BYTES:
        raise ValueError(f"a message for {message.actor_name} has {len(body)} bytes; pass ids instead of data")
    at, key = now() + timedelta(milliseconds=delay or 0), message.options.get("dedupe_key")
    queue.put(message.queue_name, body, message.message_id, available_at=at, dedupe_key=key, bulk=bulk)


def _locked(path: Path) -> IO[str]:
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise DatabaseInUse(
            f"process {owner} uses this database; stop it, or set SQLITE_PATH to another file"
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
