"""The embedded mode's confirmed publish: what gathered while one commit was under way goes into the next."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass

import msgspec
import structlog
from dramatiq.errors import ConnectionClosed

from config.clock import monotonic
from models import queue as rows
from models.database import DATABASE_DOWN, db, disconnect, drop_connection, ensure_connection

log = structlog.get_logger(__name__)

MAX_WAITING = 1000


class _Head(msgspec.Struct):
    message_id: str


@dataclass(frozen=True, slots=True)
class _Order:
    queue: str
    message_id: str
    body: bytes
    deadline: float
    done: Future[None]


class GroupCommit:
    """Stores messages in the embedded queue from one thread; a future that is done means: committed and on disk."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[_Order] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def publish(self, queue: str, body: bytes, deadline: float = 5.0) -> Future[None]:
        """Store one encoded message within `deadline` seconds; the future fails with ConnectionClosed otherwise.

        Raises ValueError for a body that is no message.
        """
        order = _Order(queue, _message_id(body), body, monotonic() + deadline, Future())
        with self._changed:
            if self._closed or len(self._waiting) >= MAX_WAITING:
                order.done.set_exception(ConnectionClosed("the embedded queue takes no more messages now"))
            else:
                self._waiting.append(order)
                self._start_once()
                self._changed.notify()
        return order.done

    def close(self) -> None:
        """Store what waits, then end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _start_once(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while orders := self._next_group():
            self._settle(orders)
        disconnect()

    def _next_group(self) -> list[_Order]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            orders, self._waiting = self._waiting, []
            return orders

    def _settle(self, orders: list[_Order]) -> None:
        try:
            refusal = self._store(orders)
        except DATABASE_DOWN as error:
            drop_connection()
            refusal = f"the embedded queue cannot be written ({type(error).__name__})"
        if refusal:
            log.warning("group_not_stored", messages=len(orders), reason=refusal)
        for order in orders:
            _resolve(order, refusal)

    def _store(self, orders: list[_Order]) -> str | None:
        ensure_connection()
        at = monotonic()
        with db.atomic():
            if rows.is_full(self._most):
                return f"the embedded queue holds {self._most} messages"
            for order in orders:
                if order.deadline > at:
                    rows.put(order.queue, order.body, order.message_id)
        return None


def _resolve(order: _Order, refusal: str | None) -> None:
    if refusal is None and order.deadline > monotonic():
        order.done.set_result(None)
    else:
        # a late commit counts as a failure: the caller has gone another way, with the same id
        order.done.set_exception(ConnectionClosed(refusal or "the embedded queue was too slow"))


def _message_id(body: bytes) -> str:
    return msgspec.json.decode(body, type=_Head).message_id  # its errors are ValueErrors
