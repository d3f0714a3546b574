"""A pipeline in plain Python, and what came of a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.domains.persons import Refused


@dataclass
class Expected:
    """What a pipeline should be: its active domain, spares in order, the others."""

    back: bool
    active: str | None
    spares: list[str]
    blocked: set[str] = field(default_factory=set)
    parked: set[str] = field(default_factory=set)
    seq: int = 1

    def roles(self) -> dict[str, str]:
        found = dict.fromkeys(self.spares, "backup") | dict.fromkeys(self.blocked, "blocked")
        found |= dict.fromkeys(self.parked, "parked")
        return found | ({self.active: "active"} if self.active else {})

    def next(self, bad: set[str]) -> str | None:
        return next((name for name in self.spares if name not in bad), None)

    def leave(self, bad: set[str], blocked: bool) -> None:
        old, target = self.active, self.next(bad)
        assert old is not None
        if target:
            self.spares.remove(target)
        self.active, self.seq = target, self.seq + 1
        if blocked:
            self.blocked.add(old)
        else:
            self.spares.append(old)

    def fill(self, bad: set[str]) -> None:
        target = self.next(bad)
        if self.active is None and target:
            self.spares.remove(target)
            self.active, self.seq = target, self.seq + 1


class Died(Exception):
    """Stands for a process that ends."""


REFUSED = object()


def taken(work: Any) -> Any:
    """What came of it, or REFUSED."""
    try:
        return work()
    except Refused:
        return REFUSED
