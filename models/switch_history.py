"""Switches, evidence and drift as people look at them: read in a constant number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from config.clock import now
from models import bulk
from models.database import fetch
from models.domain_states import StepState
from models.dry_marks import marked
from models.fields import bind, instant
from models.observations import UNREAD


@dataclass(frozen=True, slots=True)
class PastSwitch:
    """A switch with its steps, and the source and subject of its evidence."""

    id: int
    seq: int
    source: str | None
    to: str | None
    trigger: str
    reason: str
    actor: str
    decided_at: datetime
    unverified: bool
    evidence: str | None
    steps: dict[str, str]


@dataclass(frozen=True, slots=True)
class Course:
    """How far a step has come; `done` of `total` objects are proved."""

    step: str
    state: StepState
    done: int
    total: int
    error: str | None

    @property
    def told(self) -> str:
        """The state as people read it."""
        return told(self.state.value, self.error)

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it by itself."""
        return self.state not in (StepState.PENDING, StepState.RUNNING)


@dataclass(frozen=True, slots=True)
class PastRole:
    """What a domain is in a pipeline, and since when."""

    pipeline: str
    role: str
    since: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """One answer about a domain; `grounds` is what the verdict rests on, in the words of its source."""

    at: datetime
    source: str
    verdict: str
    subject: str
    provider: str
    live: bool
    canary_ok: bool | None
    id: int
    grounds: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Badge:
    """Objects at a platform: `in_sync` of those `seen` show the active domain, `unread` were not read lately."""

    in_sync: int
    seen: int
    unread: int


_SWITCHES = """
select s.id, s.seq, a.name, b.name, s.trigger, s.reason, s.actor, s.decided_at, s.unverified,
    case when e.id is null then null else e.source || ' ' || e.verdict || ' ' || e.subject end
from domain_switch s left join tracking_domain a on a.id = s.from_domain_id
left join tracking_domain b on b.id = s.to_domain_id left join domain_evidence e on e.id = s.evidence_id
where s.pipeline_id = %s order by s.seq desc limit %s
"""
_STEPS = "select switch_id, step, state, last_error from switch_step where switch_id {in:int} order by step"
_COURSE = """
select step, state, items_done, items_total, last_error from switch_step
where switch_id = %s and state <> 'not_needed' order by step
"""
_ROLES = """
select l.name, p.role, p.role_since, p.block_reason from pipeline_domain p
join tracking_domain d on d.id = p.domain_id join tracking_domain_pipeline l on l.id = p.pipeline_id
where d.name = %s order by l.name
"""
_ANSWERS = """
select e.observed_at, e.source, e.verdict, e.subject, e.provider, e.live, e.canary_ok, e.id, e.detail
from domain_evidence e
join tracking_domain d on d.id = e.domain_id where d.name = %s order by e.observed_at desc, e.id desc limit %s
"""
_SYNC = """
select o.pipeline_id, o.platform, sum(case when o.seen_domain = d.name and o.seen_at >= {instant} then 1 else 0 end),
    count(*), sum(case when o.seen_at < {instant} then 1 else 0 end)
from platform_observation o
left join pipeline_domain p on p.pipeline_id = o.pipeline_id and p.role = 'active'
left join tracking_domain d on d.id = p.domain_id
where o.pipeline_id is not null group by o.pipeline_id, o.platform order by o.pipeline_id, o.platform
"""
_OBJECTS = """
select platform, count(*) from (
    select distinct platform, object_type, object_id from platform_observation where pipeline_id = %s) x
group by platform
"""


def last(pipeline_id: int, most: int = 20) -> list[PastSwitch]:
    """The newest switches of a pipeline, newest first."""
    rows = fetch(_SWITCHES, (pipeline_id, most))
    steps = _steps(row[0] for row in rows)
    return [_past(row, steps[row[0]]) for row in rows]


def _past(row: Sequence[Any], steps: dict[str, str]) -> PastSwitch:
    number, seq, source, to, trigger, reason, actor, decided_at, unverified, evidence = row
    return PastSwitch(
        number, seq, source, to, trigger, reason, actor, instant(decided_at), bool(unverified), evidence, steps
    )


def _steps(switch_ids: Iterable[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for number, step, state, error in bulk.read(_STEPS, (bulk.among(switch_ids),)):
        found[number][step] = told(state, error)
    return found


def course(switch_id: int) -> list[Course]:
    """How far what follows a switch has come, without what it does not need."""
    return [Course(step, StepState(state), *rest) for step, state, *rest in fetch(_COURSE, (switch_id,))]


def told(state: str, error: str | None) -> str:
    """The state of a step, and whether it was reached without writing anything."""
    return f"{state} (dry run)" if marked(error) else state


def roles_of(domain: str) -> list[PastRole]:
    """What a domain is in each pipeline."""
    return [PastRole(name, role, instant(since), why) for name, role, since, why in fetch(_ROLES, (domain,))]


def answers_about(domain: str, most: int = 50) -> list[PastAnswer]:
    """The newest stored answers about a domain, newest first."""
    return [_answer(*row) for row in fetch(_ANSWERS, (domain, most))]


def _answer(
    at: Any, source: str, verdict: str, subject: str, provider: str, live: Any, canary_ok: Any, number: int, detail: Any
) -> PastAnswer:
    grounds = orjson.loads(detail) if isinstance(detail, str) else detail
    sung = None if canary_ok is None else bool(canary_ok)
    return PastAnswer(instant(at), source, verdict, subject, provider, bool(live), sung, int(number), grounds)


def badges(at: datetime) -> dict[int, dict[str, Badge]]:
    """How each platform stands by what was read there until `at`, by pipeline; what was not read lately proves nothing.

    A platform at which nothing of a pipeline was ever seen has no badge.
    """
    found: dict[int, dict[str, Badge]] = defaultdict(dict)
    before = bind(at - UNREAD)
    for pipeline_id, platform, same, total, unread in bulk.read(_SYNC, (before, before)):
        found[int(pipeline_id)][platform] = Badge(int(same), int(total), int(unread))
    return found


def in_sync() -> dict[int, dict[str, tuple[int, int]]]:
    """How many of how many objects at each platform show the active domain now, by pipeline."""
    return {
        number: {platform: (one.in_sync, one.seen) for platform, one in found.items()}
        for number, found in badges(now()).items()
    }


def objects(pipeline_id: int) -> dict[str, int]:
    """How many campaigns or offers of a pipeline were seen at each platform; none of where nobody has looked yet."""
    return {platform: int(count) for platform, count in fetch(_OBJECTS, (pipeline_id,))}
