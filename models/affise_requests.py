"""Requests to change offers at Affise as rows: finding them, and moving them from one state to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from config.ids import new_id
from models import bulk
from models.database import execute, fetch
from models.domain_requests import AffiseSwitchRequest
from models.domain_states import StepState, SwitchRequestState
from models.fields import bind, instant

State = SwitchRequestState
OPEN = (State.DRAFT, State.PLANNED, State.AWAITING_APPROVAL, State.APPROVED, State.APPLYING, State.PARTIAL)
"""States in which something may still happen by itself; a newer switch closes these."""
AT_WORK = (State.APPLYING, State.PARTIAL)


@dataclass(frozen=True, slots=True)
class Request:
    """A request with what is needed of its pipeline and its switch.

    `newest` says that no newer switch was made, `old_blocked` that the old domain is blocked in the pipeline now.
    """

    id: UUID
    pipeline_id: int
    pipeline: str
    switch_id: int
    old: str
    new: str
    reason: str
    created_by: str
    status: SwitchRequestState
    version: int
    items_sha256: str | None
    approved_by: str | None
    approved_at: datetime | None
    created_at: datetime
    expires_at: datetime | None
    undo_of: UUID | None
    look_again: bool
    auto_approve: bool
    most_items: int | None
    newest: bool
    old_blocked: bool

    @property
    def whole_url(self) -> bool:
        """Whether whole addresses are replaced, because the pipeline has no domain left; a person must agree."""
        return "/" in self.new


_COLUMNS = """
select r.id, r.pipeline_id, l.name, r.switch_id, r.old_domain, r.new_domain, r.reason, r.created_by, r.status,
    r.version, r.items_sha256, r.approved_by, r.approved_at, r.created_at, r.expires_at, r.undo_of, r.look_again,
    l.affise_auto_approve, l.affise_max_items, s.seq = l.switch_seq,
    exists (select 1 from pipeline_domain p join tracking_domain d on d.id = p.domain_id
        where p.pipeline_id = r.pipeline_id and d.name = r.old_domain and p.role = 'blocked')
from affise_switch_request r join tracking_domain_pipeline l on l.id = r.pipeline_id
join domain_switch s on s.id = r.switch_id
"""
_ONE = _COLUMNS + " where r.id = %s"
_OF_SWITCH = _COLUMNS + " where r.switch_id = %s order by r.created_at desc, r.id desc limit 1"
_NEWEST_OF = (
    _COLUMNS + " where r.pipeline_id = %s and s.seq = l.switch_seq order by r.created_at desc, r.id desc limit 1"
)
_LATEST = _COLUMNS + " where (%s = '' or l.name = %s) order by r.created_at desc, r.id desc limit %s"
_MOVE = "update affise_switch_request set status = %s, version = version + 1 where id = %s and status {in:text}"
_PLANNED = """
update affise_switch_request set status = 'planned', items_sha256 = %s, version = version + 1, approved_by = null,
    approved_at = null, expires_at = %s where id = %s and version = %s
    and status in ('draft', 'awaiting_approval', 'approved')
"""
_APPROVE = """
update affise_switch_request set status = 'approved', approved_by = %s, approved_at = %s, version = version + 1
where id = %s and items_sha256 = %s and status {in:text}
"""
_REJECT = """
update affise_switch_request set status = 'rejected', approved_by = %s, approved_at = %s, version = version + 1
where id = %s and status = 'awaiting_approval'
"""
_AGAIN = """
update affise_switch_request set status = 'applying', approved_by = %s, approved_at = %s, version = version + 1
where id = %s and status = 'partial'
"""
_ADD = """
insert into affise_switch_request (id, pipeline_id, switch_id, old_domain, new_domain, reason, created_by, status,
    undo_of, items_sha256, approved_by, approved_at, created_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""
_LOOK_AGAIN = """
update affise_switch_request set look_again = %s
where pipeline_id = %s and status in ('approved', 'applying', 'partial')
    and switch_id = (select s.id from domain_switch s where s.pipeline_id = %s order by s.seq desc limit 1)
"""
_LIMIT = """
update tracking_domain_pipeline set affise_auto_approve = coalesce(%s, affise_auto_approve),
    affise_max_items = nullif(coalesce(%s, affise_max_items), 0)
where id = %s returning affise_auto_approve, affise_max_items
"""
_AWAITING = "select id from affise_switch_request where status = 'awaiting_approval' order by id"
_STEP = "select state from switch_step where switch_id = %s and step = 'affise'"
_WAKE = """
update switch_step set next_attempt_at = %s, opened_at = %s, tries = 0
where switch_id = %s and step = 'affise' and state in ('pending', 'running')
"""


def get(request_id: UUID) -> Request | None:
    """A request by its id."""
    return _first(fetch(_ONE, (str(request_id),)))


def of_switch(switch_id: int) -> Request | None:
    """The newest request of a switch."""
    return _first(fetch(_OF_SWITCH, (switch_id,)))


def newest_of(pipeline_id: int) -> Request | None:
    """The newest request of a pipeline's newest switch."""
    return _first(fetch(_NEWEST_OF, (pipeline_id,)))


def latest(pipeline: str = "", most: int = 50) -> list[Request]:
    """The newest requests, of one pipeline only if it is named, newest first."""
    return [_request(row) for row in fetch(_LATEST, (pipeline, pipeline, most))]


def move(request_id: UUID, status: State, *sources: State) -> bool:
    """Move a request on, if it is in one of these states, or else in any from which it may go there."""
    among = sources or [old for old, targets in AffiseSwitchRequest.MOVES.items() if status in targets]
    return bulk.run(_MOVE, (status.value, str(request_id), bulk.among(old.value for old in among))) == 1


def planned(request: Request, sha256: str, expires_at: datetime) -> bool:
    """Note what was planned, which voids an approval; False if the request was changed since it was read."""
    return execute(_PLANNED, (sha256, bind(expires_at), str(request.id), request.version)) == 1


def approve(request_id: UUID, by: str, sha256: str, at: datetime, *sources: State) -> bool:
    """Approve exactly these items; False if they are others by now, or the request is in another state."""
    among = bulk.among(old.value for old in sources)
    return bulk.run(_APPROVE, (by, bind(at), str(request_id), sha256, among)) == 1


def reject(request_id: UUID, by: str, at: datetime) -> bool:
    """Refuse a request that waits; who refused it stands where an approval would. False if it waits no more."""
    return execute(_REJECT, (by, bind(at), str(request_id))) == 1


def begin_again(request_id: UUID, by: str, at: datetime) -> bool:
    """Begin another round of a request that ended partly done."""
    return execute(_AGAIN, (by, bind(at), str(request_id))) == 1


def renew(request: Request, by: str, reason: str, at: datetime) -> UUID:
    """Draft the same once more, to be planned from what the offers say now; the id of the draft."""
    return _add(request, (request.old, request.new), reason, by, State.DRAFT, at)


def undo(request: Request, by: str, sha256: str, at: datetime) -> UUID:
    """A request that takes this one back, approved by the person who asks for it; its id."""
    turned = request.new, request.old
    return _add(request, turned, "rollback", by, State.APPLYING, at, str(request.id), sha256, by, bind(at))


def _add(
    request: Request, names: tuple[str, str], reason: str, by: str, status: State, at: datetime, *approval: Any
) -> UUID:
    key = new_id()
    values = (str(key), request.pipeline_id, request.switch_id, *names, reason, by, status.value)
    execute(_ADD, (*values, *(approval or (None, None, None, None)), bind(at)))
    return key


def limit(pipeline_id: int, auto: bool | None, most: int | None) -> tuple[bool, int | None]:
    """Set whether requests of a pipeline approve themselves, and up to how many items; None leaves it, 0 = as usual."""
    [(now_auto, now_most)] = fetch(_LIMIT, (auto, most, pipeline_id))
    return bool(now_auto), now_most


def look_again(pipeline_id: int) -> None:
    """Ask the newest switch's request to look at the offers once more when it is through."""
    execute(_LOOK_AGAIN, (True, pipeline_id, pipeline_id))


def awaiting() -> list[UUID]:
    """Requests that wait for a person."""
    return [UUID(str(row[0])) for row in fetch(_AWAITING)]


def step_state(switch_id: int) -> StepState | None:
    """Where the step of a switch at Affise stands."""
    rows = fetch(_STEP, (switch_id,))
    return StepState(rows[0][0]) if rows else None


def wake(switch_id: int, at: datetime) -> None:
    """Let the open step of a switch be gone on with now, as if it had only been opened."""
    execute(_WAKE, (bind(at), bind(at), switch_id))


def calm(switch_id: int) -> None:
    """Forget how often the step failed in a row."""
    execute("update switch_step set tries = 0 where switch_id = %s and step = 'affise'", (switch_id,))


def _first(rows: Sequence[Sequence[Any]]) -> Request | None:
    return _request(rows[0]) if rows else None


def _request(row: Sequence[Any]) -> Request:
    number, pipeline_id, pipeline, switch_id, old, new, reason, made_by, status, version, sha, by, at, made, ends = row[
        :15
    ]
    undo_of, again, auto, most, newest, blocked = row[15:]
    return Request(
        UUID(str(number)), int(pipeline_id), pipeline, int(switch_id), old, new, reason, made_by, State(status),
        int(version), sha, by, _at(at), instant(made), _at(ends), UUID(str(undo_of)) if undo_of else None,
        bool(again), bool(auto), most, bool(newest), bool(blocked),
    )  # fmt: skip


def _at(value: Any) -> datetime | None:
    return None if value is None else instant(value)
