"""How ready the spares of each pipeline are, and how long they last at the pace at which domains are burnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from config.clock import now
from core.domains import readiness
from core.domains.readiness import BURN_WINDOW, FULL, Part, Readiness, Runway, Spare
from models import pipelines, spares
from models.domain_states import Role, Source, Verdict
from models.pipelines import Gate, Line, Place
from models.spares import Watched

_PROVEN_WITHOUT_DATE = "rdap: not proven"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A spare with its readiness; `ready` if it could be used this minute without a doubt."""

    place: Place
    readiness: Readiness
    ready: bool


@dataclass(frozen=True, slots=True)
class Stock:
    """A pipeline, its spares in the order of use, known-bad ones last, and its runway."""

    line: Line
    spares: tuple[Waiting, ...]
    runway: Runway


def overview(at: datetime | None = None) -> list[Stock]:
    """Every pipeline by name, with a constant number of statements."""
    return _stocks(pipelines.all_lines(), at or now())


def stock(line: Line) -> Stock:
    """One pipeline with its spares and its runway."""
    return _stocks([line], now())[0]


def left(pipeline_id: int) -> str:
    """What is left in a pipeline, in one line: how many spares, which is next and how ready, how long they last."""
    [stock] = _stocks(pipelines.lines([pipeline_id]), now())
    usable = [one for one in stock.spares if one.place.gate is not Gate.BAD]
    if not usable:
        name = quote(stock.line.pipeline.name)
        return f"Spares left: none, add some now: signalbox pipelines add {name} --update --domain ..."
    days = "" if stock.runway.days is None else f", about {stock.runway.days:.0f} days"
    return f"Spares left: {len(usable)} ({usable[0].place.name}, ready {usable[0].readiness.score}){days}"


def _stocks(lines: Sequence[Line], at: datetime) -> list[Stock]:
    known = {domain.name: domain for domain in spares.at_work()}
    burnt, created = spares.burnt(at - BURN_WINDOW), spares.created()
    return [
        _stock(line, known, burnt.get(line.pipeline.id, []), created.get(line.pipeline.id, at), at) for line in lines
    ]


def _stock(
    line: Line, known: Mapping[str, Watched], burnt: list[datetime], created_at: datetime, at: datetime
) -> Stock:  # fmt: skip
    placed = sorted(line.of(Role.BACKUP), key=lambda place: place.gate)
    waiting = tuple(_waiting(line, place, known.get(place.name), at) for place in placed)
    ready = sum(one.ready for one in waiting)
    return Stock(line, waiting, readiness.runway(ready, burnt, created_at, at))


def _waiting(line: Line, place: Place, domain: Watched | None, at: datetime) -> Waiting:
    if place.gate is Gate.BAD:
        bad = tuple(Part(fault, FULL) for fault in place.faults if fault.endswith("bad"))
        return Waiting(place, Readiness(0, bad), ready=False)
    spare = _spare(place, domain, in_voluum=line.pipeline.with_update_voluum)
    return Waiting(place, readiness.of(spare, at), ready=not spare.unchecked)


def _spare(place: Place, domain: Watched | None, *, in_voluum: bool) -> Spare:
    """What is known of it; a registry that gives no date was asked nevertheless."""
    known = domain.known if domain else {}
    dateless = Source.RDAP in known and known[Source.RDAP].verdict is Verdict.UNKNOWN
    doubts = [fault for fault in place.faults if not (dateless and fault == _PROVEN_WITHOUT_DATE)]
    return Spare(
        unchecked=tuple(fault.partition(":")[0] for fault in doubts),
        votes_differ=bool(domain and domain.fact(Source.DNS, "differ")),
        in_voluum=domain.fact(Source.HTTP, "in_voluum") if domain and in_voluum else None,
        page_alive=_alive(domain),
        certificate_until=domain.moment(Source.TLS, "until") if domain else None,
        registered_until=domain.moment(Source.RDAP, "until") if domain else None,
        registered_at=domain.moment(Source.RDAP, "since") if domain else None,
    )


def _alive(domain: Watched | None) -> bool | None:
    if domain is None or Source.HTTP not in domain.known:
        return None
    return not domain.bad(Source.HTTP)
