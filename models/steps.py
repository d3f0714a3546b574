"""Steps of switches as rows: one worker at a time by a lease, the newest switch only, waits that survive a crash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import bulk, doubts
from models.database import execute, fetch, is_postgres
from models.domain_states import Step, StepState, Trigger
from models.dry_marks import FORGOTTEN
from models.fields import bind, instant
from models.pipelines import moment
from models.unfinished import LONGEST_CALL


@dataclass(frozen=True, slots=True)
class Claim:
    """The work of a step in one worker's hands; `number` counts the claims, so that a later one ends this one.

    `tries` is how often it failed since it was opened, `target` the domain to move to.
    """

    switch_id: int
    step: Step
    number: int
    tries: int
    opened_at: datetime
    pipeline_id: int
    pipeline: str
    seq: int
    trigger: Trigger
    decided_at: datetime
    source: str | None
    target: str | None


_LOCK = """
select p.id from tracking_domain_pipeline p
where p.id = (select s.pipeline_id from domain_switch s where s.id = %s)
"""
_NEWEST = """exists (select 1 from domain_switch s join tracking_domain_pipeline p on p.id = s.pipeline_id
    where s.id = switch_step.switch_id and s.seq = p.switch_seq)"""
_OLDER = """select o.lease_until from domain_switch me
    join domain_switch os on os.pipeline_id = me.pipeline_id and os.id <> me.id
    join switch_step o on o.switch_id = os.id and o.step = switch_step.step
    where me.id = switch_step.switch_id and o.state = 'running' and o.lease_until > {instant}"""
# the last write of an owner who is gone may come after the switch that it was made for
_DOUBT = """select max(d.look_again_at) from switch_step d join domain_switch ds on ds.id = d.switch_id
    join domain_switch me on me.pipeline_id = ds.pipeline_id
    where me.id = switch_step.switch_id and d.step = switch_step.step and d.look_again_at > {instant}"""
_TAKE = (
    """
update switch_step set state = 'running', attempts = attempts + 1, lease_until = {instant},
    look_again_at = case when step = 'telegram' then null when state = 'running' then {instant}
        else coalesce((DOUBT), look_again_at) end
where switch_id = %s and step = %s and (lease_until is null or lease_until <= {instant})
    and (state = 'running' or (state = 'pending' and (next_attempt_at is null or next_attempt_at <= {instant})))
    and (step = 'telegram' or (NEWEST and not exists (OLDER)))
returning attempts
""".replace("NEWEST", _NEWEST)
    .replace("OLDER", _OLDER)
    .replace("DOUBT", _DOUBT)
)
_READ = """
select t.tries, coalesce(t.opened_at, s.decided_at), s.pipeline_id, p.name, s.seq, s.trigger, s.decided_at, a.name,
    b.name
from switch_step t join domain_switch s on s.id = t.switch_id
join tracking_domain_pipeline p on p.id = s.pipeline_id
left join tracking_domain a on a.id = s.from_domain_id left join tracking_domain b on b.id = s.to_domain_id
where t.switch_id = %s and t.step = %s
"""
_BUSY = """
select case when lease_until > {instant} then lease_until else (OLDER order by 1 desc limit 1) end from switch_step
where switch_id = %s and step = %s and state in ('pending', 'running') and (step = 'telegram' or NEWEST)
""".replace("NEWEST", _NEWEST).replace("OLDER", _OLDER)
_MINE = "where switch_id = %s and step = %s and state = 'running' and attempts = %s"
_RENEW = """
update switch_step set lease_until = %s MINE and (step = 'telegram' or NEWEST)
""".replace("MINE", _MINE).replace("NEWEST", _NEWEST)
_PROGRESS = "update switch_step set items_done = %s, items_total = %s MINE".replace("MINE", _MINE)
_END = """
update switch_step set state = %s, lease_until = null, next_attempt_at = null, tries = 0, items_done = %s,
    items_total = %s, last_error = %s, proved_at = %s MINE
""".replace("MINE", _MINE)
_POSTPONE = """
update switch_step set state = 'pending', lease_until = null, next_attempt_at = %s, tries = tries + %s,
    last_error = %s MINE
""".replace("MINE", _MINE)
_SUPERSEDE = """
update switch_step set state = 'superseded', lease_until = null, next_attempt_at = null MINE
""".replace("MINE", _MINE)
_LEAVE_CHANGES = """
update platform_change set state = 'superseded'
where switch_id = %s and platform = %s and state in ('planned', 'applying', 'applied')
"""
_REOPEN = """
update switch_step set state = 'pending', lease_until = null, next_attempt_at = {instant}, opened_at = {instant},
    tries = 0,
    FORGOTTEN
where step {in:text} and state {in:text} and switch_id = (
    select s.id from domain_switch s join tracking_domain_pipeline p on p.id = s.pipeline_id
    where p.id = %s and s.seq = p.switch_seq)
returning switch_id, step
""".replace("FORGOTTEN", FORGOTTEN)
_AGAIN = """
update platform_change set state = 'planned', last_error = null
where state in ('failed', 'conflict') and switch_id = %s and platform = %s
"""
_NEWEST_OF = """
select s.id from domain_switch s join tracking_domain_pipeline p on p.id = s.pipeline_id
where p.id = %s and s.seq = p.switch_seq
"""
_STANDING = """
select s.pipeline_id, t.state from domain_switch s join switch_step t on t.switch_id = s.id
where s.id = %s and t.step = %s
"""
# a domain that is in use elsewhere, or that another pipeline left later, is that pipeline's business
_FORMER = """
select distinct d.name from domain_switch s join tracking_domain d on d.id = s.from_domain_id
where s.pipeline_id = %s and not exists (
    select 1 from pipeline_domain p where p.domain_id = d.id
        and (p.role = 'active' or (p.role = 'backup' and p.pipeline_id <> s.pipeline_id)))
    and not exists (
    select 1 from domain_switch o where o.from_domain_id = d.id and o.pipeline_id <> s.pipeline_id
        and o.decided_at > s.decided_at)
"""


def claim(switch_id: int, step: Step, at: datetime, until: datetime) -> Claim | None:
    """Take a step that is due, in the caller's transaction; None if it is not, or somebody else has it.

    A platform's step is taken for the newest switch only, and while no older switch holds one. One whose lease ran out
    is looked at once more, for its owner's last write may land yet.
    """
    # whoever switches holds this row too, so a claim is either before the switch or knows of it
    fetch(_LOCK + (" for no key update" if is_postgres() else ""), (switch_id,))
    now = bind(at)
    if step is not Step.TELEGRAM:
        doubts.bury(switch_id, step, at)
    taken = bulk.read(_TAKE, (bind(until), bind(at + LONGEST_CALL), now, switch_id, step.value, now, now, now))
    return _claim(switch_id, step, int(taken[0][0])) if taken else None


def _claim(switch_id: int, step: Step, number: int) -> Claim:
    row = fetch(_READ, (switch_id, step.value))[0]
    tries, opened, pipeline_id, name, seq, trigger, decided, source, target = row
    return Claim(
        switch_id, step, number, int(tries), instant(opened), int(pipeline_id), name, int(seq), Trigger(trigger),
        instant(decided), source, target,
    )  # fmt: skip


def busy_until(switch_id: int, step: Step, at: datetime) -> datetime | None:
    """When the lease ends that stands in the way of an open step: its own, or that of an older switch."""
    rows = bulk.read(_BUSY, (bind(at), bind(at), switch_id, step.value))
    return instant(rows[0][0]) if rows and rows[0][0] is not None else None


def renew(held: Claim, until: datetime) -> bool:
    """Keep a step; False if another claim or a newer switch has come."""
    return execute(_RENEW, (bind(until), *_key(held))) == 1


def progress(held: Claim, done: int, total: int) -> bool:
    """Note how far it is."""
    return execute(_PROGRESS, (done, total, *_key(held))) == 1


def end(held: Claim, state: StepState, done: int, total: int, error: str | None, proved_at: datetime | None) -> bool:
    """Close a step; False if it is not ours any more."""
    return execute(_END, (state.value, done, total, error, moment(proved_at), *_key(held))) == 1


def postpone(held: Claim, when: datetime, error: str | None, *, costs: bool) -> bool:
    """Give a step back until an instant; `costs` counts it as a failed try."""
    return execute(_POSTPONE, (bind(when), int(costs), error, *_key(held))) == 1


def supersede(held: Claim) -> bool:
    """A newer switch does what is left; False if the step is not ours any more."""
    ours = execute(_SUPERSEDE, _key(held)) == 1
    execute(_LEAVE_CHANGES, (held.switch_id, held.step.value))
    return ours


def newest(pipeline_id: int) -> int | None:
    """The id of the newest switch of a pipeline."""
    rows = fetch(_NEWEST_OF, (pipeline_id,))
    return int(rows[0][0]) if rows else None


def standing(switch_id: int, step: Step) -> tuple[int, StepState]:
    """The pipeline of a switch and the state of one of its steps; LookupError if there is none."""
    rows = fetch(_STANDING, (switch_id, step.value))
    if not rows:
        raise LookupError(f"there is no switch {switch_id}")
    return int(rows[0][0]), StepState(rows[0][1])


def reopen(
    pipeline_id: int, steps: Iterable[Step], states: Iterable[StepState], at: datetime
) -> list[tuple[int, Step]]:
    """Open steps of the newest switch again if they are in one of these states; (switch, step) of those opened.

    What was refused at the platform is tried again.
    """
    values = (bulk.among(step.value for step in steps), bulk.among(state.value for state in states))
    rows = bulk.read(_REOPEN, (bind(at), bind(at), *values, pipeline_id))
    for switch_id, step in rows:
        execute(_AGAIN, (switch_id, step))
    return [(int(switch_id), Step(step)) for switch_id, step in rows]


def former(pipeline_id: int) -> set[str]:
    """Every domain that a pipeline has left and that is nobody's now."""
    return {str(name) for (name,) in fetch(_FORMER, (pipeline_id,))}


def _key(held: Claim) -> Sequence[Any]:
    return held.switch_id, held.step.value, held.number
