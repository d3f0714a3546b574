"""Pipelines as they stand: facts, the line of domains, which spare is next and why others are passed over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from config.clock import now
from config.settings import get_settings
from models import bulk
from models.database import fetch, is_postgres
from models.domain_states import Mode, PipelineStatus, Role, Source, Verdict
from models.fields import bind, instant


class Gate(IntEnum):
    """Whether a spare may be used: the smaller the sooner, never a bad one."""

    READY = 0
    UNPROVEN = 1
    BAD = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A domain in a pipeline; `faults` names the gates that it does not pass."""

    domain_id: int
    name: str
    role: Role
    position: int
    since: datetime
    block_reason: str | None
    blocked_at: datetime | None
    gate: Gate
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The facts of a pipeline."""

    id: int
    name: str
    enabled: bool
    status: PipelineStatus
    mode: Mode
    with_update_voluum: bool
    with_update_affise: bool
    return_to_work: bool
    seq: int
    held_at: datetime | None
    held_by: str | None
    held_reason: str | None
    held_until: datetime | None
    trafficback_url: str | None
    max_switches_per_day: int | None
    cool_down_s: int | None
    blast_radius_exempt_until: datetime | None

    def held(self, at: datetime) -> bool:
        """Whether nothing may switch by itself at this instant."""
        return self.held_at is not None and (self.held_until is None or self.held_until > at)


@dataclass(frozen=True, slots=True)
class Line:
    """A pipeline with its domains, by position."""

    pipeline: Pipeline
    places: tuple[Place, ...] = field(default=())

    @property
    def active(self) -> Place | None:
        """The domain in use."""
        return next(iter(self.of(Role.ACTIVE)), None)

    @property
    def spares(self) -> list[Place]:
        """The spares that may be used, in the order in which they would be."""
        fit = [place for place in self.of(Role.BACKUP) if place.gate is not Gate.BAD]
        return sorted(fit, key=lambda place: place.gate)

    @property
    def next(self) -> Place | None:
        """The spare that would be used now."""
        return next(iter(self.spares), None)

    @property
    def last_position(self) -> int:
        """The highest position of a spare, -1 without any."""
        return max((place.position for place in self.of(Role.BACKUP)), default=-1)

    def of(self, role: Role) -> list[Place]:
        """The domains with this role."""
        return [place for place in self.places if place.role is role]

    def place(self, name: str) -> Place | None:
        """The place of a domain in this pipeline."""
        return next((place for place in self.places if place.name == name), None)

    def skipped(self, chosen: Place | None) -> list[dict[str, Any]]:
        """Spares before the chosen one, and what they fail."""
        before = [place for place in self.of(Role.BACKUP) if chosen is None or place.position < chosen.position]
        return [{"domain": place.name, "faults": list(place.faults)} for place in before if place.faults]


_COLUMNS = """
select id, name, enabled, status, mode, with_update_voluum, with_update_affise, return_to_work, switch_seq, held_at,
    held_by, held_reason, held_until, trafficback_url, max_switches_per_day, cool_down_s, blast_radius_exempt_until
from tracking_domain_pipeline
"""
_SOME = _COLUMNS + " where id {in:int} order by id"
_PLACES = """
select p.pipeline_id, d.id, d.name, p.role, p.position, p.role_since, p.block_reason, p.blocked_at,
    s.source, s.verdict, s.observed_at
from pipeline_domain p join tracking_domain d on d.id = p.domain_id
left join domain_state s on s.domain_id = d.id and s.source in ('gsb', 'dns', 'tls', 'rdap')
where p.pipeline_id {in:int}
order by p.pipeline_id, case p.role when 'active' then 0 when 'backup' then 1 else 2 end, p.position, d.id
"""
_LOCK = """
select d.id from tracking_domain d
where d.id in (select domain_id from pipeline_domain where pipeline_id {in:int}) order by d.id
"""
_BLOCKED = """
select d.name from pipeline_domain p join tracking_domain d on d.id = p.domain_id
where p.pipeline_id = %s and p.role = 'blocked' order by p.blocked_at, d.id
"""
_HOLDING = """
select p.pipeline_id from pipeline_domain p join tracking_domain d on d.id = p.domain_id
where d.name = %s and p.role {in:text} order by p.pipeline_id
"""


def line(pipeline_id: int) -> Line:
    """One pipeline; LookupError if there is none."""
    found = lines([pipeline_id])
    if not found:
        raise LookupError(f"there is no pipeline {pipeline_id}")
    return found[0]


def lines(pipeline_ids: Iterable[int]) -> list[Line]:
    """Several pipelines by id, with two statements."""
    return _lines(_SOME, bulk.among(pipeline_ids))


def all_lines() -> list[Line]:
    """Every pipeline, by name."""
    ids = [row[0] for row in fetch("select id from tracking_domain_pipeline")]
    return sorted(lines(ids), key=lambda found: found.pipeline.name)


def find(name: str) -> int | None:
    """The id of a pipeline by its name."""
    rows = fetch("select id from tracking_domain_pipeline where name = %s", (name,))
    return int(rows[0][0]) if rows else None


def blocked(pipeline_id: int) -> list[str]:
    """Domains that were blocked in a pipeline, oldest first."""
    return [name for (name,) in fetch(_BLOCKED, (pipeline_id,))]


def holding(domain: str, *roles: Role) -> list[int]:
    """Pipelines in which a domain has one of these roles, by id."""
    return [int(row[0]) for row in bulk.read(_HOLDING, (domain, bulk.among(role.value for role in roles)))]


def hold_still(pipeline_ids: Iterable[int]) -> dict[int, Line]:
    """Lock pipelines by id, then their domains by id, until the transaction ends; how they stand now."""
    among = bulk.among(sorted(pipeline_ids))
    # "no key" lets others refer to the rows meanwhile, such as a sweep that stores evidence
    tail = " for no key update" if is_postgres() else ""
    bulk.read(_SOME + tail, (among,))
    bulk.read(_LOCK + tail, (among,))
    return {found.pipeline.id: found for found in _lines(_SOME, among)}


def _lines(statement: str, among: str) -> list[Line]:
    places = _places(bulk.read(_PLACES, (among,)))
    return [Line(pipeline, tuple(places[pipeline.id])) for pipeline in map(_pipeline, bulk.read(statement, (among,)))]


def _pipeline(row: Sequence[Any]) -> Pipeline:
    number, name, enabled, status, mode, voluum, affise, back, seq, held_at, by, why, until, url, most, cool, free = row
    return Pipeline(
        int(number), name, bool(enabled), PipelineStatus(status), Mode(mode), bool(voluum), bool(affise), bool(back),
        int(seq), _at(held_at), by, why, _at(until), url, most, cool, _at(free),
    )  # fmt: skip


def _places(rows: Iterable[Sequence[Any]]) -> dict[int, list[Place]]:
    grouped: dict[Sequence[Any], list[Sequence[Any]]] = defaultdict(list)
    for row in rows:
        grouped[tuple(row[:8])].append(row[8:])
    found: dict[int, list[Place]] = defaultdict(list)
    at, oldest = now(), _oldest()
    for facts, answers in grouped.items():
        found[int(facts[0])].append(_place(facts, answers, at, oldest))
    return found


def _place(facts: Sequence[Any], answers: Iterable[Sequence[Any]], at: datetime, oldest: dict[str, timedelta]) -> Place:
    _, domain_id, name, role, position, since, reason, blocked_at = facts
    gate, faults = _judge({source: (verdict, instant(seen)) for source, verdict, seen in answers if source}, at, oldest)
    return Place(int(domain_id), name, Role(role), int(position), instant(since), reason, _at(blocked_at), gate, faults)


def _judge(
    answers: dict[str, tuple[str, datetime]], at: datetime, oldest: dict[str, timedelta]
) -> tuple[Gate, tuple[str, ...]]:
    gates = {source: _gate(answers.get(source), at - age) for source, age in oldest.items()}
    words = {Gate.UNPROVEN: "not proven", Gate.BAD: "bad"}
    faults = tuple(f"{source}: {words[gate]}" for source, gate in gates.items() if gate is not Gate.READY)
    return max(gates.values()), faults


def _gate(answer: tuple[str, datetime] | None, since: datetime) -> Gate:
    """An answer that is too old proves nothing good any more, but a bad one stands until it is taken back."""
    if answer is None:
        return Gate.UNPROVEN
    verdict, seen = answer
    if verdict == Verdict.UNSAFE:
        return Gate.BAD
    return Gate.READY if verdict == Verdict.SAFE and seen >= since else Gate.UNPROVEN


def _oldest() -> dict[str, timedelta]:
    """How old a good answer of each gate may be; spares are looked at as often as active domains."""
    twice = timedelta(seconds=2 * get_settings().check_active_links_interval)
    slow = {Source.TLS.value: timedelta(hours=24), Source.RDAP.value: timedelta(hours=48)}
    return {Source.GSB.value: twice, Source.DNS.value: twice} | slow


def _at(value: Any) -> datetime | None:
    return None if value is None else instant(value)


def moment(at: datetime | None) -> Any:
    """An instant that may be missing, as a parameter."""
    return None if at is None else bind(at)
