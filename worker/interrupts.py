"""Ends runs that take too long or outlive their process, without ever hitting the code around a run.

The library's own time limit raises in a thread at any moment, also between the run and its acknowledgement, where it
loses the message and ends the thread. Here the exception can only arrive inside `run`.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import sleep
from typing import TypeVar

import structlog
from dramatiq.middleware import Shutdown, TimeLimitExceeded
from dramatiq.threading import Interrupt, raise_thread_exception

from config.clock import monotonic

INTERVAL = 0.25
R = TypeVar("R")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Run:
    deadline: float
    stoppable: bool


class Interrupts:
    """The runs under way, by thread; each is interrupted at most once."""

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._lock = threading.Lock()
        self._runs: dict[int, _Run] = {}
        self._thread: threading.Thread | None = None

    def run(self, seconds: float, stoppable: bool, function: Callable[[], R]) -> R:
        """Call the function; TimeLimitExceeded after so many seconds, Shutdown if it is stoppable and we must end."""
        ident = threading.get_ident()
        try:
            try:
                self._enter(ident, _Run(monotonic() + seconds, stoppable))
                return function()
            finally:
                self._leave(ident)
        except Interrupt:
            self._leave(ident)  # it may have arrived while the line above was leaving; there is never a second one
            raise

    def shutdown(self) -> None:
        """Interrupt every stoppable run."""
        self._raise(Shutdown, lambda run: run.stoppable)

    def _enter(self, ident: int, run: _Run) -> None:
        with self._lock:
            self._runs[ident] = run
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="interrupts", daemon=True)
                self._thread.start()

    def _leave(self, ident: int) -> None:
        with self._lock:
            if self._runs.pop(ident, None) is not None:
                return  # nothing was raised; the call below would make CPython 3.11 hang under a tracer or debugger
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), None)  # forget what has not arrived yet

    def _watch(self) -> None:
        while True:
            sleep(self._interval)
            now = monotonic()
            self._raise(TimeLimitExceeded, lambda run, now=now: run.deadline <= now)  # type: ignore[misc]

    def _raise(self, kind: type[Interrupt], matches: Callable[[_Run], bool]) -> None:
        # under the lock, so that a thread that has left is never hit
        with self._lock:
            for ident in [ident for ident, run in self._runs.items() if matches(run)]:
                del self._runs[ident]
                raise_thread_exception(ident, kind)
                log.warning("run_interrupted", by=kind.__name__)


interrupts = Interrupts()
