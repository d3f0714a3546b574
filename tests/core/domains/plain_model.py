"""A pipeline in plain Python, and what came of a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.domains.persons import Refused

MINUTE, STANDS = timedelta(minutes=1), timedelta(hours=6)


@dataclass
class Expected:
    """What a pipeline should be: the role and place in line of each domain; `known` is every domain there is, by age.

    `left` is the domain that the newest switch has left, and when; `asked` the open proposal, as number and end.
    """

    back: bool
    known: list[str]
    role: dict[str, str] = field(default_factory=dict)
    spot: dict[str, int] = field(default_factory=dict)
    seq: int = 1
    mode: str = "auto"
    left: tuple[str | None, datetime] | None = None
    asked: tuple[int, datetime] | None = None
    quiet: dict[str, datetime] = field(default_factory=dict)

    @property
    def active(self) -> str | None:
        return next((name for name, role in self.role.items() if role == "active"), None)

    @property
    def spares(self) -> list[str]:
        return sorted(self.of("backup"), key=lambda name: (self.spot[name], self.known.index(name)))

    def of(self, role: str) -> set[str]:
        return {name for name, mine in self.role.items() if mine == role}

    def works(self, name: str) -> bool:
        return self.role.get(name) in ("active", "backup")

    def next(self, bad: set[str]) -> str | None:
        return next((name for name in self.spares if name not in bad), None)

    def open_with(self, first: str, second: str) -> None:
        self.known += [first, second]
        self.role, self.spot = {first: "active", second: "backup"}, {first: 0, second: 1}

    def join(self, name: str) -> None:
        """To the end of the line."""
        if name not in self.known:
            self.known.append(name)
        self.role[name], self.spot[name] = "backup", self._end()

    def leave(self, bad: set[str], blocked: bool, at: datetime) -> None:
        old, target = self.active, self.next(bad)
        assert old is not None
        self.spot[old] = self.spot[old] if blocked else self._end()
        self.role[old] = "blocked" if blocked else "backup"
        self.enter(target, old, at)

    def enter(self, name: str | None, old: str | None, at: datetime) -> None:
        if name:
            self.role[name] = "active"
        self.seq, self.left, self.asked = self.seq + 1, (old, at), None

    def fill(self, bad: set[str], at: datetime) -> None:
        if self.active is None and (target := self.next(bad)):
            self.enter(target, None, at)

    def undo(self, at: datetime, busy: bool, suspects: set[str]) -> bool:
        """Whether the newest switch can be taken back, which it then is."""
        name, since = self.left or (None, at)
        if name is None or busy or name in suspects or at - since >= MINUTE:
            return False
        if self.role[name] not in ("blocked", "backup"):
            return False
        in_place = self.active
        if in_place:
            self.role[in_place] = "backup"
        self.enter(name, in_place, at)
        return True

    def asks(self, at: datetime) -> bool:
        """Whether a proposal waits for an answer."""
        return self.asked is not None and self.asked[1] > at

    def _end(self) -> int:
        return max((self.spot[name] for name in self.of("backup")), default=-1) + 1


class Died(Exception):
    """Stands for a process that ends."""


REFUSED = object()


def taken(work: Any) -> Any:
    """What came of it, or REFUSED."""
    try:
        return work()
    except Refused:
        return REFUSED
