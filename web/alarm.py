"""Clicks that were lost are told to people as soon as the database takes it, which at first it may not."""

from __future__ import annotations

import threading

import structlog

from core.ads import lost_clicks
from models.database import DATABASE_DOWN, disconnect, drop_connection, ensure_connection
from web.background import Background

EVERY_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Alarm:
    """A thread that sleeps until a click is lost, and then tries once a second; it keeps no connection."""

    def __init__(self) -> None:
        self._lost = 0
        self._lock = threading.Lock()
        self._thread = Background("lost-clicks", self._run)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Try a last time, then end."""
        self._thread.stop()

    def sound(self) -> None:
        """One more click is lost; never blocks."""
        with self._lock:
            self._lost += 1
            first = self._lost == 1
        if first:
            self._thread.wake()

    def _run(self) -> None:
        while not self._thread.stopping:
            self._thread.sleep(EVERY_SECONDS if self._lost else None)
            self._tell()

    def _tell(self) -> None:
        lost = self._lost
        if not lost:
            return
        try:
            ensure_connection()
            lost_clicks.tell(lost)
            disconnect()
        except DATABASE_DOWN as error:
            log.warning("lost_clicks_not_told", clicks=lost, error=type(error).__name__)
            drop_connection()
        else:
            with self._lock:
                self._lost -= lost
