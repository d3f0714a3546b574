"""Messages that must not start: read together, at most once a second, because nearly no message is ever cancelled."""

from __future__ import annotations

import threading
import weakref

from config.clock import monotonic
from models.database import db, fetch

FRESH_SECONDS = 1.0


class Tombstones:
    """The cancelled message ids as of at most a second ago; a cancellation takes effect within that time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: frozenset[str] = frozenset()
        self._read_at = 0.0
        self._database: weakref.ref[object] | None = None

    def hold(self, message_id: str) -> bool:
        """Whether this message was cancelled; needs a connection when what is known has become old."""
        if monotonic() - self._read_at > FRESH_SECONDS or not self._is_of_this_database():
            self._read()
        return message_id in self._ids

    def _is_of_this_database(self) -> bool:
        return self._database is not None and self._database() is db.obj

    def _read(self) -> None:
        with self._lock:
            began = monotonic()
            self._ids = frozenset(str(row[0]) for row in fetch("select message_id from message_cancel"))
            self._read_at, self._database = began, weakref.ref(db.obj)


tombstones = Tombstones()
