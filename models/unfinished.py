"""Steps and announcements of switches that nobody works on: what a sweep sends again, and what it closes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import bulk
from models.database import fetch
from models.domain_states import Step
from models.dry_marks import MARKED
from models.fields import bind, instant

MOST = 500
LONGEST_CALL = timedelta(seconds=60)
"""The deadline of a call to a platform: what was sent by then lands within it, or never."""


@dataclass(frozen=True, slots=True)
class Due:
    """A step to be worked on; `request_id` is the latest request that the step at Affise consists of."""

    switch_id: int
    step: Step
    request_id: str | None = None


# also one that waits for a person, which is looked at now and then, and one that ended before the step was opened again
REQUEST = """(select r.id from affise_switch_request r where r.switch_id = t.switch_id
    order by r.created_at desc, r.id desc limit 1)"""
_DUE = """
select t.switch_id, t.step, REQUEST from switch_step t join domain_switch s on s.id = t.switch_id
join tracking_domain_pipeline p on p.id = s.pipeline_id
where t.step in ('voluum', 'affise') and t.state in ('pending', 'running') and s.seq = p.switch_seq
    and (t.lease_until is null or t.lease_until <= {instant})
    and (t.next_attempt_at is null or t.next_attempt_at <= {instant})
order by coalesce(t.next_attempt_at, s.decided_at), t.switch_id, t.step limit %s
""".replace("REQUEST", REQUEST)
_OF = """
select t.switch_id, t.step, REQUEST from switch_step t
where t.switch_id {in:int} and t.state = 'pending' order by t.switch_id, t.step
""".replace("REQUEST", REQUEST)
_UNTOLD = """
select s.id from domain_switch s join switch_step t on t.switch_id = s.id and t.step = 'telegram'
where s.announced_at is null and s.decided_at < {instant} and t.state in ('pending', 'running')
    and (t.lease_until is null or t.lease_until <= {instant})
    and (t.next_attempt_at is null or t.next_attempt_at <= {instant})
order by s.id limit %s
"""
_DEAD = """
update switch_step set state = 'superseded', lease_until = null, next_attempt_at = null,
    look_again_at = case when state = 'running' then {instant} else look_again_at end
where step in ('voluum', 'affise') and state in ('pending', 'running')
    and (lease_until is null or lease_until <= {instant}) and exists (
        select 1 from domain_switch s join tracking_domain_pipeline p on p.id = s.pipeline_id
        where s.id = switch_step.switch_id and s.seq < p.switch_seq)
"""
_LEFT = """
update platform_change set state = 'superseded' where state in ('planned', 'applying', 'applied') and exists (
    select 1 from switch_step t where t.switch_id = platform_change.switch_id and t.step = platform_change.platform
        and t.state = 'superseded')
"""
_AGES = """
select t.step, min(coalesce(t.opened_at, s.decided_at)) from switch_step t join domain_switch s on s.id = t.switch_id
where t.state in ('pending', 'running') group by t.step
"""
_UNPROVED = """
select exists (select 1 from switch_step where switch_id = %s and step in ('voluum', 'affise')
    and (state not in ('done', 'not_needed') or MARKED))
""".replace("MARKED", MARKED)
_WAKE = """
update switch_step set next_attempt_at = {instant}
where step = %s and state = 'pending' and next_attempt_at > {instant} returning switch_id, step
"""


def due(at: datetime, most: int = MOST) -> list[Due]:
    """Steps at platforms of the newest switches that should be under way and are not."""
    return [_due(*row) for row in bulk.read(_DUE, (bind(at), bind(at), most))]


def pending(switch_ids: Iterable[int]) -> list[Due]:
    """Every step of these switches that waits, announcements too."""
    return [_due(*row) for row in bulk.read(_OF, (bulk.among(switch_ids),))]


def untold(before: datetime, at: datetime, most: int = MOST) -> list[int]:
    """Switches made before an instant that nobody was told of and nobody is about to tell."""
    return [int(row[0]) for row in bulk.read(_UNTOLD, (bind(before), bind(at), bind(at), most))]


def close_overtaken(at: datetime) -> int:
    """Close what older switches left open and nobody works on; how many steps.

    What their owners wrote last may land yet; whoever takes the newest switch's step will know.
    """
    closed = bulk.run(_DEAD, (bind(at + LONGEST_CALL), bind(at)))
    if closed:
        bulk.run(_LEFT)
    return closed


def oldest(at: datetime) -> dict[Step, float]:
    """Seconds for which the oldest unfinished step of each kind has been open."""
    ages = {Step(step): (at - instant(opened)).total_seconds() for step, opened in fetch(_AGES)}
    return {step: max(0.0, ages.get(step, 0.0)) for step in Step}


def unproved(switch_id: int) -> bool:
    """Whether a step of a switch at a platform is not proved."""
    return bool(fetch(_UNPROVED, (switch_id,))[0][0])


def wake(step: Step, at: datetime) -> list[int]:
    """Let steps of a kind that wait be due now; the switches."""
    return [int(row[0]) for row in bulk.read(_WAKE, (bind(at), step.value, bind(at)))]


def _due(switch_id: int, step: str, request_id: object) -> Due:
    return Due(int(switch_id), Step(step), None if request_id is None else str(request_id))
