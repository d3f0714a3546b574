"""Taking a switch back: for a minute, the newest one only, and never to a domain that is said to be bad."""

from __future__ import annotations

from datetime import datetime, timedelta

from config.clock import now
from core.domains.persons import AlreadyChanged, By, Refused, record
from core.domains.pipelines import subject
from models import conflicts, pipelines, switch_news, switches
from models.domain_states import Role, Trigger
from models.pipelines import Gate, Line, Place, hold_still
from models.switches import Order, Switched

LASTS = timedelta(seconds=60)
"""How long a switch may be taken back."""


def undo(switch_id: int, by: By) -> Switched:
    """Go back to the domain that a switch left, by a new switch; the domain in use becomes the next spare again.

    Raises AlreadyChanged if the pipeline has moved since, Refused if it is too late, or the old domain is bad or busy.
    """
    pipeline_id = switch_news.pipeline_of(switch_id)
    if pipeline_id is None:
        raise Refused(f"switch: there is no switch {switch_id}")
    return conflicts.transaction(lambda: _undo(hold_still([pipeline_id])[pipeline_id], switch_id, by, now()))


def _undo(line: Line, switch_id: int, by: By, at: datetime) -> Switched:
    made = switch_news.made(switch_id)
    target = _target(line, made, at)
    pipeline = line.pipeline
    reason = f"undo of switch #{made.seq}"
    before = {"active": line.active.name if line.active else None}
    record(by, "pipeline.undo", subject(pipeline.name), reason=reason, before=before, active=target.name,
           seq=pipeline.seq + 1)  # fmt: skip
    order = Order(reason=reason, actor=by.name, trigger=Trigger.UNDO, seq=pipeline.seq, to=target.domain_id)
    return switches.back(line, target, order, at)


def _target(line: Line, made: switch_news.Made, at: datetime) -> Place:
    """The domain to go back to; raises why not."""
    if made.seq != line.pipeline.seq:
        raise AlreadyChanged(f"already changed: switch #{line.pipeline.seq} was made meanwhile; look again")
    if not in_time(made.decided_at, at):
        raise Refused(f"switch: #{made.seq} is older than {LASTS.seconds} s; switch by hand instead")
    found = line.place(made.source) if made.source else None
    if found is None or found.role not in (Role.BLOCKED, Role.BACKUP):
        raise Refused(f"switch: #{made.seq} left no domain that could be put back to work")
    if problem := _problem(line, found):
        raise Refused(f"domain: {found.name} {problem}; the switch stands")
    return found


def in_time(decided_at: datetime, at: datetime) -> bool:
    """Whether a switch of that instant may still be taken back, as far as time is concerned."""
    return at - decided_at < LASTS


def _problem(line: Line, found: Place) -> str:
    if found.gate is Gate.BAD or switch_news.suspected([found.domain_id]):
        return "is suspected to be unsafe"
    others = set(pipelines.holding(found.name, Role.ACTIVE, Role.BACKUP)) - {line.pipeline.id}
    return "works in another pipeline by now" if others else ""
