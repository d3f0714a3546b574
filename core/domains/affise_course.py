"""Where a request to Affise goes from here: to its next item, to its end, or to be planned once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from config.clock import now
from core.domains import steps
from core.domains.hosts import host_of
from core.domains.platform_plan import OFFER_FIELDS, Mention
from core.domains.steps import Claim
from models import affise_items as items
from models import affise_requests as rows
from models.affise_items import Item, Tally
from models.affise_requests import Request
from models.domain_states import ChangeState, Step, StepState, SwitchRequestState
from models.observations import Observation

SERVICE = "affise"
ROUND = 6
"""Tries of an item that make a round; after it people are told, and the tries go on more rarely."""
State = SwitchRequestState
_ENDS = {State.DONE: StepState.DONE, State.PARTIAL: StepState.PARTIAL, State.FAILED: StepState.FAILED}


class News(StrEnum):
    """What people are told of a request."""

    AWAITING = "awaiting"
    OVERDUE = "overdue"
    EXPIRED = "expired"
    UNPLANNED = "unplanned"
    ROUND_OVER = "round over"
    SURPRISED = "surprised"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is to be sent now: an item that is due then, a request to be planned, steps; and what people are told.

    `looked` says that the offers were read, with these mentions of old domains; `quiet` that the step ended again as it
    had ended before; `paused` and `resumed` say that Affise
    began to refuse our key, or accepts it again; `recovered` that something succeeded which had failed.
    """

    request: Request | None = None
    held: Claim | None = None
    item: int | None = None
    due_at: datetime | None = None
    plan: UUID | None = None
    plan_at: datetime | None = None
    steps: tuple[tuple[int, Step], ...] = ()
    news: News | None = None
    tally: Tally | None = None
    error: str | None = None
    looked: bool = False
    quiet: bool = False
    mentions: tuple[Mention, ...] = ()
    paused: bool = False
    resumed: bool = False
    recovered: bool = False


NOTHING = Course()


def go_on(
    held: Claim, request: Request, *, hold: timedelta | None = None, error: str | None = None, costs: bool = False
) -> Course:  # fmt: skip
    """Give the step back and say which item is next; without one the request ends. In the caller's transaction.

    One item is under way at a time: Affise takes about one write a second, so that workers side by side would gain
    nothing, and the lease of the step then covers every item, with no lease of its own for each. An item that fails
    waits for itself, and the request waits too: `hold` is longer the more tries that count (`costs`) failed in a row.
    """
    at, tally = now(), items.tally(request.id)
    if not tally.open:
        return end(held, request, tally)
    due = max(tally.due_at or at, at + hold if hold else at)
    steps.progress(held, tally.done, tally.total)
    why = error or (f"{tally.waiting} are tried again" if tally.waiting else None)
    if not steps.later(held, due, why, costs=costs):
        return NOTHING  # whoever took the step goes on with it
    over = _round_over(held, tally, costs) and rows.move(request.id, State.PARTIAL, State.APPLYING)
    news = News.ROUND_OVER if over else None
    return Course(request=request, item=tally.next_item, due_at=due, news=news, tally=tally, error=error)


def _round_over(held: Claim, tally: Tally, failed: bool) -> bool:
    """Six tries in a row failed, or everything that is left failed six times."""
    return (failed and held.tries + 1 >= ROUND) or (not tally.fresh and tally.tries >= ROUND)


def end(held: Claim, request: Request, tally: Tally) -> Course:
    """Close a request of which nothing is left to be tried, and its step, in the caller's transaction."""
    status = State(state_of(tally))
    rows.move(request.id, status, State.APPLYING, *([] if status is State.PARTIAL else [State.PARTIAL]))
    if request.undo_of:
        return _taken_back(held, request, tally)
    fresh = rows.get(request.id)
    if fresh and fresh.look_again:
        return renew(held, fresh, "an older switch may have written after this one")
    why = None if status is State.DONE else failures(request.id, tally)
    if not steps.finish(held, _ENDS[status], done=tally.done, total=tally.total, error=why):
        return NOTHING
    return Course(request=fresh, held=held, news=News.ENDED, tally=tally, error=why)


def state_of(tally: Tally) -> StepState:
    """How a step ends of whose items nothing is left to be tried."""
    return StepState.DONE if tally.done == tally.total else StepState.PARTIAL if tally.done else StepState.FAILED


def _taken_back(held: Claim, request: Request, tally: Tally) -> Course:
    assert request.undo_of is not None
    if tally.done:
        rows.move(request.undo_of, State.ROLLED_BACK)
    why = f"rolled back by {request.created_by}: {tally.done} of {tally.total}"
    steps.finish(held, StepState.PARTIAL, total=tally.total, error=why)
    return Course(request=rows.get(request.id), held=held, news=News.ENDED, tally=tally, error=why)


def renew(held: Claim, request: Request, reason: str) -> Course:
    """Draft a request once more, to be planned from what the offers say now, in the caller's transaction."""
    rows.move(request.id, State.SUPERSEDED, State.PARTIAL)
    draft = rows.renew(request, "system", reason, now())
    steps.later(held, now(), None)
    return Course(request=request, plan=draft)


def look_again(request_id: UUID) -> None:
    """Open the step of a request again if it is to be looked at once more by now."""
    if (request := rows.get(request_id)) is not None:
        steps.look_again(request.switch_id)


def give_way(held: Claim, request: Request, *, wrote: bool) -> Course:
    """Leave the rest to the newer switch, in the caller's transaction; what we wrote last is looked at once more."""
    pairs = steps.give_way(held, wrote=wrote)
    items.cancel(request.pipeline_id)
    if wrote:
        rows.look_again(request.pipeline_id)
    return Course(request=request, steps=tuple(pairs))


def failures(request_id: UUID, tally: Tally) -> str:
    """How many items failed, and what the first of them failed of."""
    failed = [item for item in items.of(request_id) if item.status in (ChangeState.FAILED, ChangeState.CONFLICT)]
    return f"{len(failed)} of {tally.total} failed, offer {_word(failed[0])}" if failed else "nothing could be changed"


def _word(item: Item) -> str:
    return f"{item.offer_id} {item.field}: {item.last_error or item.status.value}"


def observed(
    request: Request, offers: Iterable[Mapping[str, Any]], hosts: frozenset[str] | None, at: datetime
) -> list[Observation]:  # fmt: skip
    """What these offers show in the fields that are ours, only those with one of `hosts` if that is given."""
    return [
        Observation(
            platform=SERVICE, object_type="offer", object_id=str(raw["id"]), field=name, domain=host, seen_at=at,
            pipeline_id=request.pipeline_id,
        )
        for raw in offers
        for name in OFFER_FIELDS
        if (host := host_of(str(raw.get(name) or ""))) and (hosts is None or host in hosts)
    ]  # fmt: skip
