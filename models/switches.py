"""Switches: a pipeline leaves its active domain for another, with everything that follows from it, at once or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from config.ids import new_id
from models import bulk
from models.database import execute, fetch
from models.domain_states import PipelineStatus, Role, Step, StepState, Trigger
from models.fields import bind
from models.pipelines import Gate, Line, Place, hold_still, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Why a pipeline shall move and in whose name; `seq` is the switch number that this was decided on, None = any.

    `about` is the domain that the evidence is about, `to` the domain to move to; none = the next spare.
    """

    reason: str
    actor: str
    trigger: Trigger
    seq: int | None
    evidence_id: int | None = None
    observed_at: datetime | None = None
    about: int | None = None
    to: int | None = None


@dataclass(frozen=True, slots=True)
class Switched:
    """A switch that was made; `to` is None if the pipeline is exhausted now."""

    id: int
    pipeline_id: int
    seq: int
    source: str | None
    to: str | None
    unverified: bool


class Overtaken(Exception):
    """A row was not as it was read, although it was locked; nothing of the transaction may stay."""


_ADVANCE = (
    "update tracking_domain_pipeline set switch_seq = switch_seq + 1, status = %s where id = %s and switch_seq = %s"
)
_LEAVE = """
update pipeline_domain set role = %s, position = %s, role_since = %s, block_reason = %s, block_evidence_id = %s,
    blocked_at = %s, clean_count = 0, last_clean_at = null
where pipeline_id = %s and domain_id = %s and role = 'active'
"""
_ENTER = """
update pipeline_domain set role = 'active', role_since = %s, block_reason = null, block_evidence_id = null,
    blocked_at = null, clean_count = 0, last_clean_at = null
where pipeline_id = %s and domain_id = %s and role = %s
"""
_RECORD = """
insert into domain_switch (pipeline_id, seq, from_domain_id, to_domain_id, trigger, reason, actor, evidence_id,
    observed_at, decided_at, unverified, skipped, announced_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id
"""
_STEPS = bulk.Rows("switch_id int, step text, state text, next_attempt_at instant")
_ADD_STEPS = """
insert into switch_step (switch_id, step, state, next_attempt_at)
select switch_id, step, state, next_attempt_at from {rows}
"""
_SUPERSEDE = "update domain_switch set superseded_at = %s where pipeline_id = %s and seq < %s and superseded_at is null"
_LEAVE_UNDONE = """
update switch_step set state = 'superseded' where state = 'pending' and step in ('voluum', 'affise')
    and switch_id in (select id from domain_switch where pipeline_id = %s and seq < %s)
"""
_CLOSE_REQUESTS = """
update affise_switch_request set status = 'superseded', version = version + 1 where pipeline_id = %s
    and status in ('draft', 'planned', 'awaiting_approval', 'approved', 'applying', 'partial')
"""
_CLOSE_PROPOSALS = """
update switch_proposal set decision = 'superseded', decided_by = 'system' where pipeline_id = %s and decision is null
"""
_DRAFT = """
insert into affise_switch_request (id, pipeline_id, switch_id, old_domain, new_domain, reason, created_by, status,
    created_at)
values (%s, %s, %s, %s, %s, %s, %s, 'draft', %s)
"""
_LAST_LEFT = """
select d.name from domain_switch s join tracking_domain d on d.id = s.from_domain_id
where s.pipeline_id = %s order by s.seq desc limit 1
"""
_FIND = "select id from domain_switch where pipeline_id = %s and seq = %s"


def find(pipeline_id: int, seq: int) -> int | None:
    """The id of a switch by its number: what to ask when the answer to a COMMIT was lost."""
    rows = fetch(_FIND, (pipeline_id, seq))
    return int(rows[0][0]) if rows else None


def move(pipeline_id: int, order: Order, leave: Role, at: datetime) -> Switched | None:
    """Leave the active domain for the next one, in the caller's transaction; None if the order fits no more.

    A domain that is left as `blocked` is left also without a spare, which exhausts the pipeline; one that goes
    back to the line (`backup`) is not.
    """
    line = hold_still([pipeline_id]).get(pipeline_id)
    if line is None or line.active is None or not _fits(line, line.active, order):
        return None
    target = _target(line, order)
    if target is None and (leave is not Role.BLOCKED or order.to is not None):
        return None
    _advance(line, PipelineStatus.ACTIVE if target else PipelineStatus.EXHAUSTED)
    position = line.active.position if leave is Role.BLOCKED else line.last_position + 1
    _leave(line, line.active, leave, order, at, position)
    if target:
        _enter(line, target, at)
    return _record(line, order, target, at)


def _fits(line: Line, active: Place, order: Order) -> bool:
    """Evidence from before the domain came into use says nothing about it: others had used it."""
    if order.seq not in (None, line.pipeline.seq) or order.about not in (None, active.domain_id):
        return False
    return order.observed_at is None or order.observed_at >= active.since


def _target(line: Line, order: Order) -> Place | None:
    if order.to is None:
        return line.next
    return next((place for place in line.of(Role.BACKUP) if place.domain_id == order.to), None)


def start(line: Line, target: Place, order: Order, at: datetime) -> Switched:
    """Put a domain to work in a pipeline that has no active one, in the caller's transaction, the rows held still."""
    _advance(line, PipelineStatus.ACTIVE)
    _enter(line, target, at)
    return _record(line, order, target, at)


def back(line: Line, target: Place, order: Order, at: datetime) -> Switched:
    """Put a domain to work again that was just left, as above; the one in its place is the next spare once more."""
    _advance(line, PipelineStatus.ACTIVE)
    if line.active:
        _leave(line, line.active, Role.BACKUP, order, at, line.active.position)
    _enter(line, target, at)
    return _record(line, order, target, at)


def _advance(line: Line, status: PipelineStatus) -> None:
    _one(execute(_ADVANCE, (status.value, line.pipeline.id, line.pipeline.seq)))


def _leave(line: Line, active: Place, leave: Role, order: Order, at: datetime, position: int) -> None:
    why = (order.reason, order.evidence_id, bind(at)) if leave is Role.BLOCKED else (None, None, None)
    values = (leave.value, position, bind(at), *why, line.pipeline.id, active.domain_id)
    _one(execute(_LEAVE, values))


def _enter(line: Line, target: Place, at: datetime) -> None:
    """Make a domain the active one; the old one must have left, or the unique index refuses."""
    _one(execute(_ENTER, (bind(at), line.pipeline.id, target.domain_id, target.role.value)))


def _record(line: Line, order: Order, target: Place | None, at: datetime) -> Switched:
    """Write the switch, its steps and the draft for Affise, and end what older switches had open."""
    seq, left = line.pipeline.seq + 1, line.active
    _end_older(line.pipeline.id, seq, at)
    names = (left.name if left else None, target.name if target else None)
    made = Switched(0, line.pipeline.id, seq, *names, _unproven(target))
    values = (
        line.pipeline.id, seq, left and left.domain_id, target and target.domain_id, order.trigger.value,
        order.reason, order.actor, order.evidence_id, moment(order.observed_at), bind(at), made.unverified,
        bind(line.skipped(target)), bind(at) if order.trigger is Trigger.CREATE else None,
    )  # fmt: skip
    made = replace(made, id=int(fetch(_RECORD, values)[0][0]))
    drafted = order.trigger is not Trigger.CREATE and _draft(line, made, order, at)
    _STEPS.run(_ADD_STEPS, _steps(line, made, order, drafted, at))
    return made


def _unproven(target: Place | None) -> bool:
    return target is not None and target.gate is not Gate.READY


def _end_older(pipeline_id: int, seq: int, at: datetime) -> None:
    """What older switches have not begun yet is the newest one's business; an announcement is still owed."""
    execute(_SUPERSEDE, (bind(at), pipeline_id, seq))
    execute(_LEAVE_UNDONE, (pipeline_id, seq))
    execute(_CLOSE_REQUESTS, (pipeline_id,))
    execute(_CLOSE_PROPOSALS, (pipeline_id,))


def _draft(line: Line, made: Switched, order: Order, at: datetime) -> bool:
    """Ask for the offers to follow; without a domain left they go to the pipeline's own address, if it has one."""
    old = made.source or _last_left(made.pipeline_id)
    new = made.to or line.pipeline.trafficback_url
    if not line.pipeline.with_update_affise or not old or not new:
        return False
    values = (new_id(), made.pipeline_id, made.id, old, new, order.reason, order.actor, bind(at))
    return execute(_DRAFT, [bind(value) for value in values]) == 1


def _last_left(pipeline_id: int) -> str | None:
    rows = fetch(_LAST_LEFT, (pipeline_id,))
    return str(rows[0][0]) if rows else None


def _steps(line: Line, made: Switched, order: Order, drafted: bool, at: datetime) -> list[Sequence[Any]]:
    told = order.trigger is not Trigger.CREATE
    wanted = {
        Step.VOLUUM: told and made.to is not None and line.pipeline.with_update_voluum,
        Step.AFFISE: drafted,
        Step.TELEGRAM: told,
    }
    states = {step: StepState.PENDING if needed else StepState.NOT_NEEDED for step, needed in wanted.items()}
    return [(made.id, step.value, states[step].value, at if needed else None) for step, needed in wanted.items()]


def _one(changed: int) -> None:
    if changed != 1:
        raise Overtaken
