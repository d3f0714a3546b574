"""When to stop publishing to a sick broker, and when to try it again with one group."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum

from config.clock import monotonic

FAILURES_IN_A_ROW = 3
SLOW_SECONDS = 1.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


class State(StrEnum):
    """Closed: everything is published. Open: nothing is. Half open: one group is under way as a probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after three failures in a row, one slow confirm or a blocked connection; probes after 1, 2, 4 … 30 s.

    `on_change` is called with the new state, outside the lock, by the thread that caused the change.
    """

    def __init__(self, on_change: Callable[[State], object] = lambda state: None) -> None:
        self.state = State.CLOSED
        self._on_change = on_change
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._probe_at = 0.0

    def allows(self) -> bool:
        """True if the next group may be published; in the open state this makes the caller's group the probe."""
        if self.state is State.CLOSED:
            return True
        with self._lock:
            probes = self.would_allow()
            if probes:
                self.state = State.HALF_OPEN
        if probes:
            self._on_change(State.HALF_OPEN)
        return probes

    def would_allow(self) -> bool:
        """True if `allows` would say so now; changes nothing."""
        return self.state is State.CLOSED or (self.state is State.OPEN and monotonic() >= self._probe_at)

    def succeeded(self, seconds: float) -> None:
        """A group was confirmed after this long; a confirm slower than a second counts as sickness."""
        if seconds > SLOW_SECONDS:
            self.trip()
        elif self._failures or self.state is not State.CLOSED:
            self._close()

    def failed(self) -> None:
        """A group was refused, lost or not confirmed in time."""
        with self._lock:
            self._failures += 1
            enough = self._failures >= FAILURES_IN_A_ROW or self.state is State.HALF_OPEN
        if enough:
            self.trip()

    def trip(self) -> None:
        """Open at once: the broker blocks this connection, or took more than a second."""
        with self._lock:
            if self.state is State.OPEN:
                return
            self._pause = min(self._pause * 2, LONGEST_PAUSE) if self.state is State.HALF_OPEN else FIRST_PAUSE
            self.state, self._probe_at = State.OPEN, monotonic() + self._pause
        self._on_change(State.OPEN)

    def _close(self) -> None:
        with self._lock:
            changed = self.state is not State.CLOSED
            self.state, self._failures, self._pause = State.CLOSED, 0, FIRST_PAUSE
        if changed:
            self._on_change(State.CLOSED)
