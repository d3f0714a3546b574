"""Keeps a process below a service's rate, and silent for as long as the service asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from config.clock import monotonic
from integrations.errors import RateLimited


class Pace(Protocol):
    """What a client asks before each call: a limit of its own, or one that several processes share."""

    def take(self) -> None:
        """Use one call; raises RateLimited with the seconds until there is one."""

    def hold(self, seconds: float) -> None:
        """Let nothing through for so long."""


class Limiter:
    """A token bucket: `rate` calls a second on average, `burst` at once. Without a rate it only obeys `hold`."""

    def __init__(
        self, name: str, *, rate: float | None = None, burst: int = 1, clock: Callable[[], float] = monotonic
    ) -> None:
        self._name, self._rate, self._burst, self._clock = name, rate, float(burst), clock
        self._lock = threading.Lock()
        self._tokens, self._filled_at, self._held_until = self._burst, clock(), float("-inf")

    def take(self) -> None:
        """Use one token; raises RateLimited with the seconds until there is one."""
        with self._lock:
            wait = self._wait()
            if wait <= 0 and self._rate:
                self._tokens -= 1
        if wait > 0:
            raise RateLimited(f"{self._name}: own rate limit", retry_after=wait, sent=False)

    def hold(self, seconds: float) -> None:
        """Empty the bucket and let nothing through for so long; the service answered 429."""
        with self._lock:
            self._tokens = 0.0
            self._held_until = max(self._held_until, self._clock() + seconds)
            # the first call after the hold is the one the service allowed
            self._filled_at = self._held_until - (1 / self._rate if self._rate else 0)

    def _wait(self) -> float:
        now = self._clock()
        if now < self._held_until:
            return self._held_until - now
        if not self._rate:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return 0.0 if self._tokens >= 1 - 1e-9 else (1 - self._tokens) / self._rate
