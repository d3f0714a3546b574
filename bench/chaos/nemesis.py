"""Carries a plan out against running processes and servers, and writes down what it found."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.chaos.plan import Act, Do
from bench.system import Process, System
from config.clock import monotonic


class Server(Protocol):
    """A server that can be stopped and started again with its data."""

    def stop(self) -> None:
        """End it in order."""

    def start(self) -> None:
        """Start it and wait until it answers."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing done to one target at `t` seconds; `found` is False when there was nothing to do it to.

    `took` is how long the doing took, `age` how long a killed process had lived.
    """

    t: float
    do: Do
    target: str
    found: bool
    took: float = 0.0
    age: float = 0.0


class Hunter(ABC):
    """Whoever carries a plan out while the load is running, in a thread of its own."""

    def __init__(self, name: str) -> None:
        self.deeds: list[Deed] = []
        self.failure: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the plan is done; raises what went wrong in doing it."""
        self._thread.join()
        if self.failure:
            raise self.failure

    def cancel(self) -> None:
        """Do nothing more; whatever is stopped stays so."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    @abstractmethod
    def _hunt(self) -> None:
        """Carry the plan out until it is done or `_ended` is set."""

    def _run(self) -> None:
        try:
            self._hunt()
        except Exception as error:  # noqa: BLE001  handed to whoever joins
            self.failure = error


class Nemesis(Hunter):
    """Works through the acts; a killed process is started again at once. Times count on the clock `seconds`."""

    def __init__(
        self, acts: Sequence[Act], system: System, servers: dict[str, Server], seconds: Callable[[], float]
    ) -> None:
        super().__init__("nemesis")
        self._acts = acts
        self._system = system
        self._servers = servers
        self._seconds = seconds

    def _hunt(self) -> None:
        for act in self._acts:
            if self._ended.wait(max(0.0, act.t - self._seconds())):
                return
            self._perform(act)

    def _perform(self, act: Act) -> None:
        if act.do is Do.KILL9:
            for process in [self._kill(target) for target in act.targets]:
                self._system.restart(process)
            return
        for target in act.targets:
            self._switch(act.do, target)

    def _kill(self, target: str) -> Process:
        process = self._system.processes[target]
        at, age = self._seconds(), process.age
        self.deeds.append(Deed(at, Do.KILL9, target, self._system.kill9(target), age=age))
        return process

    def _switch(self, do: Do, target: str) -> None:
        at, begun = self._seconds(), monotonic()
        server = self._servers[target]
        (server.stop if do is Do.STOP else server.start)()
        self.deeds.append(Deed(at, do, target, found=True, took=monotonic() - begun))
