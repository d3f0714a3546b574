"""Roles beside the switch: domains that join a line, leave it, are kept out, or come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models import bulk, pipelines, switches
from models.database import execute
from models.domain_states import Role
from models.fields import bind
from models.pipelines import Line, Place, hold_still
from models.switches import Order, Switched


@dataclass(frozen=True, slots=True)
class Unblocked:
    """Where a domain went, and the switch if it is in use again."""

    pipeline_id: int
    domain: str
    role: Role
    switch: Switched | None = None


_NAMES = bulk.Rows("name text, registrable text")
_ADD_NAMES = """
insert into tracking_domain (name, registrable, created_at)
select name, registrable, {instant} from {rows} where true on conflict (name) do nothing
"""
_IDS = "select name, id from tracking_domain where name {in:text}"
_PLACES = bulk.Rows("pipeline_id int, domain_id int, role text, position int, block_reason text, blocked_at instant")
_ADD_PLACES = """
insert into pipeline_domain (pipeline_id, domain_id, role, position, block_reason, blocked_at, role_since)
select pipeline_id, domain_id, role, position, block_reason, v.blocked_at, {instant} from {rows}
where true on conflict (pipeline_id, domain_id) do nothing
"""
_BACK = """
update pipeline_domain set role = %s, position = %s, role_since = %s, block_reason = null, block_evidence_id = null,
    blocked_at = null, clean_count = 0, last_clean_at = null
where pipeline_id = %s and domain_id = %s and role = %s
"""
_LOST = bulk.Rows("pipeline_id int, domain_id int, reason text, evidence_id int")
_OUT_TOGETHER = """
update pipeline_domain set role = 'blocked', role_since = {instant}, block_reason = v.reason,
    block_evidence_id = v.evidence_id, blocked_at = {instant}, clean_count = 0, last_clean_at = null
from {rows} where pipeline_domain.pipeline_id = v.pipeline_id and pipeline_domain.domain_id = v.domain_id
    and pipeline_domain.role = 'backup' returning pipeline_domain.domain_id
"""
_ELSEWHERE = """
select d.name, l.name, p.role from pipeline_domain p
join tracking_domain d on d.id = p.domain_id join tracking_domain_pipeline l on l.id = p.pipeline_id
where d.name {in:text} and p.role in ('active', 'backup', 'blocked') order by d.name, l.id
"""
Placed = Sequence[object]


def elsewhere(domains: Sequence[str]) -> list[tuple[str, str, Role]]:
    """(domain, pipeline, role) of domains that are at work or blocked anywhere."""
    rows = bulk.read(_ELSEWHERE, (bulk.among(domains),))
    return [(name, pipeline, Role(role)) for name, pipeline, role in rows]


def know(names: Sequence[tuple[str, str]], at: datetime) -> dict[str, int]:
    """Store (name, registrable) pairs that are new; the ids of all of them."""
    _NAMES.run(_ADD_NAMES, names, before=(bind(at),))
    return ids([name for name, _ in names])


def ids(names: Sequence[str]) -> dict[str, int]:
    """The ids of domains that are stored, by name."""
    return {name: int(number) for name, number in bulk.read(_IDS, (bulk.among(names),))}


def place(rows: Sequence[Placed], at: datetime) -> int:
    """Give domains that are new in a pipeline their role there; how many.

    Rows are (pipeline_id, domain_id, role, position, block_reason, blocked_at).
    """
    return _PLACES.run(_ADD_PLACES, rows, before=(bind(at),))


def unblock(pipeline_id: int, domain: str, order: Order, at: datetime) -> Unblocked | None:
    """Take a domain out of the blocked ones, in the caller's transaction; None if it is not blocked there any more.

    It goes back to work if the pipeline wants that and it works nowhere else; a healthy active domain stays.
    """
    line = hold_still([pipeline_id]).get(pipeline_id)
    found = line.place(domain) if line else None
    if line is None or found is None or found.role is not Role.BLOCKED:
        return None
    if not line.pipeline.return_to_work or _works_elsewhere(domain):
        return _back(line, found, Role.PARKED, at)
    if line.active is None:
        return Unblocked(pipeline_id, domain, Role.ACTIVE, switches.start(line, found, order, at))
    return _back(line, found, Role.BACKUP, at)


def _works_elsewhere(domain: str) -> bool:
    return bool(pipelines.holding(domain, Role.ACTIVE, Role.BACKUP))


def _back(line: Line, found: Place, role: Role, at: datetime) -> Unblocked | None:
    moved = change(line, found, role, at)
    return Unblocked(line.pipeline.id, found.name, role) if moved else None


def change(line: Line, found: Place, role: Role, at: datetime) -> bool:
    """Move a domain that is not in use to the end of the spares or to the parked ones; False if its role changed."""
    position = line.last_position + 1 if role is Role.BACKUP else found.position
    values = (role.value, position, bind(at), line.pipeline.id, found.domain_id, found.role.value)
    return execute(_BACK, values) == 1


def block_spares(rows: Sequence[tuple[int, int, str, int | None]], at: datetime) -> set[int]:
    """Block (pipeline, domain, reason, evidence) without a switch, the pipelines held still; who was a spare."""
    return {int(domain_id) for (domain_id,) in _LOST.fetch(_OUT_TOGETHER, rows, before=(bind(at), bind(at)))}


def fill(pipeline_id: int, order: Order, at: datetime) -> Switched | None:
    """Put the next spare to work in a pipeline without an active domain; None if it has one, or no spare."""
    line = hold_still([pipeline_id]).get(pipeline_id)
    if line is None or line.active is not None or line.next is None:
        return None
    return switches.start(line, line.next, order, at)
