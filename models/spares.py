"""Domains as the slower checks look at them: where they work, what each source last said, how fast they are used up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from models import bulk
from models.answers import BAD
from models.domain_states import Role, Source, Verdict
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class Known:
    """The latest answer of a source; `detail` holds its facts, empty when nobody noted any."""

    verdict: Verdict
    observed_at: datetime
    first_bad_at: datetime | None
    streak: int
    detail: Mapping[str, Any]

    @property
    def bad(self) -> bool:
        """Suspected, or confirmed as bad."""
        return self.verdict in BAD


@dataclass(frozen=True, slots=True)
class Watched:
    """A domain with the pipeline where it is active or a spare, if there is one, and what is known by source."""

    domain_id: int
    name: str
    registrable: str
    pipeline_id: int | None = None
    pipeline: str = ""
    enabled: bool = False
    role: Role | None = None
    expected: str | None = None
    block_on_tls: bool = False
    known: Mapping[Source, Known] = field(default_factory=dict)

    @property
    def is_spare(self) -> bool:
        """Whether it waits in the line of a pipeline."""
        return self.role is Role.BACKUP

    def bad(self, source: Source) -> bool:
        """Whether this source last said something bad."""
        return source in self.known and self.known[source].bad

    def fact(self, source: Source, name: str) -> Any:
        """One of the facts that a source gave, None if it did not."""
        return self.known[source].detail.get(name) if source in self.known else None

    def moment(self, source: Source, name: str) -> datetime | None:
        """An instant among the facts that a source gave."""
        text = self.fact(source, name)
        return datetime.fromisoformat(text) if isinstance(text, str) else None


_SELECT = """
select d.id, d.name, d.registrable, p.pipeline_id, l.name, l.enabled, p.role, l.expected_cname, l.block_on_tls,
    s.source, s.verdict, s.observed_at, s.first_bad_at, s.streak, s.detail
from tracking_domain d
left join pipeline_domain p on p.domain_id = d.id and p.role in ('active', 'backup')
left join tracking_domain_pipeline l on l.id = p.pipeline_id
left join domain_state s on s.domain_id = d.id
"""
_ORDER = " order by l.name, case p.role when 'active' then 0 else 1 end, p.position, d.id"
_AT_WORK = _SELECT + "where p.role is not null and l.enabled" + _ORDER
_NAMED = _SELECT + "where d.name {in:text}" + _ORDER
_PLACED = "select distinct d.name from tracking_domain d join pipeline_domain p on p.domain_id = d.id order by d.name"
_FACTS = bulk.Rows("domain_id int, source text, detail json, observed_at instant")
# facts follow the answer that they came with, and an answer that came too late brings none
_REMEMBER = """
update domain_state set detail = v.detail from {rows}
where domain_state.domain_id = v.domain_id and domain_state.source = v.source
    and domain_state.observed_at = v.observed_at
"""
# a person may leave a domain without blocking it, which the row of the switch does not tell
_BURNT = """
select s.pipeline_id, s.decided_at from domain_switch s
where s.from_domain_id is not null and s.decided_at >= {instant} and (s.trigger = 'check' or exists (
    select 1 from pipeline_domain p where p.pipeline_id = s.pipeline_id and p.domain_id = s.from_domain_id
        and p.blocked_at = s.decided_at))
order by s.pipeline_id, s.decided_at
"""
_CREATED = "select id, created_at from tracking_domain_pipeline"
_EXHAUSTED = """
select id from tracking_domain_pipeline where status = 'exhausted' and enabled and mode = 'auto'
    and (held_at is null or held_until <= {instant}) order by id
"""
_OPEN = "select kind, dedupe_key from alert where resolved_at is null and kind {in:text}"
_BLOCKED_FOR = """
select distinct d.name from pipeline_domain p join tracking_domain d on d.id = p.domain_id
join tracking_domain_pipeline l on l.id = p.pipeline_id
where p.role = 'blocked' and l.enabled and p.block_reason = %s
"""
_PARKED = """
select d.name, l.name from pipeline_domain p join tracking_domain d on d.id = p.domain_id
join tracking_domain_pipeline l on l.id = p.pipeline_id where p.role = 'parked' order by d.name, l.name
"""
_UNREAD = """
select platform, count(*) from platform_observation where pipeline_id is not null and seen_at < {instant}
group by platform order by platform
"""


def at_work() -> list[Watched]:
    """Active domains and spares of enabled pipelines, by pipeline and position, with one statement."""
    return _watched(bulk.read(_AT_WORK))


def named(names: Iterable[str]) -> list[Watched]:
    """Those of these names that are stored, whatever they are."""
    return _watched(bulk.read(_NAMED, (bulk.among(names),)))


def placed() -> list[str]:
    """Every domain that has a role in a pipeline, by name."""
    return [name for (name,) in bulk.read(_PLACED)]


def remember(facts: Sequence[tuple[int, Source, Mapping[str, Any], datetime]]) -> int:
    """Keep what answers said in detail beside the answers that stand; how many."""
    rows = [
        (domain_id, source.value, orjson.dumps(detail, default=str).decode(), seen)
        for domain_id, source, detail, seen in facts
    ]
    return _FACTS.run(_REMEMBER, rows) if rows else 0


def burnt(since: datetime) -> dict[int, list[datetime]]:
    """When active domains were blocked since then, by pipeline."""
    found: dict[int, list[datetime]] = defaultdict(list)
    for pipeline_id, at in bulk.read(_BURNT, (bind(since),)):
        found[int(pipeline_id)].append(instant(at))
    return found


def created() -> dict[int, datetime]:
    """Since when each pipeline exists."""
    return {int(number): instant(at) for number, at in bulk.read(_CREATED)}


def exhausted(at: datetime) -> list[int]:
    """Pipelines without an active domain that may help themselves: in mode auto and not held."""
    return [int(number) for (number,) in bulk.read(_EXHAUSTED, (bind(at),))]


def open_incidents(kinds: Collection[str]) -> set[tuple[str, str]]:
    """(kind, key) of the incidents of these kinds that are not over."""
    return {(kind, key) for kind, key in bulk.read(_OPEN, (bulk.among(kinds),))}


def blocked_for(reason: str) -> set[str]:
    """Domains that are blocked in an enabled pipeline for this reason."""
    return {name for (name,) in bulk.read(_BLOCKED_FOR, (reason,))}


def parked() -> list[tuple[str, str]]:
    """(domain, pipeline) of what is kept out until a person puts it back."""
    return [(domain, pipeline) for domain, pipeline in bulk.read(_PARKED)]


def unread(since: datetime) -> dict[str, int]:
    """How many fields of pipelines were not read since then, by platform."""
    return {platform: int(count) for platform, count in bulk.read(_UNREAD, (bind(since),))}


def _watched(rows: Iterable[Sequence[Any]]) -> list[Watched]:
    grouped: dict[Sequence[Any], dict[Source, Known]] = defaultdict(dict)
    for row in rows:
        known = grouped[tuple(row[:9])]
        if row[9] is not None and (row[13] or row[10] != Verdict.UNKNOWN):  # else made, but never answered
            known[Source(row[9])] = _known(row[10:])
    return [_one(facts, known) for facts, known in grouped.items()]


def _one(facts: Sequence[Any], known: Mapping[Source, Known]) -> Watched:
    domain_id, name, registrable, pipeline_id, pipeline, enabled, role, expected, block_on_tls = facts
    return Watched(
        int(domain_id), name, registrable, None if pipeline_id is None else int(pipeline_id), pipeline or "",
        bool(enabled), Role(role) if role else None, expected, bool(block_on_tls), known,
    )  # fmt: skip


def _known(row: Sequence[Any]) -> Known:
    verdict, seen, first_bad_at, streak, detail = row
    facts = orjson.loads(detail) if isinstance(detail, str) else detail
    first = None if first_bad_at is None else instant(first_bad_at)
    return Known(Verdict(verdict), instant(seen), first, int(streak), facts or {})
