"""Planning a request to Affise: which addresses of offers are to change, and whether a person must agree first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from config.clock import now
from config.settings import get_settings
from core.domains import affise_changes, affise_course, pauses, platform_plan, platforms, refusals, steps
from core.domains.affise_course import NOTHING, SERVICE, Course, News, State
from core.domains.platform_plan import Change, Mention
from core.domains.steps import Claim
from integrations.affise import Affise
from integrations.errors import OutsideError, RateLimited, Rejected, Unauthorized
from models import affise_items as items
from models import affise_refusals, observations
from models import affise_requests as rows
from models.affise_refusals import Refused
from models.affise_requests import AT_WORK, Request
from models.domain_states import Step, StepState
from models.observations import Observation

APPROVAL_LASTS = timedelta(hours=24)
OVERDUE_AFTER = timedelta(minutes=15)
_OPEN_STEP = (StepState.PENDING, StepState.RUNNING)
_TO_PLAN = (State.DRAFT, State.APPROVED)
_ENDED = (State.DONE, State.PARTIAL, State.FAILED)
Take = Callable[[int, Step], Claim | None]


@dataclass(frozen=True, slots=True)
class Looked:
    """A request, the right to go on with it, and what the offers say if it is to be planned."""

    request: Request
    held: Claim | None = None
    changes: tuple[Change, ...] | None = None
    mentions: tuple[Mention, ...] = ()
    seen: tuple[Observation, ...] = ()
    error: OutsideError | None = None
    wait: timedelta | None = None


def look(request_id: UUID, take: Take, affise: Affise | None) -> Looked | None:
    """Read the offers for a request that is to be planned or proved once more; `take` claims its step.

    None if nothing is to be done.
    """
    asked = rows.get(request_id)
    request = rows.of_switch(asked.switch_id) if asked else None
    if request is None or not request.newest:
        return Looked(request) if request else None
    if request.status in AT_WORK and items.tally(request.id).open:
        return Looked(request)
    held = take(request.switch_id, Step.AFFISE) if rows.step_state(request.switch_id) in _OPEN_STEP else None
    if held is None:
        return None
    to_read = request.status in _TO_PLAN or _is_over(request)
    return _listed(Looked(request, held), affise) if to_read else Looked(request, held)


def _is_over(request: Request) -> bool:
    """Whether it ended by itself; its step was opened again, so the offers may show a former domain."""
    return request.status in _ENDED and request.undo_of is None


def _listed(found: Looked, affise: Affise | None) -> Looked:
    wait = pauses.wait(SERVICE)
    if wait is not None:
        return replace(found, wait=wait)
    try:
        return _read(found, affise)
    except OutsideError as error:
        return replace(found, error=error)


def _read(found: Looked, affise: Affise | None) -> Looked:
    if affise is None:
        raise platforms.no_tenant()
    request, at = found.request, now()
    former = steps.former(request.pipeline_id) - {request.new}
    offers = list(affise.offers())
    changes = affise_changes.wanted(offers, former, request, items.parked(request.pipeline_id))
    hosts = frozenset(former | {request.new})
    seen = affise_course.observed(request, offers, hosts, at)
    mentions = platform_plan.offer_mentions(offers, former)
    return replace(found, changes=tuple(changes), mentions=tuple(mentions), seen=tuple(seen))


def keep(found: Looked | None) -> Course:
    """Store what was found and say what follows, in the caller's transaction."""
    if found is None:
        return NOTHING
    request, held = found.request, found.held
    if held is None:
        return _without(request)
    if found.wait is not None:
        again = now() + found.wait
        steps.later(held, again, "Affise refuses our key")
        return Course(request=request, plan=request.id, plan_at=again)
    if found.error is not None:
        return _unread(request, held, found.error)
    if found.changes is not None:
        return (_prove if _is_over(request) else _store)(found, held, found.changes)
    return _wait(request, held) if request.status is State.AWAITING_APPROVAL else _reopened(request, held)


def _without(request: Request) -> Course:
    """Somebody else's step, or one whose items are under way: the next of these is sent again."""
    if not request.newest or request.status is State.SUPERSEDED:
        items.cancel(request.pipeline_id)
        return NOTHING
    tally = items.tally(request.id)
    return Course(request=request, item=tally.next_item, due_at=tally.due_at) if tally.open else NOTHING


def _store(found: Looked, held: Claim, changes: Sequence[Change]) -> Course:
    request, at = found.request, now()
    resumed = pauses.resume(SERVICE)
    observations.record(found.seen)
    fresh, before = refusals.among(request, changes)
    if refusals.asked_for_by_a_person(request):
        fresh, before = list(changes), []
    sha256 = platform_plan.fingerprint(fresh)
    if request.status is State.APPROVED and sha256 == request.items_sha256:
        return _seen(found, _apply(request, held), resumed)
    if not rows.planned(request, sha256, at + APPROVAL_LASTS):
        return _overtaken(request, held, resumed)
    items.cancel(request.pipeline_id)
    items.replace(request.id, [affise_changes.row(change) for change in changes])
    affise_refusals.carry(request.id, before)
    return _seen(found, _decide(request, held, fresh, before, sha256, at), resumed)


def _prove(found: Looked, held: Claim, changes: Sequence[Change]) -> Course:
    """The step of a request that is over: plan anew what shows a former domain, but not what was refused just so."""
    request = found.request
    resumed = pauses.resume(SERVICE)
    observations.record(found.seen)
    fresh, _ = refusals.among(request, changes)
    course = affise_course.renew(held, request, "offers show a former domain") if fresh else _as_it_was(request, held)
    return _seen(found, course, resumed)


def _as_it_was(request: Request, held: Claim) -> Course:
    """End the step as the request had ended; nothing is told, because nothing is new."""
    tally = items.tally(request.id)
    why = None if tally.done == tally.total else affise_course.failures(request.id, tally)
    steps.finish(held, affise_course.state_of(tally), done=tally.done, total=tally.total, error=why)
    return Course(request=request, held=held, tally=tally, quiet=True)


def _seen(found: Looked, course: Course, resumed: bool) -> Course:
    recovered = resumed or (found.held is not None and found.held.tries > 0)
    return replace(course, looked=True, mentions=found.mentions, resumed=resumed, recovered=recovered)


def _overtaken(request: Request, held: Claim, resumed: bool) -> Course:
    """A person, another worker or a newer switch changed the request while its offers were read."""
    fresh = rows.get(request.id)
    if fresh is None or not fresh.newest:
        return replace(affise_course.give_way(held, request, wrote=False), resumed=resumed)
    steps.later(held, now(), None)
    return Course(request=fresh, plan=request.id, resumed=resumed)


def _decide(
    request: Request, held: Claim, fresh: Sequence[Change], before: Sequence[Refused], sha256: str, at: datetime
) -> Course:  # fmt: skip
    count = len(fresh)
    if not count and not before:
        rows.move(request.id, State.DONE, State.PLANNED)
        steps.finish(held, StepState.DONE)
        return Course(request=rows.get(request.id), held=held, news=News.ENDED, tally=items.tally(request.id))
    if not count or may_approve_itself(request, count):
        rows.approve(request.id, refusals.SYSTEM, sha256, at, State.PLANNED)
        return _apply(request, held)
    rows.move(request.id, State.AWAITING_APPROVAL, State.PLANNED)
    steps.progress(held, 0, count)
    steps.later(held, at + OVERDUE_AFTER, "waits for a person to agree")
    return Course(request=rows.get(request.id), news=News.AWAITING, tally=items.tally(request.id))


def may_approve_itself(request: Request, count: int) -> bool:
    """Whether so many changes need no person; whole addresses always do."""
    most = request.most_items or get_settings().affise_max_items
    return request.auto_approve and not request.whole_url and count <= most


def _apply(request: Request, held: Claim) -> Course:
    rows.move(request.id, State.APPLYING, State.APPROVED)
    fresh = rows.get(request.id)
    assert fresh is not None, "requests are never deleted"
    return affise_course.go_on(held, fresh)


def _wait(request: Request, held: Claim) -> Course:
    at = now()
    ends = request.expires_at or at
    if at >= ends:
        rows.move(request.id, State.EXPIRED, State.AWAITING_APPROVAL)
        return _closed(request, held, "nobody agreed within 24 hours", News.EXPIRED)
    steps.later(held, min(at + OVERDUE_AFTER, ends), "waits for a person to agree")
    waited = at - (ends - APPROVAL_LASTS)
    news = News.OVERDUE if overdue(request, waited) else None
    return Course(request=request, news=news, tally=items.tally(request.id))


def overdue(request: Request, waited: timedelta) -> bool:
    """Whether a person should have agreed by now, because the domain that offers still lead to is blocked."""
    return waited >= OVERDUE_AFTER and request.old_blocked


def _reopened(request: Request, held: Claim) -> Course:
    """The step was opened after the request had ended: the offers show a former domain again, unless that was meant."""
    if request.undo_of or request.status is State.ROLLED_BACK:
        return _closed(request, held, f"rolled back by {request.created_by}")
    if request.status is State.REJECTED:
        return _closed(request, held, f"refused by {request.approved_by or 'a person'}")
    return affise_course.renew(held, request, "offers show a former domain")


def _closed(request: Request, held: Claim, why: str, news: News | None = None) -> Course:
    tally = items.tally(request.id)
    state = StepState.PARTIAL if request.undo_of else StepState.FAILED
    steps.finish(held, state, done=tally.done, total=tally.total, error=why)
    return Course(request=rows.get(request.id), held=held, news=news or News.ENDED, tally=tally, error=why)


def _unread(request: Request, held: Claim, error: OutsideError) -> Course:
    at, text = now(), str(error)
    if isinstance(error, Unauthorized):
        steps.later(held, at + pauses.LOOK_EVERY, text)
        return Course(request=request, paused=pauses.pause(SERVICE, text), error=text)
    again = at + timedelta(seconds=error.retry_after) if isinstance(error, RateLimited) else None
    again = again or (None if isinstance(error, Rejected) else steps.next_try(held, at))
    if again is None:
        if request.status in _TO_PLAN:
            rows.move(request.id, State.FAILED if request.status is State.DRAFT else State.EXPIRED, request.status)
        return _closed(request, held, f"the offers could not be read: {text}", News.UNPLANNED)
    steps.later(held, again, text, costs=not isinstance(error, RateLimited))
    return Course(request=request, plan=request.id, plan_at=again, error=text)
