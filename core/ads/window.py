"""Counting clicks in rolling windows that look both ways, because a late click may be older than stored ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Seen(NamedTuple):
    """A recorded click of a network, as far as limits ask; `at` in microseconds."""

    visitor_id: str
    at: int
    offer_id: int
    informer_id: int


def densest(times: Iterable[int], at: int, span: int) -> int:
    """The most clicks in any window shorter than `span` that holds the click at `at`, that click included.

    Clicks exactly `span` apart never share a window. In time order this is one more than the earlier ones in `span`.
    """
    near = [time for time in times if at - span < time < at + span]
    if not near:
        return 1
    near.append(at)
    near.sort()
    return _most_holding(near, at, span)


def _most_holding(near: list[int], at: int, span: int) -> int:
    most, last, count = 1, 0, len(near)
    for first, start in enumerate(near):
        if start > at:
            break
        while last < count and near[last] < start + span:
            last += 1
        most = max(most, last - first)
    return most


def repeated(seen: Iterable[Seen], offer_id: int, at: int, span: int) -> bool:
    """True if the same offer was clicked within `span` on either side; 0 means ever."""
    return any(click.offer_id == offer_id and (span == 0 or abs(click.at - at) < span) for click in seen)
