"""What follows from the course of a request to Affise: the next message, the announcement, incidents and buttons."""

from __future__ import annotations

from typing import Any

import structlog

from config.clock import now
from core.buttons import Action, button
from core.domains import affise_text, dry_runs, steps
from core.domains.affise_course import SERVICE, Course, News
from core.domains.steps import Due
from models import affise_items
from models.affise_requests import Request
from models.domain_states import ChangeState, Step, SwitchRequestState
from worker import alerts
from worker.actor import ACTORS
from worker.alerts import Severity
from worker.domains import approvals, metrics
from worker.domains.endings import FAILED, NAMED, PAUSED
from worker.domains.steps import announce, look_again, reopened, send

log = structlog.get_logger(__name__)


def follow(course: Course) -> None:
    """Send and tell what follows, in the transaction that stored it."""
    request = course.request
    if request is None:
        return
    reopened(course.steps)
    _next(request, course)
    _service(course)
    if course.held is not None:
        look_again(request.switch_id, Step.AFFISE)
    if course.news is not None:
        _tell(request, course)
    elif course.quiet:
        announce(request.switch_id)
    if course.mentions:
        alerts.tell(NAMED, _key(request), Severity.WARNING, **affise_text.named(course))
    elif course.looked:
        alerts.well(NAMED, _key(request))


def _next(request: Request, course: Course) -> None:
    """A message that is due later waits as one row of the step, so that there is never a second one."""
    when = course.plan_at or course.due_at
    if when is not None and when > now():
        send(Due(request.switch_id, Step.AFFISE, str(request.id)), when)
    elif course.item is not None:
        ACTORS["apply_affise_switch_item"].send_with_options(kwargs={"item_id": course.item})
    elif course.plan is not None:
        plan(str(course.plan))


def plan(request_id: str) -> None:
    """Let a request be gone on with now."""
    ACTORS["plan_affise_switch_request"].send_with_options(kwargs={"request_id": request_id})


def _service(course: Course) -> None:
    if course.paused:
        alerts.tell(
            PAUSED, SERVICE, Severity.CRITICAL, object="Affise", happened=f"refuses our key: {course.error}",
            done="no calls but one look every 5 min; steps of switches wait", left="check key and account",
        )  # fmt: skip
    if course.resumed:
        alerts.well(PAUSED, SERVICE)
    if course.resumed or course.recovered:
        for due in steps.wake(Step.AFFISE):
            if course.request is None or due.switch_id != course.request.switch_id:
                send(due, now())


def _tell(request: Request, course: Course) -> None:
    approvals.settle()
    announce(request.switch_id)
    log.info("affise_request_moved", request_id=str(request.id), news=course.news, status=request.status.value,
             dry_run=dry_runs.on(SERVICE))  # fmt: skip
    if course.news in (News.AWAITING, News.OVERDUE):
        _ask(request, late=course.news is News.OVERDUE)
    elif request.status is SwitchRequestState.DONE:
        if not dry_runs.on(SERVICE):
            alerts.well(FAILED, _key(request))
            _measure(course)
    elif request.undo_of is None and request.status is not SwitchRequestState.REJECTED:
        _fail(request, course)


def _ask(request: Request, *, late: bool) -> None:
    digest = request.items_sha256 or ""
    row = [
        button("Approve", Action.APPROVE_AFFISE, request.id, expected=digest),
        button("Reject", Action.REJECT_AFFISE, request.id),
    ]
    planned = [item for item in affise_items.of(request.id) if item.status is ChangeState.PLANNED]
    words = affise_text.awaiting(request, planned, late=late)
    severity = Severity.CRITICAL if late else Severity.WARNING
    alerts.tell(approvals.APPROVAL, str(request.id), severity, **words, buttons=[row])


def _fail(request: Request, course: Course) -> None:
    """Whoever stopped half-way is offered the way back."""
    words: dict[str, Any] = affise_text.failed(course)
    gentle = course.news is News.ROUND_OVER or request.status is SwitchRequestState.PARTIAL
    if course.news is News.SURPRISED:
        gentle = False
        words["buttons"] = [[button("Roll back", Action.ROLLBACK_AFFISE, request.id)]]
    alerts.tell(FAILED, _key(request), Severity.WARNING if gentle else Severity.CRITICAL, **words)


def _measure(course: Course) -> None:
    held = course.held
    if held is None:
        return
    metrics.reached(held.trigger.value, SERVICE, held.decided_at, now())
    if not steps.unproved(held.switch_id):
        metrics.reached(held.trigger.value, "total", held.decided_at, now())


def _key(request: Request) -> str:
    return f"{request.pipeline_id}:{SERVICE}"
