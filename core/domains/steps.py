"""The fence around every step of a switch: one worker, the newest switch, and never a write from memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config import clock
from config.clock import now
from core.domains import dry_runs
from integrations.errors import Unavailable
from models import doubts, unfinished
from models import steps as rows
from models.conflicts import transaction
from models.domain_states import Step, StepState
from models.steps import Claim
from models.unfinished import Due

__all__ = ["Claim", "Due", "Overtaken", "claim", "finish", "former", "later", "reopen", "still_newest"]

LEASE = timedelta(seconds=60)
LONGEST_THOUGHT = 2.0
MOST_THOUGHTS = 3
FIRST_WAITS = (5, 10, 20, 40)
OFTEN, OFTEN_FOR = timedelta(seconds=45), timedelta(hours=1)
SELDOM, GIVE_UP_AFTER = timedelta(minutes=5), timedelta(hours=24)
UNTOLD_AFTER = timedelta(seconds=30)
PLATFORMS = (Step.VOLUUM, Step.AFFISE)
LONGEST_ERROR = 500
_ENDED = (StepState.DONE, StepState.PARTIAL, StepState.FAILED)


class Overtaken(Exception):
    """The step is not ours any more, because a newer switch or another worker has come; nothing may be written."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What a sweep found: steps to send, switches to announce, seconds that the oldest step of each kind is open."""

    steps: Sequence[Due]
    untold: Sequence[int]
    ages: dict[Step, float]


def claim(switch_id: int, step: Step) -> Claim | None:
    """Take a step for 60 s; None if it is not due, not of the newest switch, or in somebody else's hands.

    One that is taken from an owner whose lease ran out is looked at once more when that owner's last write is over.
    """
    return transaction(lambda: rows.claim(switch_id, step, now(), now() + LEASE))


def once_more(switch_id: int, step: Step) -> tuple[Due, datetime] | None:
    """When a step that has ended is to be looked at once more, because a lost write may land until then."""
    return doubts.of(switch_id, step)


def look_again(switch_id: int) -> None:
    """Open the steps of a switch again whose time to be looked at once more has come."""
    transaction(lambda: doubts.reopen(now(), switch_id))


def busy(switch_id: int, step: Step) -> float | None:
    """Seconds until the lease ends that kept an open step from being taken; None if no lease did."""
    until = rows.busy_until(switch_id, step, now())
    return None if until is None else max(0.5, (until - now()).total_seconds())


def still_newest(held: Claim) -> bool:
    """Whether a claim still holds, read now and prolonged; to be asked right before each write at a platform.

    An answer that took long to come says nothing about now, so the question is asked again.
    """
    for _ in range(MOST_THOUGHTS):
        asked = clock.monotonic()
        if not rows.renew(held, now() + LEASE):
            return False
        if clock.monotonic() - asked <= LONGEST_THOUGHT:
            return True
    raise Unavailable("the database answers too slowly to write anything safely")


def guard(held: Claim) -> None:
    """The same as a call that raises Overtaken."""
    if not still_newest(held):
        raise Overtaken


def progress(held: Claim, done: int, total: int) -> bool:
    """Note how many objects of how many are proved."""
    return rows.progress(held, done, total)


def finish(held: Claim, state: StepState, *, done: int = 0, total: int = 0, error: str | None = None) -> bool:
    """Close a step, in the caller's transaction; False if it is not ours any more. Done: proved by reading back.

    In a dry run nothing is proved, and that nothing was written is stored with it.
    """
    proved_at = now() if state is StepState.DONE and not dry_runs.on(held.step.value) else None
    error = dry_runs.remark(held.step.value, error)
    return rows.end(held, state, done, total, error and error[:LONGEST_ERROR], proved_at)


def later(held: Claim, when: datetime, error: str | None, *, costs: bool = False) -> bool:
    """Give a step back until an instant, in the caller's transaction; False if it is not ours any more."""
    return rows.postpone(held, when, error and error[:LONGEST_ERROR], costs=costs)


def next_try(held: Claim, at: datetime) -> datetime | None:
    """When a step that failed at this instant is tried again; None when it has been open for 24 h."""
    wait = wait_after(held.tries, at - held.opened_at)
    return None if wait is None else at + wait


def wait_after(tries: int, age: timedelta) -> timedelta | None:
    """How long to wait after a failure, `tries` failures having come before; None to give up."""
    if age >= GIVE_UP_AFTER:
        return None
    if tries < len(FIRST_WAITS):
        return timedelta(seconds=FIRST_WAITS[tries])
    return OFTEN if age < OFTEN_FOR else SELDOM


def give_way(held: Claim, *, wrote: bool) -> list[tuple[int, Step]]:
    """End as superseded, in the caller's transaction; (switch, step) of what must be sent because of it.

    What was written at the last moment may have come after the newer switch's own write, so its step is opened again.
    """
    newest = rows.newest(held.pipeline_id)
    if newest is None or newest == held.switch_id:
        return []
    rows.supersede(held)
    if wrote:
        return rows.reopen(held.pipeline_id, [held.step], (*_ENDED, StepState.RUNNING, StepState.PENDING), now())
    return [(newest, held.step)]


def reopen(pipeline_id: int, *only: Step) -> list[tuple[int, Step]]:
    """Start the newest switch's steps at platforms again if they ended, in the caller's transaction; (switch, step)."""
    return rows.reopen(pipeline_id, only or PLATFORMS, _ENDED, now())


def former(pipeline_id: int) -> set[str]:
    """Every domain that a pipeline has left, but for those that are in use, here or by another pipeline."""
    return rows.former(pipeline_id)


def waiting(switch_ids: Sequence[int]) -> list[Due]:
    """Every step of these switches that waits to be sent, announcements too."""
    return unfinished.pending(switch_ids)


def wake(step: Step) -> list[Due]:
    """Let every step of a kind that waits for its next try be due now, in the caller's transaction."""
    woken = set(unfinished.wake(step, now()))
    return [due for due in unfinished.pending(sorted(woken)) if due.step is step]


def unproved(switch_id: int) -> bool:
    """Whether a platform does not follow a switch yet."""
    return unfinished.unproved(switch_id)


def sweep() -> Unfinished:
    """What nobody works on, in the caller's transaction; what older switches left behind is closed on the way."""
    at = now()
    unfinished.close_overtaken(at)
    doubts.reopen(at)
    return Unfinished(unfinished.due(at), unfinished.untold(at - UNTOLD_AFTER, at), unfinished.oldest(at))
