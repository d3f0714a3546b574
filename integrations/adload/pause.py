"""Stops asking AdLoad after it refused our key, until a trial five minutes later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from config.clock import monotonic
from integrations.errors import Unauthorized, Unavailable

TRIAL_AFTER = 300.0

log = structlog.get_logger(__name__)


class Pause:
    """Begins with an Unauthorized, ends with the first success; in between one trial every five minutes.

    A pause is told once. A success is told once after a pause, and once by a process that knows of none: the one
    that met it may be gone.
    """

    def __init__(
        self,
        *,
        on_pause: Callable[[Unauthorized], object] | None = None,
        on_resume: Callable[[], object] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._on_pause, self._on_resume, self._clock = on_pause, on_resume, clock
        self._until: float | None = None
        self._told = self._accepted = False

    def active(self) -> bool:
        """True while no call should be made."""
        return self._until is not None and self._clock() < self._until

    @contextmanager
    def guard(self, *, trial: bool = False) -> Iterator[None]:
        """Run one call; raises Unavailable without running it while paused, unless it is a deliberate trial."""
        if self.active() and not trial:
            raise Unavailable("adload: paused, key refused", retry_after=TRIAL_AFTER)
        try:
            yield
        except Unauthorized as error:
            self._begin(error)
            raise
        self._end()

    def _begin(self, error: Unauthorized) -> None:
        if self._until is None:
            log.error("adload_paused", status=error.status)
        self._until, self._accepted = self._clock() + TRIAL_AFTER, False
        if not self._told:
            self._told = self._on_pause is None or self._on_pause(error) is not False

    def _end(self) -> None:
        if self._until is not None:
            self._until = None
            log.info("adload_resumed")
        self._told = False
        if not self._accepted:
            self._accepted = self._on_resume is None or self._on_resume() is not False
