"""What is told of a switch: its facts as they stand, and the note that it was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from models import bulk
from models.database import execute, fetch, is_postgres
from models.domain_states import Step, StepState, Trigger
from models.dry_marks import MARKED
from models.fields import bind, instant

CONFIRMED_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Made:
    """A switch and the pipeline that it belongs to; `newest` is the number of the pipeline's last one."""

    id: int
    pipeline_id: int
    pipeline: str
    seq: int
    newest: int
    with_voluum: bool
    source_id: int | None
    source: str | None
    to_id: int | None
    to: str | None
    trigger: Trigger
    reason: str
    actor: str
    decided_at: datetime
    unverified: bool
    announced_at: datetime | None
    evidence_id: int | None


@dataclass(frozen=True, slots=True)
class StepFacts:
    """How far a consequence of a switch has come."""

    step: Step
    state: StepState
    attempts: int
    total: int
    done: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Proof:
    """The answer that a switch rests on, how many bad ones there were until then, and how far they lie apart."""

    source: str
    subject: str
    provider: str
    detail: Mapping[str, Any]
    answers: int
    seconds: int


_MADE = """
select s.id, s.pipeline_id, l.name, s.seq, l.switch_seq, l.with_update_voluum, s.from_domain_id, a.name, s.to_domain_id,
    b.name, s.trigger, s.reason, s.actor, s.decided_at, s.unverified, s.announced_at, s.evidence_id
from domain_switch s join tracking_domain_pipeline l on l.id = s.pipeline_id
left join tracking_domain a on a.id = s.from_domain_id left join tracking_domain b on b.id = s.to_domain_id
where s.id = %s
"""
_LOCK = "select id from domain_switch where id = %s"
_STEPS = "select step, state, attempts, items_total, items_done, last_error from switch_step where switch_id = %s"
_PROOF = "select source, subject, provider, detail, observed_at from domain_evidence where id = %s"
_ANSWERS = """
select count(distinct observed_at), min({us:observed_at}), max({us:observed_at}) from domain_evidence
where domain_id = %s and source in ('gsb', 'dns', 'gsc') and verdict in ('suspect', 'unsafe')
    and canary_ok is not false and observed_at between {instant} and {instant}
"""
_SUSPECTED = """
select distinct domain_id from domain_state
where domain_id {in:int} and source in ('gsb', 'dns', 'gsc') and verdict = 'unsafe'
"""
_WAITS = "select 1 from affise_switch_request where switch_id = %s and status = 'awaiting_approval'"
_OVER = """
select s.seq from domain_switch s join tracking_domain_pipeline l on l.id = s.pipeline_id
where s.pipeline_id = %s and s.to_domain_id is not null and s.announced_at is not null and s.decided_at <= {instant}
    and not exists (select 1 from switch_step t where t.switch_id = s.id and (t.state in ('pending', 'running')
        or (s.seq = l.switch_seq and t.state in ('partial', 'failed'))
        or (s.seq = l.switch_seq and t.step in ('voluum', 'affise') and t.MARKED)))
    and (s.seq < l.switch_seq or not exists (select 1 from domain_state d where d.domain_id = s.to_domain_id
        and d.source in ('gsb', 'dns', 'gsc') and d.verdict = 'unsafe'))
""".replace("MARKED", MARKED)
_OPEN = """
select s.id from alert a
join domain_switch s on a.dedupe_key = cast(s.pipeline_id as text) || ':' || cast(s.seq as text)
where a.kind {in:text} and a.resolved_at is null order by s.id
"""
_HAS_DOMAIN = "select 1 from pipeline_domain where pipeline_id = %s and role = 'active'"
_REVIVE = """
update switch_step set state = 'pending', next_attempt_at = {instant}, tries = 0
where switch_id = %s and step = 'telegram' and state = 'failed'
"""
_TOLD = """
update domain_switch set announced_at = coalesce(announced_at, %s), chat_id = %s, message_id = %s where id = %s
"""


def pipeline_of(switch_id: int) -> int | None:
    """The pipeline that a switch belongs to."""
    rows = fetch("select pipeline_id from domain_switch where id = %s", (switch_id,))
    return int(rows[0][0]) if rows else None


def find(switch_id: int) -> Made | None:
    """A switch with the names that belong to it."""
    rows = fetch(_MADE, (switch_id,))
    if not rows:
        return None
    number, line, name, seq, newest, voluum, left_id, left, to_id, to, trigger, why, actor, at, unsure, told, ev = rows[
        0
    ]
    return Made(
        int(number), int(line), name, int(seq), int(newest), bool(voluum), left_id, left, to_id, to, Trigger(trigger),
        why, actor, instant(at), bool(unsure), None if told is None else instant(told), ev,
    )  # fmt: skip


def made(switch_id: int) -> Made:
    """The same; LookupError if there is none."""
    found = find(switch_id)
    if found is None:
        raise LookupError(f"there is no switch {switch_id}")
    return found


def hold_still(switch_id: int) -> None:
    """Lock a switch until the transaction ends, so that its news are written by one at a time."""
    fetch(_LOCK + (" for no key update" if is_postgres() else ""), (switch_id,))


def steps(switch_id: int) -> dict[Step, StepFacts]:
    """The consequences of a switch."""
    rows = fetch(_STEPS, (switch_id,))
    facts = [StepFacts(Step(row[0]), StepState(row[1]), int(row[2]), int(row[3]), int(row[4]), row[5]) for row in rows]
    return {each.step: each for each in facts}


def proof(switched: Made) -> Proof | None:
    """What the switch rests on; None if it was ordered."""
    rows = fetch(_PROOF, (switched.evidence_id,)) if switched.evidence_id else []
    if not rows:
        return None
    source, subject, provider, detail, at = rows[0]
    span = (bind(instant(at) - CONFIRMED_WITHIN), bind(switched.decided_at))
    count, first, last = bulk.read(_ANSWERS, (switched.source_id, *span))[0]
    facts = orjson.loads(detail) if isinstance(detail, (str, bytes)) else detail
    return Proof(source, subject, provider, facts, int(count), (int(last or 0) - int(first or 0)) // 1_000_000)


def suspected(domain_ids: Iterable[int]) -> set[int]:
    """Those of these domains that are said to be unsafe."""
    return {int(row[0]) for row in bulk.read(_SUSPECTED, (bulk.among(domain_ids),))}


def waits_for_approval(switch_id: int) -> bool:
    """Whether a person has to agree before the offers follow."""
    return bool(fetch(_WAITS, (switch_id,)))


def told(switch_id: int, message: tuple[int, int] | None, at: datetime) -> None:
    """The message (chat and id) is out, or there is nobody to be told."""
    execute(_TOLD, (bind(at), *(message or (None, None)), switch_id))


def revive(switch_id: int, at: datetime) -> bool:
    """Begin the telling again that was given up; False if it was not."""
    return bulk.run(_REVIVE, (bind(at), switch_id)) == 1


def over(pipeline_id: int, at: datetime) -> list[int]:
    """The numbers of switches that were told and are through: everything followed, and the domain works.

    What an older switch could not finish is the newest one's business. None counts before its undo is over.
    """
    rows = bulk.read(_OVER, (pipeline_id, bind(at)))
    return [int(row[0]) for row in rows]


def has_domain(pipeline_id: int) -> bool:
    """Whether a pipeline has an active domain."""
    return bool(fetch(_HAS_DOMAIN, (pipeline_id,)))


def with_open_incident(kinds: Iterable[str]) -> list[int]:
    """The switches that open incidents of these kinds are about, by their key `pipeline:number`."""
    return [int(row[0]) for row in bulk.read(_OPEN, (bulk.among(kinds),))]
