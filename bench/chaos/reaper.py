"""Replaces workers that kill themselves in a window by others that will, until every planned death has happened."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from time import sleep

from bench.chaos.nemesis import Deed, Hunter
from bench.chaos.plan import Act, Do
from bench.system import Process, System
from config.clock import monotonic

PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.02
Start = Callable[[str, str], Process]


class Reaper(Hunter):
    """Gives each dead worker a successor with the next window of the plan, in the end one that lives.

    `start(name, crash)` starts a worker that dies there; an empty text means that it does not.
    """

    def __init__(
        self, acts: Sequence[Act], names: Sequence[str], system: System, start: Start, seconds: Callable[[], float]
    ) -> None:
        super().__init__("reaper")
        self._planned = [act.targets[0] for act in acts]
        self._names = names
        self._system = system
        self._start = start
        self._seconds = seconds
        self._windows: dict[str, str] = {}

    def start(self) -> None:
        """Start the first worker of each name, and watch them."""
        for name in self._names:
            self._succeed(name)
        super().start()

    def join(self) -> None:
        """Wait for the deaths to come, but not for ever; then who would still die is replaced by one that will not.

        Raises what went wrong meanwhile.
        """
        # on a slow machine the load may have ended before the first worker is up, but what it sent still waits
        ends_at = monotonic() + PATIENCE_SECONDS
        while self._expects_deaths() and monotonic() < ends_at:
            sleep(_LOOK_SECONDS)
        self.cancel()
        if self.failure:
            raise self.failure
        self._planned.clear()
        for name in [name for name, window in self._windows.items() if window]:
            self._system.stop(name)
            self._succeed(name)

    def _expects_deaths(self) -> bool:
        return self.failure is None and bool(self._planned or any(self._windows.values()))

    def _hunt(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            for name in list(self._windows):
                if not self._system.alive(name):
                    self._bury(name)

    def _bury(self, name: str) -> None:
        process = self._system.processes.pop(name)
        code = process.child.wait()
        if code != -signal.SIGKILL:
            raise RuntimeError(f"{name} ended by itself with {code}:\n{self._system.log(name)}")
        self.deeds.append(Deed(self._seconds(), Do.CRASH, self._windows[name], found=True, age=process.age))
        self._succeed(name)

    def _succeed(self, name: str) -> None:
        window = self._planned.pop(0) if self._planned else ""
        self._windows[name] = window
        self._start(name, window)
