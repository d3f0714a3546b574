"""Spooled clicks on their way back: published again with the same ids as soon as the broker takes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import orjson
import structlog

from config.clock import monotonic
from core.ads.spool import Spool
from web import metrics
from web.breaker import Breaker, State
from web.envelope import QUEUE, message
from web.tickets import fitting

TICK_SECONDS = 1.0
DEAD_SECONDS = 30.0
CONFIRM_DEADLINE = 5.0
log = structlog.get_logger(__name__)

Publish = Callable[[str, bytes, float], Future[Any]]


class Drain:
    """A thread that hands over the files of this process, and those of dead ones, unless the breaker forbids it.

    After an outage no visitor may come for a while, so a spooled group serves as the breaker's probe as well.
    """

    def __init__(self, spool: Spool, publish: Publish, breaker: Breaker) -> None:
        self._spool = spool
        self._publish = publish
        self._breaker = breaker
        self._stopping = threading.Event()
        self._dead_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="spool-drain", daemon=True)

    def start(self) -> None:
        """Begin to look for files, at once and then every second."""
        self._thread.start()

    def stop(self) -> None:
        """End after the file under way; what is left is found by others as files of a dead process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * CONFIRM_DEADLINE)

    def _run(self) -> None:
        self._tick()
        while not self._stopping.wait(TICK_SECONDS):
            self._tick()

    def _tick(self) -> None:
        try:
            self.drain()
            metrics.SPOOL_DEPTH.set(self._spool.depth().clicks)
        except OSError as error:
            log.warning("spool_not_drained", error=type(error).__name__, errno=error.errno)

    def drain(self) -> int:
        """Hand over everything that waits, until the first failure; how many clicks were confirmed."""
        handed = 0
        if self._breaker.would_allow():
            self._spool.rotate()
        for path in self._files():
            if not self._breaker.would_allow() or self._stopping.is_set():
                break
            handed += self._hand_over(path)
        return handed

    def _files(self) -> list[Path]:
        files = self._spool.own_files()
        if monotonic() - self._dead_at > DEAD_SECONDS and self._breaker.would_allow():
            self._dead_at = monotonic()
            files += self._spool.dead_files()
        return files

    def _hand_over(self, path: Path) -> int:
        claimed = self._spool.claim(path)
        if claimed is None:
            return 0
        spooled = self._spool.read(claimed)
        metrics.TORN_LINES.inc(spooled.torn)
        if not self._publish_all([orjson.dumps(click) for click in spooled.clicks]):
            self._spool.release(claimed)
            return 0
        self._spool.delete(claimed)
        log.info("spool_file_handed_over", clicks=len(spooled.clicks), torn=spooled.torn)
        return len(spooled.clicks)

    def _publish_all(self, bodies: list[bytes]) -> bool:
        return all(self._publish_group(group) for group in _groups(bodies))

    def _publish_group(self, group: list[bytes]) -> bool:
        is_probe = self._breaker.state is not State.CLOSED
        if not self._breaker.allows():
            return False
        begun = monotonic()
        try:
            self._publish(QUEUE, message(group), CONFIRM_DEADLINE).result(2 * CONFIRM_DEADLINE)
        except Exception as error:  # noqa: BLE001  whatever the reason, the file stays and its turn comes again
            log.warning("spool_group_not_published", clicks=len(group), error=type(error).__name__)
            if is_probe:
                self._breaker.failed()
            return False
        if is_probe:
            self._breaker.succeeded(monotonic() - begun)
        return True


def _groups(bodies: list[bytes]) -> Iterator[list[bytes]]:
    start = 0
    while start < len(bodies):
        count = fitting(bodies[start:])
        yield bodies[start : start + count]
        start += count
