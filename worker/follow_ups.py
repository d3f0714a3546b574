"""Messages that follow from a change: rows beside it, published right after its commit, deleted when confirmed."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from typing import Any
from uuid import UUID

import structlog
from dramatiq import Message

from config.clock import now
from models import outbox
from models.database import DATABASE_DOWN, db, disconnect, drop_connection, ensure_connection, fetch, safe_after_commit
from worker.encoder import encoded
from worker.publisher import ConfirmPublisher

# how long the relay leaves a row to the process that wrote it
HEAD_START = timedelta(seconds=2)
log = structlog.get_logger(__name__)


class _Written(threading.local):
    """What this thread wrote in its open transaction."""

    transaction: object = None

    def __init__(self) -> None:
        self.rows: dict[int, tuple[str, bytes]] = {}


class FollowUps:
    """The writer's end of the outbox."""

    def __init__(self, publisher: ConfirmPublisher, confirm_seconds: float) -> None:
        self._publisher = publisher
        # after its head start the relay sends the row, so a later attempt from here would only be a copy
        self._confirm_seconds = min(confirm_seconds, HEAD_START.total_seconds())
        self._written = _Written()
        self._done: SimpleQueue[int | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, message: Message[Any], *, delay: timedelta | None = None, fair_key: str | None = None) -> None:
        """Store a message in the open transaction, or in one of its own; due after `delay`, bulk with a `fair_key`."""
        body = encoded(message)
        at_once = delay is None and fair_key is None and db.in_transaction()
        row_id = store(message, body, HEAD_START if at_once else delay or timedelta(), fair_key=fair_key)
        if at_once and row_id is not None:
            self._note(row_id, message.queue_name, body)

    def close(self) -> None:
        """Delete what is confirmed so far and end; the relay finds the rest."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._done.put(None)
            thread.join(5)

    def _note(self, row_id: int, queue: str, body: bytes) -> None:
        """Publish this row after the commit, together with the others of this transaction."""
        written, transaction = self._written, db.top_transaction()
        if written.transaction is not transaction:
            written.transaction, written.rows = transaction, {}
            safe_after_commit(partial(self._publish, written.rows))
        written.rows[row_id] = (queue, body)

    def _publish(self, rows: dict[int, tuple[str, bytes]]) -> None:
        self._written.transaction = None
        # a savepoint may have taken rows back, which the outermost commit does not tell
        for (row_id,) in fetch("select id from outbox where id = any(%s)", (list(rows),)):
            future = self._publisher.publish(*rows[row_id], self._confirm_seconds)
            future.add_done_callback(partial(self._landed, row_id))

    def _landed(self, row_id: int, future: Future[None]) -> None:
        if future.exception() is None:
            self._done.put(row_id)
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="follow-ups", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        gathered: list[int | None] = []
        while None not in gathered:
            gathered = [self._done.get()]
            while not self._done.empty():
                gathered.append(self._done.get())
            self._remove([row_id for row_id in gathered if row_id is not None])
        disconnect()

    def _remove(self, ids: list[int]) -> None:
        try:
            ensure_connection()
            outbox.remove(ids)
        except DATABASE_DOWN as error:
            # the rows stay, so the relay publishes them a second time; the message ids are the same
            log.warning("outbox_rows_not_removed", rows=len(ids), error=type(error).__name__)
            drop_connection()


def store(message: Message[Any], body: bytes, wait: timedelta, *, fair_key: str | None = None) -> int | None:
    """The message as a row that is due after `wait`; its id, or None if it waits already."""
    return outbox.put(
        message.actor_name,
        message.queue_name,
        body,
        UUID(message.message_id),
        attempt=message.options.get("attempt", 0),
        available_at=now() + wait,
        dedupe_key=message.options.get("dedupe_key"),
        fair_key=fair_key,
    )
