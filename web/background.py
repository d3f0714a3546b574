"""A thread of a web process that sleeps until somebody wakes it."""

from __future__ import annotations

import threading
from collections.abc import Callable

STOP_SECONDS = 5.0


class Background:
    """Runs `work` in a thread of its own; `work` returns when `stopping` is set and it has nothing left to do."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.stopping = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=work, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, and wait for it a few seconds."""
        self.stopping = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        """There is something to do; never blocks."""
        self._wake.set()

    def sleep(self, seconds: float | None = None) -> None:
        """Called by the thread itself: wait to be woken, for so many seconds at most."""
        self._wake.wait(seconds)
        self._wake.clear()
