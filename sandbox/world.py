"""What all imitated services share: the seed, the movable clock, facts about hosts, and where receipts go."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from config import clock
from sandbox.calls import Calls
from sandbox.hosts import Hosts


class Clock:
    """The sandbox's own time: the real one plus an offset that tests may set."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.resets = 0

    def reset(self) -> None:
        """The real time again; what was dated before counts no more."""
        self.offset = timedelta()
        self.resets += 1

    def now(self) -> datetime:
        """The imitated instant, aware, UTC."""
        return clock.now() + self.offset


class World:
    """Handed to every service; `target` is the base URL of the product for receipts and callbacks."""

    def __init__(self, seed: int, target: str) -> None:
        self.seed = seed
        self.target = target
        self.clock = Clock()
        self.hosts = Hosts()
        self.calls = Calls()

    def random(self, purpose: str) -> Random:
        """A generator of its own for each purpose, so that one user cannot disturb another's sequence."""
        return Random(f"{self.seed}:{purpose}")
