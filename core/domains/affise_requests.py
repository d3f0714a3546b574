"""What people do with requests to Affise: agree, refuse, try again, take back; each act is on record."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from config.clock import now
from core.domains import dry_runs, pipelines, platform_plan, steps
from core.domains.persons import AlreadyChanged, By, Refused, record
from core.domains.platform_plan import Change
from models import affise_items as items
from models import affise_refusals, conflicts
from models import affise_requests as rows
from models.affise_items import Item
from models.affise_requests import Request
from models.domain_states import ChangeState, Step, SwitchRequestState

State = SwitchRequestState
MOST_ITEMS = 100_000
_AFRESH = (State.FAILED, State.EXPIRED, State.REJECTED)
_MAY_TAKE_BACK = (State.DONE, State.PARTIAL, State.FAILED)


def get(request_id: UUID | str) -> Request:
    """A request by its id; raises Refused if there is none."""
    try:
        found = rows.get(UUID(str(request_id)))
    except ValueError:
        found = None
    if found is None:
        raise Refused(f"request: there is no {str(request_id)[:40]!r}; signalbox pipelines requests list shows them")
    return found


def approve(request_id: UUID | str, by: By, items_sha256: str) -> Request:
    """Agree to exactly the items with this digest; raises AlreadyChanged if they are others by now."""
    return conflicts.transaction(lambda: _approve(get(request_id), by, items_sha256))


def _approve(request: Request, by: By, items_sha256: str) -> Request:
    _expect(request, State.AWAITING_APPROVAL)
    if request.items_sha256 != items_sha256:
        raise AlreadyChanged("already changed: the offers were read again and other changes are planned; look again")
    _record(request, by, "affise.approve", status=State.APPROVED.value, items_sha256=items_sha256)
    if not rows.approve(request.id, by.name, items_sha256, now(), State.AWAITING_APPROVAL):
        raise AlreadyChanged(f"already changed: request {request.id} moved on; look again")
    rows.wake(request.switch_id, now())
    return get(request.id)


def reject(request_id: UUID | str, by: By) -> Request:
    """Refuse what is planned: the offers stay as they are."""
    return conflicts.transaction(lambda: _reject(get(request_id), by))


def _reject(request: Request, by: By) -> Request:
    _expect(request, State.AWAITING_APPROVAL)
    _record(request, by, "affise.reject", status=State.REJECTED.value)
    if not rows.reject(request.id, by.name, now()):
        raise AlreadyChanged(f"already changed: request {request.id} moved on; look again")
    rows.wake(request.switch_id, now())
    return get(request.id)


def retry(request_id: UUID | str, by: By) -> Request:
    """Try again what failed of something that may pass; the request that is to be gone on with.

    One that failed altogether, expired or was refused is planned anew from what the offers say now.
    """
    return conflicts.transaction(lambda: _retry(get(request_id), by))


def _retry(request: Request, by: By) -> Request:
    _expect(request, State.PARTIAL, *_AFRESH)
    _expect_newest(request)
    if request.undo_of:
        raise Refused(f"request: {request.id} takes another back; ask for a rollback of {request.undo_of} instead")
    _record(request, by, "affise.retry", retried=True)
    again = rows.renew(request, by.name, "retry", now()) if request.status in _AFRESH else _retry_rest(request, by)
    _open(request)
    return get(again)


def _retry_rest(request: Request, by: By) -> UUID:
    """What may pass is tried again as it is; what was refused is planned anew, for a person knows what has changed."""
    if items.retry(request.id):
        rows.begin_again(request.id, by.name, now())
        return request.id
    if not affise_refusals.of(request.switch_id):
        raise Refused(f"request: nothing of {request.id} failed")
    rows.move(request.id, State.SUPERSEDED, State.PARTIAL)
    return rows.renew(request, by.name, "retry", now())


def rollback(request_id: UUID | str, by: By) -> Request:
    """Give the offers back what they showed, where they still show what we wrote; the request that does so."""
    return conflicts.transaction(lambda: _rollback(get(request_id), by))


def _rollback(request: Request, by: By) -> Request:
    if dry_runs.on(Step.AFFISE):
        raise Refused("affise: AFFISE_DRY_RUN is on, so that nothing can be taken back")
    _expect(request, *_MAY_TAKE_BACK)
    _expect_newest(request)
    if request.undo_of:
        raise Refused(f"request: {request.id} is a rollback itself; a switch moves the offers on")
    written = [_undone(item) for item in items.of(request.id) if _was_written(item)]
    if not written:
        raise Refused(f"request: nothing was written for {request.id}, so there is nothing to take back")
    _record(request, by, "affise.rollback", items=len(written))
    items.stop(request.id, "not tried any more, because the request was rolled back")
    undo = rows.undo(request, by.name, platform_plan.fingerprint(written), now())
    items.replace(undo, [(int(c.object_id), c.title, c.field, c.before, c.after, None) for c in written])
    _open(request)
    return get(undo)


def limit(name: str, by: By, *, auto: bool | None = None, most: int | None = None) -> tuple[bool, int | None]:
    """Set whether requests of a pipeline approve themselves, up to how many items (0 = the setting); as it is now."""
    if auto is None and most is None:
        raise Refused("limit: say what to change, --auto, --no-auto or --most")
    if most is not None and not 0 <= most <= MOST_ITEMS:
        raise Refused(f"most: write 1 to {MOST_ITEMS}, or 0 for the setting AFFISE_MAX_ITEMS")
    return conflicts.transaction(lambda: _limit(name, by, auto, most))


def _limit(name: str, by: By, auto: bool | None, most: int | None) -> tuple[bool, int | None]:
    line = pipelines.get(name)
    record(by, "affise.limit", pipelines.subject(line.pipeline.name), auto=auto, most=most)
    return rows.limit(line.pipeline.id, auto, most)


def _was_written(item: Item) -> bool:
    """Also one that failed after an edit was sent: it is written back only where the offer shows our address."""
    sent = item.applied_at is not None and item.status is ChangeState.FAILED
    return (sent or item.status is ChangeState.VERIFIED) and not dry_runs.marked(item.last_error)


def _undone(item: Item) -> Change:
    return Change("offer", str(item.offer_id), item.title, item.field, item.before, item.after, None).undone()


def _open(request: Request) -> None:
    """Let the step go on now, whether it has ended or waits."""
    steps.reopen(request.pipeline_id, Step.AFFISE)
    rows.wake(request.switch_id, now())


def _expect(request: Request, *states: State) -> None:
    if request.status not in states:
        wanted = " or ".join(state.value for state in states)
        raise AlreadyChanged(f"request: {request.id} is {request.status.value}, not {wanted}")


def _expect_newest(request: Request) -> None:
    if not request.newest or rows.of_switch(request.switch_id) != request:
        raise AlreadyChanged(
            f"request: a newer one has taken over from {request.id}; signalbox pipelines requests list"
        )


def _record(request: Request, by: By, action: str, **after: Any) -> None:
    before = {"status": request.status.value, "pipeline": request.pipeline}
    record(by, action, f"affise_request:{request.id}", before=before, **after)
