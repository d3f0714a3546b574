"""Steps that were taken from an owner whose lease ran out: what that owner wrote last may land after all."""

from __future__ import annotations

from datetime import datetime

from models import bulk
from models.database import execute
from models.domain_states import Step
from models.dry_marks import FORGOTTEN
from models.fields import bind, instant
from models.unfinished import LONGEST_CALL, REQUEST, Due

_ENDED = "state in ('done', 'partial', 'failed')"
_BURY = """
update switch_step set state = 'superseded', lease_until = null, next_attempt_at = null, look_again_at = {instant}
where step = %s and state = 'running' and lease_until <= {instant} and switch_id in (
    select o.id from domain_switch o join domain_switch me on me.pipeline_id = o.pipeline_id and o.seq < me.seq
    where me.id = %s)
returning switch_id
"""
_LEAVE = """
update platform_change set state = 'superseded'
where switch_id = %s and platform = %s and state in ('planned', 'applying', 'applied')
"""
_OPEN = """
update switch_step set state = 'pending', lease_until = null, next_attempt_at = {instant}, opened_at = {instant},
    tries = 0, look_again_at = null,
    FORGOTTEN
where look_again_at <= {instant} and ENDED and (%s = 0 or switch_id = %s) and exists (
    select 1 from domain_switch s join tracking_domain_pipeline p on p.id = s.pipeline_id
    where s.id = switch_step.switch_id and s.seq = p.switch_seq)
""".replace("ENDED", _ENDED).replace("FORGOTTEN", FORGOTTEN)
_OF = """
select t.look_again_at, REQUEST from switch_step t
where t.switch_id = %s and t.step = %s and t.look_again_at is not null and t.ENDED
""".replace("REQUEST", REQUEST).replace("ENDED", _ENDED)


def bury(switch_id: int, step: Step, at: datetime) -> None:
    """Close a step of older switches than this one whose lease ran out, in the transaction that takes it over."""
    for (lost,) in bulk.read(_BURY, (bind(at + LONGEST_CALL), step.value, bind(at), switch_id)):
        execute(_LEAVE, (lost, step.value))


def reopen(at: datetime, switch_id: int = 0) -> int:
    """Open steps again that are to be looked at once more by now, of one switch if it is named; how many."""
    now = bind(at)
    return bulk.run(_OPEN, (now, now, now, switch_id, switch_id))


def of(switch_id: int, step: Step) -> tuple[Due, datetime] | None:
    """When a step that has ended is to be looked at once more; None if there is no reason to."""
    rows = bulk.read(_OF, (switch_id, step.value))
    if not rows:
        return None
    when, request_id = rows[0]
    return Due(switch_id, step, None if request_id is None else str(request_id)), instant(when)
