"""Watches a worker from within: dead threads, stuck loops, memory; and carries out pauses that operators ordered."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

from config.clock import monotonic
from config.settings import environment
from models.database import DATABASE_DOWN, disconnect, drop_connection, ensure_connection, fetch
from worker import metrics

POLL_SECONDS = 2.0
CHECK_SECONDS = 5.0
STUCK_SECONDS = 30.0
MIB = 1024 * 1024
log = structlog.get_logger(__name__)


def end_process() -> None:
    """Ask this process to end in order; whoever runs it starts it again."""
    os.kill(os.getpid(), signal.SIGTERM)


class Supervisor(threading.Thread):
    """A thread that looks every two seconds; what it finds wrong it logs, counts, and answers with `end`."""

    def __init__(self, worker: Any, *, unit: str, max_rss_mib: int, end: Callable[[], object] = end_process) -> None:
        super().__init__(name="supervisor", daemon=True)
        self._worker = worker
        self._unit = unit
        self._max_rss = max_rss_mib * MIB
        self._end = end
        self._stopping = threading.Event()

    def run(self) -> None:
        """Poll and check until stopped."""
        checked_at = float("-inf")
        while not self._stopping.is_set():
            self.follow_pauses()
            if monotonic() - checked_at >= CHECK_SECONDS:
                checked_at = monotonic()
                self.check()
            self._stopping.wait(POLL_SECONDS)
        disconnect()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self.is_alive():
            self.join(5)

    def follow_pauses(self) -> None:
        """Pause and resume consumers as `queue_control` says; without a database everything stays as it is."""
        try:
            ensure_connection()
            paused = {str(queue) for (queue,) in fetch("select queue from queue_control where paused")}
        except DATABASE_DOWN:
            drop_connection()
            return
        current: set[str] = self._worker.broker.paused_queues
        for queue in paused - current:
            current.add(queue)
            self._tell(queue, paused=True)
        for queue in current - paused:
            current.discard(queue)
            self._tell(queue, paused=False)

    def _tell(self, queue: str, *, paused: bool) -> None:
        consumer = self._worker.consumers.get(queue)
        if consumer is None:
            return
        if paused:
            consumer.pause()
        else:
            consumer.resume()
        log.info("queue_paused" if paused else "queue_resumed", queue=queue)

    def check(self) -> None:
        """Look at threads and memory once."""
        rss = resident_bytes()
        metrics.RSS_BYTES.labels(self._unit).set(rss)
        threads = [*self._worker.workers, *self._worker.consumers.values()]
        metrics.THREADS_ALIVE.labels(self._unit).set(sum(thread.is_alive() for thread in threads))
        problems = [*self._lost_threads(threads), *self._stuck_consumers()]
        if rss > self._max_rss:
            problems.append(f"memory is {rss // MIB} MiB")
        for problem in problems:
            log.error("worker_unhealthy", problem=problem)
            metrics.UNHEALTHY.labels(self._unit).inc()
        if problems:
            self._end()
        else:
            notify("WATCHDOG=1")

    def _lost_threads(self, threads: list[Any]) -> Iterator[str]:
        for thread in threads:
            if not thread.is_alive():
                yield f"the thread {thread.name} has died"

    def _stuck_consumers(self) -> Iterator[str]:
        attempts: dict[str, float] = getattr(self._worker.broker, "consumed_at", {})
        for queue, thread in self._worker.consumers.items():
            ticked = max(getattr(thread.consumer, "ticked_at", 0.0), attempts.get(queue, 0.0))
            if ticked and not thread.paused and monotonic() - ticked > STUCK_SECONDS:
                yield f"the consumer of {queue} is stuck"


def resident_bytes() -> int:
    """The memory that this process occupies."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def notify(state: str) -> None:
    """Tell systemd, where it asked to be told."""
    path = environment().get("NOTIFY_SOCKET")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + path[1:] if path.startswith("@") else path)
        channel.sendall(state.encode())
