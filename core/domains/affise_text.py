"""What operators read of a request to Affise: what waits for them, what failed, what is left to be done by hand."""

from __future__ import annotations

from typing import Any

from core.domains import dry_runs
from core.domains.affise_course import SERVICE, Course, News
from core.domains.hosts import host_of
from models.affise_items import Item
from models.affise_requests import Request

MOST_NAMED = 8
COMMAND = "signalbox pipelines requests"


def awaiting(request: Request, planned: list[Item], *, late: bool) -> dict[str, Any]:
    """A person must agree; `late` if offers lead to a blocked domain meanwhile."""
    what = "whole addresses" if request.whole_url else "addresses"
    offers = len({item.offer_id for item in planned})
    waited = f"; {request.old} is blocked and they still lead there" if late else ""
    return {
        "object": request.pipeline,
        "happened": f"Affise: {len(planned)} {what} of {offers} offers wait for a person to agree{waited}",
        "done": f"nothing was changed; {request.old} -> {request.new}",
        "left": f"look with {COMMAND} show {request.id}, then approve or reject",
        "evidence": _some([change(item) for item in planned]),
    }


def change(item: Item) -> str:
    """An item in a few words: the host alone where only that changes."""
    old, new = host_of(item.before) or item.before, host_of(item.after) or item.after
    return f"offer {item.offer_id} {item.field}: {old} -> {new}"


def failed(course: Course) -> dict[str, Any]:
    """Some or all of it did not follow."""
    request, tally = course.request, course.tally
    assert request is not None
    done, total = (tally.done, tally.total) if tally else (0, 0)
    doing = {
        News.ROUND_OVER: "tried on, more rarely, for 24 hours",
        News.SURPRISED: "stopped: an edit changed more than it should",
    }
    return {
        "object": request.pipeline,
        "happened": f"Affise{' (dry run)' if dry_runs.on(SERVICE) else ''}: {done}/{total} addresses on {request.new}",
        "done": doing.get(course.news) if course.news else None,
        "left": course.error,
    }


def named(course: Course) -> dict[str, Any]:
    """Fields that name an old domain and that nobody edits for people."""
    request = course.request
    assert request is not None
    texts = [f"offer {one.object_id} {one.field}" for one in course.mentions]
    return {
        "object": request.pipeline,
        "happened": f"Affise names an old domain in {len(texts)} other fields",
        "left": f"by hand: {_some(texts)}",
    }


def _some(texts: list[str]) -> str:
    more = len(texts) - MOST_NAMED
    return "; ".join(texts[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
