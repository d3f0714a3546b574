"""What the two workers of the overhead bench share: the task's name, its queue, threads and prefetch."""

from __future__ import annotations

import signal
import threading

TASK = "noop"
QUEUE = "bench-noop"
THREADS = 8
PREFETCH = 16


def wait_for_the_end() -> None:
    """Block until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
