"""How ready a spare is, from 100 downwards with its reasons, and how long the spares of a pipeline last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FULL = 100
BURN_WINDOW = timedelta(days=90)
LEAST_BLOCKS = 2
FEW_SPARES = 2
SHORT_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """What is known of a spare; None is not known. `unchecked` names the gates that nobody looked at yet."""

    unchecked: tuple[str, ...] = ()
    votes_differ: bool = False
    in_voluum: bool | None = None
    page_alive: bool | None = None
    certificate_until: datetime | None = None
    registered_until: datetime | None = None
    registered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A reason and what it costs."""

    reason: str
    minus: int


@dataclass(frozen=True, slots=True)
class Readiness:
    """The score, never below 0, with every reason."""

    score: int
    parts: tuple[Part, ...]


class Level(StrEnum):
    """The colour of a runway."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Runway:
    """`days` and `days_per_block` are None while there is not enough history."""

    ready: int
    days_per_block: float | None
    days: float | None
    level: Level

    def __str__(self) -> str:
        spares = f"{self.ready} spare{'' if self.ready == 1 else 's'}"
        if self.days_per_block is None or self.days is None:
            return f"{spares}, not enough history"
        return f"{spares}, 1 per {self.days_per_block:.0f} d, about {self.days:.0f} days"


def of(spare: Spare, at: datetime) -> Readiness:
    """The readiness of a spare at an instant."""
    parts = tuple(_parts(spare, at))
    return Readiness(max(0, FULL - sum(part.minus for part in parts)), parts)


def _parts(spare: Spare, at: datetime) -> Iterator[Part]:
    yield from (Part(f"{gate} unchecked", 20) for gate in spare.unchecked)
    if spare.votes_differ:
        yield Part("resolvers differ", 10)
    if spare.in_voluum is False:
        yield Part("not in Voluum", 30)
    if spare.page_alive is False:
        yield Part("page does not answer", 10)
    yield from _ends("certificate", spare.certificate_until, at, ((7, 40), (14, 20)))
    yield from _ends("registration", spare.registered_until, at, ((7, 40), (30, 15)))
    if spare.registered_until is None and "rdap" not in spare.unchecked:
        yield Part("end of registration unknown", 5)
    if spare.registered_at is not None and at - spare.registered_at < timedelta(days=30):
        yield Part("registered less than 30 d ago", 15)


def _ends(what: str, until: datetime | None, at: datetime, steps: Iterable[tuple[int, int]]) -> Iterator[Part]:
    """The first step (days, falling short of it costs) that applies."""
    if until is None:
        return
    for days, minus in steps:
        if until - at < timedelta(days=days):
            yield Part(f"{what} ends in less than {days} d", minus)
            return


def runway(ready: int, blocked_at: Iterable[datetime], created_at: datetime, at: datetime) -> Runway:
    """How long the ready spares last at the pace at which active domains of the pipeline were blocked."""
    window = min(BURN_WINDOW, at - created_at)
    blocks = sum(at - window <= instant <= at for instant in blocked_at)
    if blocks < LEAST_BLOCKS:
        return Runway(ready, None, None, _level(ready, None))
    days_per_block = window / timedelta(days=1) / blocks
    days = ready * days_per_block
    return Runway(ready, days_per_block, days, _level(ready, days))


def _level(ready: int, days: float | None) -> Level:
    if ready == 0:
        return Level.RED
    short = days is not None and days < SHORT_DAYS
    return Level.YELLOW if ready < FEW_SPARES or short else Level.GREEN
