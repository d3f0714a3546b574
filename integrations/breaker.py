"""Stops calling a service that keeps failing, and lets one call at a time find out whether it is back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from config.clock import monotonic
from integrations.errors import OutcomeUnknown, RateLimited, Rejected, Unavailable

IN_A_ROW = 5
WINDOW_SECONDS = 60
WINDOW_CALLS = 20
FIRST_PAUSE = 30.0
LONGEST_PAUSE = 600.0

log = structlog.get_logger(__name__)


class Breaker:
    """One per service and process. Open after 5 failures in a row, or when half of 20 or more calls in 60 s failed.

    Open it refuses for 30 s, then lets one call through; each failed trial doubles the wait, up to `longest_pause`.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Callable[[], float] = monotonic,
        on_close: Callable[[], None] | None = None,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self._name, self._clock, self._on_close, self._longest_pause = name, clock, on_close, longest_pause
        self._lock = threading.Lock()
        self._window = _Window()
        self._failures_in_a_row = 0
        self._pause = 0.0
        self._open_until = 0.0
        self._trial_running = False

    def is_open(self) -> bool:
        """True while a call would be refused."""
        with self._lock:
            return self._refuses()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run one call; raises Unavailable without running it while open."""
        trial = self._admit()
        try:
            yield
        except (RateLimited, Rejected):
            self._record(trial, healthy=True)
            raise
        except (Unavailable, OutcomeUnknown):
            self._record(trial, healthy=False)
            raise
        except BaseException:
            self._abandon(trial)
            raise
        self._record(trial, healthy=True)

    def _refuses(self) -> bool:
        return self._pause > 0 and (self._trial_running or self._clock() < self._open_until)

    def _admit(self) -> bool:
        with self._lock:
            if self._refuses():
                wait = max(self._open_until - self._clock(), 1.0)
                raise Unavailable(f"{self._name}: breaker open", retry_after=wait)
            self._trial_running = self._pause > 0
            return self._trial_running

    def _abandon(self, trial: bool) -> None:
        with self._lock:
            if trial:
                self._trial_running = False

    def _record(self, trial: bool, *, healthy: bool) -> None:
        with self._lock:
            closed = self._settle_trial(healthy) if trial else self._count(healthy)
        if closed and self._on_close:
            self._on_close()

    def _settle_trial(self, healthy: bool) -> bool:
        self._trial_running = False
        if not healthy:
            self._open(min(self._pause * 2, self._longest_pause))
            return False
        self._pause, self._failures_in_a_row, self._window = 0.0, 0, _Window()
        log.info("breaker_closed", service=self._name)
        return True

    def _count(self, healthy: bool) -> bool:
        if self._pause > 0:  # a call begun before the breaker opened says nothing about now
            return False
        self._failures_in_a_row = 0 if healthy else self._failures_in_a_row + 1
        self._window.add(int(self._clock()), healthy)
        if not healthy and (self._failures_in_a_row >= IN_A_ROW or self._window.mostly_failed()):
            self._open(FIRST_PAUSE)
        return False

    def _open(self, pause: float) -> None:
        self._pause, self._open_until = pause, self._clock() + pause
        log.warning("breaker_opened", service=self._name, seconds=pause)


class _Window:
    """Calls and failures of the last 60 s, one bucket per second, so that its size does not depend on the rate."""

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque()

    def add(self, second: int, healthy: bool) -> None:
        if not self._buckets or self._buckets[-1][0] != second:
            self._buckets.append([second, 0, 0])
        self._buckets[-1][1] += 1
        self._buckets[-1][2] += not healthy
        while self._buckets[0][0] <= second - WINDOW_SECONDS:
            self._buckets.popleft()

    def mostly_failed(self) -> bool:
        calls = sum(bucket[1] for bucket in self._buckets)
        failures = sum(bucket[2] for bucket in self._buckets)
        return calls >= WINDOW_CALLS and failures * 2 >= calls
