"""What an attempt at a step leads to: the step's row, the next message, the announcement and the incidents, at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from config.clock import now
from core.buttons import Action, button
from core.domains import dry_runs, pauses, steps
from core.domains.step_outcomes import Outcome, Then
from core.domains.steps import Claim, Due
from models.database import db
from models.domain_states import Step, StepState
from worker import alerts
from worker.alerts import Severity
from worker.domains import metrics
from worker.domains.steps import announce, look_again, reopened, send

FAILED, NAMED, PAUSED = "step_failed", "old_domain_named", "integration_paused"
MOST_NAMED = 8
log = structlog.get_logger(__name__)


def conclude(claim: Claim, outcome: Outcome) -> None:
    """Store how an attempt ended and send what follows, in one transaction."""
    with db.atomic():
        found = outcome if steps.still_newest(claim) else replace(outcome, then=Then.GIVE_WAY)
        if found.reached and found.then is not Then.REFUSED and not accept(claim.step.value) and claim.tries:
            _wake(claim.step)
        _ENDINGS[found.then](claim, found)
    log.info("step_attempted", switch_id=claim.switch_id, step=claim.step.value, then=found.then.value,
             dry_run=dry_runs.on(claim.step.value))  # fmt: skip


def _end(claim: Claim, outcome: Outcome) -> None:
    if not steps.finish(claim, outcome.state, done=outcome.done, total=outcome.total, error=outcome.error or None):
        return
    announce(claim.switch_id)
    look_again(claim.switch_id, claim.step)
    _report(claim, outcome)
    _name(claim, outcome)
    if outcome.state is StepState.DONE and not dry_runs.on(claim.step.value):
        metrics.reached(claim.trigger.value, claim.step.value, claim.decided_at, now())
        if not steps.unproved(claim.switch_id):
            metrics.reached(claim.trigger.value, "total", claim.decided_at, now())


def _retry(claim: Claim, outcome: Outcome) -> None:
    at = now()
    planned = steps.next_try(claim, at)
    if planned is None:
        return _end(claim, replace(outcome, state=StepState.FAILED, error=f"given up after 24 h: {outcome.error}"))
    when = max(planned, at + timedelta(seconds=outcome.seconds))
    return _later(claim, outcome, when - at, costs=True)


def _wait(claim: Claim, outcome: Outcome) -> None:
    if steps.next_try(claim, now()) is None:
        return _retry(claim, outcome)
    return _later(claim, outcome, timedelta(seconds=outcome.seconds))


def refuse(service: str, error: str) -> None:
    """Leave a service alone that refuses our key; one alert, however many wait for it."""
    if pauses.pause(service, error):
        alerts.tell(
            PAUSED, service, Severity.CRITICAL, object=service.capitalize(), happened=f"refuses our key: {error}",
            done="no calls but one look every 5 min; steps of switches wait", left="check key and account",
        )  # fmt: skip


def accept(service: str) -> bool:
    """A service takes our key; True if it did not before, and then every step that waits for it goes on."""
    resumed = pauses.resume(service)
    if resumed:
        alerts.well(PAUSED, service)
        _wake(Step(service))
    return resumed


def _wake(step: Step) -> None:
    for due in steps.wake(step):
        send(due, now())


def _refused(claim: Claim, outcome: Outcome) -> None:
    refuse(claim.step.value, outcome.error)
    _wait(claim, replace(outcome, seconds=pauses.LOOK_EVERY.total_seconds()))


def _give_way(claim: Claim, outcome: Outcome) -> None:
    reopened(steps.give_way(claim, wrote=outcome.wrote))


_ENDINGS: dict[Then, Callable[[Claim, Outcome], None]] = {
    Then.END: _end,
    Then.RETRY: _retry,
    Then.WAIT: _wait,
    Then.REFUSED: _refused,
    Then.GIVE_WAY: _give_way,
}


def _later(claim: Claim, outcome: Outcome, wait: timedelta, *, costs: bool = False) -> None:
    when = now() + wait
    if steps.later(claim, when, outcome.error, costs=costs):
        send(Due(claim.switch_id, claim.step), when)


def _report(claim: Claim, outcome: Outcome) -> None:
    key = f"{claim.pipeline_id}:{claim.step.value}"
    rehearsed = dry_runs.on(claim.step.value)
    if outcome.state is StepState.DONE:
        if not rehearsed:
            alerts.well(FAILED, key)
        return
    severity = Severity.WARNING if outcome.state is StepState.PARTIAL else Severity.CRITICAL
    platform = claim.step.value.capitalize() + (" (dry run)" if rehearsed else "")
    alerts.tell(
        FAILED, key, severity, object=claim.pipeline,
        happened=f"{platform}: {outcome.done}/{outcome.total} on {claim.target}, switch #{claim.seq}",
        left=_some(outcome.troubles) or outcome.error, **(_undo(claim) if outcome.stopped else {}),
    )  # fmt: skip


def _undo(claim: Claim) -> dict[str, Any]:
    """Nothing more is written until a person has looked."""
    wanted = button("Roll back", Action.ROLLBACK_VOLUUM, claim.switch_id)
    return {"done": "stopped: a write changed more than the domain", "buttons": [[wanted]]}


def _name(claim: Claim, outcome: Outcome) -> None:
    """Places that name an old domain and that nobody edits for people."""
    key = f"{claim.pipeline_id}:{claim.step.value}"
    if not outcome.mentions:
        alerts.well(NAMED, key)
        return
    alerts.tell(
        NAMED, key, Severity.WARNING, object=claim.pipeline, left=f"by hand: {_some(outcome.mentions)}",
        happened=f"{claim.step.value.capitalize()} names an old domain in {len(outcome.mentions)} other fields",
    )  # fmt: skip


def _some(texts: tuple[str, ...]) -> str:
    more = len(texts) - MOST_NAMED
    return "; ".join(texts[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
