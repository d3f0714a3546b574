"""Applying one item at Affise: read, write the one field, read back; what cannot be known is found out by reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from config.clock import now
from core.domains import affise_course, dry_runs, pauses, platform_plan, platforms, steps
from core.domains.affise_course import NOTHING, SERVICE, Course, News
from core.domains.platform_plan import Change, Found
from core.domains.steps import Claim
from integrations.affise import Affise
from integrations.errors import OutcomeUnknown, OutsideError, RateLimited, Rejected, Unauthorized, Unavailable
from models import affise_items as items
from models import affise_requests as rows
from models import observations
from models.affise_items import Ended, Item
from models.affise_requests import AT_WORK, Request
from models.domain_states import ChangeState, Step
from models.observations import Observation

State = ChangeState
STOPPED = "not tried, because an edit before it had other effects too"
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try at an item; `ended` is None if it was not tried after all, or is another worker's now.

    `wrote` says that an edit was sent, `hold` keeps Affise from being asked for so long, `refused` says that it refuses
    our key.
    """

    request: Request
    held: Claim
    item: Item
    ended: Ended | None = None
    wrote: bool = False
    hold: timedelta | None = None
    refused: str | None = None
    surprises: tuple[str, ...] = ()
    seen: tuple[Observation, ...] = ()


def change(item_id: int, affise: Affise | None) -> Tried | None:
    """Try an item; None if it is not due, or somebody else is at work on its request."""
    item = items.get(item_id)
    request = rows.get(item.request_id) if item else None
    if item is None or request is None or not item.open or request.status not in AT_WORK:
        return None
    held = steps.claim(request.switch_id, Step.AFFISE)
    if held is None:
        return None
    found = Tried(request, held, item, hold=pauses.wait(SERVICE))
    return _try(found, affise) if found.hold is None and items.start(item.id) else found


def _try(found: Tried, affise: Affise | None) -> Tried:
    try:
        if affise is None:
            raise platforms.no_tenant()
        return _write(found, affise)
    except steps.Overtaken:
        return found
    except OutsideError as error:
        return _failed(found, error)


def _write(found: Tried, affise: Affise) -> Tried:
    item, at = found.item, now()
    before = affise.offer(item.offer_id)
    seen = platform_plan.read_offer(before, _change(item))
    if seen is Found.DONE:
        return _proved(found, State.VERIFIED if item.attempts else State.SKIPPED, before, at)
    if seen is Found.CONFLICT:
        ended = _ended(item, State.CONFLICT, error="shows another address than planned")
        return replace(found, ended=ended, seen=_seen(found, before, at))
    try:
        lost = _edit(found, affise)
    except Rejected as error:
        if isinstance(error, Unauthorized):
            raise
        return _refused(found, error, before)
    sent = replace(found, wrote=True)
    try:
        at, after = now(), affise.offer(item.offer_id)
    except OutsideError as error:
        return _failed(sent, error)
    return _judge(sent, before, after, lost, at)


def _refused(found: Tried, error: Rejected, raw: Raw) -> Tried:
    """A person is needed: it is not tried again while the offer stays as it is."""
    text = str(error)[: steps.LONGEST_ERROR]
    return replace(found, ended=_ended(found.item, State.FAILED, error=text, raw=raw))


def _edit(found: Tried, affise: Affise) -> OutcomeUnknown | None:
    """Write the field behind the fence; the error if nobody knows whether that happened."""
    item = found.item
    try:
        affise.edit_offer(
            item.offer_id, {item.field: item.after}, before_write=partial(steps.guard, found.held)
        )  # fmt: skip
    except OutcomeUnknown as error:
        return error
    return None


def _judge(found: Tried, before: Raw, after: Raw, lost: OutcomeUnknown | None, at: datetime) -> Tried:
    item = found.item
    shown = platform_plan.read_offer(after, _change(item))
    if shown is Found.DONE:
        moved = platform_plan.offer_surprises(before, after, {item.field})
        return _surprised(found, after, moved, at) if moved else _proved(found, State.VERIFIED, after, at)
    if shown is Found.READY:
        detail = str(lost) if lost else "affise: the edit took no effect"
        return _failed(found, Unavailable(detail, sent=True))
    ended = _ended(item, State.CONFLICT, error="shows another address since it was written")
    return replace(found, ended=ended, seen=_seen(found, after, at))


def _proved(found: Tried, state: State, raw: Raw, at: datetime) -> Tried:
    ended = _ended(found.item, state, error=dry_runs.remark(SERVICE, None), raw=raw)
    return replace(found, ended=ended, seen=_seen(found, raw, at))


def _surprised(found: Tried, raw: Raw, moved: list[str], at: datetime) -> Tried:
    ended = _ended(found.item, State.FAILED, error=f"the edit also changed {', '.join(moved)}", raw=raw)
    return replace(found, ended=ended, surprises=tuple(moved), seen=_seen(found, raw, at))


def _failed(found: Tried, error: OutsideError) -> Tried:
    """A refusal ends the item; what may pass is tried again, all of the request waiting for it."""
    item, at, text = found.item, now(), str(error)[: steps.LONGEST_ERROR]
    if isinstance(error, Rejected) and not isinstance(error, Unauthorized):
        return replace(found, ended=_ended(item, State.FAILED, error=text))
    age = at - found.held.opened_at
    mine, all_of_it = steps.wait_after(item.attempts, age), steps.wait_after(found.held.tries, age)
    if isinstance(error, (RateLimited, Unauthorized)) and mine:
        mine = all_of_it = _asked(error)
    counts = item.attempts + (not isinstance(error, (RateLimited, Unauthorized)))
    again = None if mine is None else at + mine
    ended = Ended(status=State.FAILED, attempts=counts, error=text, passing=True, again_at=again)
    return replace(found, ended=ended, hold=all_of_it, refused=text if isinstance(error, Unauthorized) else None)


def _asked(error: RateLimited | Unauthorized) -> timedelta:
    """How long Affise wants to be left alone."""
    return timedelta(seconds=error.retry_after) if isinstance(error, RateLimited) else pauses.LOOK_EVERY


def _ended(item: Item, status: State, *, error: str | None = None, raw: Raw | None = None) -> Ended:
    when = raw.get("updated_at") if raw else None
    seen = when if isinstance(when, str) else None
    return Ended(status=status, attempts=item.attempts + 1, error=error, updated_at=seen)


def _seen(found: Tried, raw: Raw, at: datetime) -> tuple[Observation, ...]:
    """What the offer shows; in a dry run that is partly what was never written."""
    if dry_runs.on(SERVICE):
        return ()
    only = {"id": found.item.offer_id, found.item.field: raw.get(found.item.field)}
    return tuple(affise_course.observed(found.request, [only], None, at))


def _change(item: Item) -> Change:
    return Change("offer", str(item.offer_id), item.title, item.field, item.before, item.after, item.updated_at)


def keep(tried: Tried | None) -> Course:
    """Store what came of a try and say what follows, in the caller's transaction."""
    if tried is None:
        return NOTHING
    stored = tried.ended is None or items.end(tried.item.id, tried.ended, now(), wrote=tried.wrote)
    observations.record(tried.seen)
    request = rows.get(tried.request.id)
    if request is None or not request.newest:
        return affise_course.give_way(tried.held, tried.request, wrote=tried.wrote)
    if not stored:
        return NOTHING  # another worker took the step from us, and ends the item
    return _follow(tried, request)


def _follow(tried: Tried, request: Request) -> Course:
    _note_taken_back(tried, request)
    paused = tried.refused is not None and pauses.pause(SERVICE, tried.refused)
    answered = tried.ended is not None and not tried.ended.passing
    resumed = answered and pauses.resume(SERVICE)
    if answered and tried.held.tries:
        rows.calm(request.switch_id)
    if tried.surprises:
        items.stop(request.id, STOPPED)
    failed = tried.ended if tried.ended and tried.ended.passing else None
    costs = failed is not None and failed.attempts > tried.item.attempts
    error = failed.error if failed else None
    course = affise_course.go_on(tried.held, request, hold=tried.hold, error=error, costs=costs)
    news = News.SURPRISED if tried.surprises else course.news
    recovered = resumed or (answered and tried.held.tries > 0)
    course = replace(course, request=course.request or request, news=news, paused=paused, resumed=resumed)
    return replace(course, recovered=recovered)


def _note_taken_back(tried: Tried, request: Request) -> None:
    if request.undo_of and tried.ended and tried.ended.status in items.GOOD:
        items.taken_back(request.undo_of, tried.item)
