"""Telling operators of switches: once each, in a message that then follows what becomes of the switch."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from config.clock import now
from core.announcing import Told
from core.domains import dry_runs, steps, switch_news, undo
from core.domains.steps import Claim, Due
from core.domains.switch_news import NotYet
from integrations.errors import OutsideError, RateLimited, Rejected
from models.database import db
from models.domain_states import Step, StepState
from models.switch_news import Made
from worker import alerts
from worker.actor import actor
from worker.domains import metrics
from worker.domains.steps import claimed, send

TAKEN = timedelta(seconds=2)
log = structlog.get_logger(__name__)


@actor
def announce_pipeline_switch(switch_id: int) -> None:
    """Tell operators of a switch, once, and keep that message up to date while its steps end."""
    switched = switch_news.find(switch_id)
    if switched is None:
        return
    _note(switched)
    if claim := claimed(switch_id, Step.TELEGRAM):
        _tell(switched, claim)
    with db.atomic():
        alerts.announce(switch_news.close(switched))


def catch_up() -> None:
    """Look again at every switch whose news are not over: a domain may work by now, and a message may be lost."""
    with db.atomic():
        for switch_id in switch_news.unfinished():
            send(Due(switch_id, Step.TELEGRAM), now())


def _note(switched: Made) -> None:
    """The message is looked at again when the switch can no longer be taken back."""
    with db.atomic():
        alerts.announce(switch_news.note(switched))
        if (left := switched.decided_at + undo.LASTS - now()) > timedelta():
            announce_pipeline_switch.send_with_options(
                kwargs={"switch_id": switched.id},
                delay=int(left.total_seconds() * 1000) + 1000,
                dedupe_key=f"undo:{switched.id}",
            )


def _tell(switched: Made, claim: Claim) -> None:
    try:
        told = switch_news.tell(switched, claim)
    except (NotYet, OutsideError) as error:
        _fail(claim, error)
        return
    if not dry_runs.on(Step.TELEGRAM.value):
        metrics.reached(switched.trigger.value, Step.TELEGRAM.value, switched.decided_at, now())
    log.info("switch_announced", switch_id=switched.id, result=told.value)
    if told is Told.MORE:
        alerts.announce(switch_news.told_of(switched))


def _fail(claim: Claim, error: Exception) -> None:
    """Try again as long as it makes sense; an unknown send is one that may come twice."""
    at, why = now(), f"{type(error).__name__}: {error}"
    when = None if isinstance(error, Rejected) else _next(claim, error, at)
    log.warning("switch_not_announced", switch_id=claim.switch_id, error=type(error).__name__, again=when is not None)
    with db.atomic():
        if when is None:
            steps.finish(claim, StepState.FAILED, total=1, error=why)
        elif steps.later(claim, when, why, costs=not isinstance(error, (NotYet, RateLimited))):
            send(Due(claim.switch_id, Step.TELEGRAM), when)


def _next(claim: Claim, error: Exception, at: datetime) -> datetime | None:
    if isinstance(error, NotYet):
        return at + TAKEN
    if isinstance(error, RateLimited):
        return at + timedelta(seconds=error.retry_after)
    return steps.next_try(claim, at)
