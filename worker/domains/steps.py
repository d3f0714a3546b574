"""What follows a switch, as messages: sent with it, sent again when a try failed, swept up when one was lost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from config.clock import now
from core.domains import steps
from core.domains.steps import Claim, Due
from models import outbox
from models.database import db
from models.domain_states import Step
from models.switches import Switched
from worker.actor import ACTORS, actor
from worker.domains import approvals, metrics
from worker.failures import Busy

SKEW = timedelta(seconds=3)
"""A clock that runs behind must not find that it is too early."""


def follow(*switches: Switched) -> None:
    """Send what these switches ask for, in the transaction that made them."""
    for due in steps.waiting([made.id for made in switches]):
        send(due)


def claimed(switch_id: int, step: Step) -> Claim | None:
    """The right to work on a step; None if there is nothing to do. Raises Busy while somebody else's lease runs."""
    claim = steps.claim(switch_id, step)
    if claim is None and (seconds := steps.busy(switch_id, step)) is not None:
        raise Busy(seconds)
    return claim


def send(due: Due, when: datetime | None = None) -> None:
    """Send the message of a step, in the caller's transaction; with `when` it is due then and waits as one row."""
    task, arguments = _message(due)
    if task is None:
        return
    if when is None:
        ACTORS[task].send_with_options(kwargs=arguments)
        return
    key = f"step:{due.switch_id}:{due.step.value}"
    delay = max(0, int((when - now()).total_seconds() * 1000))
    if not outbox.move(key, when):
        ACTORS[task].send_with_options(kwargs=arguments, delay=delay, dedupe_key=key)


def _message(due: Due) -> tuple[str | None, dict[str, Any]]:
    if due.step is Step.VOLUUM:
        return "update_voluum_campaigns", {"switch_id": due.switch_id}
    if due.step is Step.TELEGRAM:
        return "announce_pipeline_switch", {"switch_id": due.switch_id}
    return ("plan_affise_switch_request" if due.request_id else None), {"request_id": due.request_id}


def look_again(switch_id: int, step: Step) -> None:
    """Send a step that has ended once more, for when the write of an owner who is gone can land no longer."""
    if found := steps.once_more(switch_id, step):
        due, when = found
        send(due, when + SKEW)


def announce(switch_id: int) -> None:
    """Let the message about a switch be brought up to date, in the transaction of what changed."""
    send(Due(switch_id, Step.TELEGRAM))


def reopened(pairs: Iterable[tuple[int, Step]]) -> None:
    """Send steps that were opened again, in the transaction that opened them."""
    wanted = set(pairs)
    for due in steps.waiting(sorted({switch_id for switch_id, _ in wanted})):
        if (due.switch_id, due.step) in wanted:
            send(due)


@actor
def sweep_unfinished_switches() -> int:
    """Send again every step that nobody works on, and the announcement of every switch that nobody was told of."""
    with db.atomic():
        found = steps.sweep()
        lost = [*found.steps, *(Due(switch_id, Step.TELEGRAM) for switch_id in found.untold)]
        for due in lost:
            send(due, now())
        approvals.settle()
    metrics.ages(found.ages)
    return len(lost)
