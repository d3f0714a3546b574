"""Keeps the statistics and earnings of each day equal to its clicks: computed again from the facts, never added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from config.clock import now, today
from config.settings import Settings, get_settings
from core.ads import days
from core.ads.outcomes import NUMBERS
from models import conflicts, dirty_days, earnings, partitions, stats
from models.stats import Sorting, Span

DAY = timedelta(days=1)
SETTLING = timedelta(hours=1)
"""How long after its end a day keeps its mark; longer than any transaction that still took the day for today."""
BANNED = tuple(reason for reason, number in NUMBERS.items() if number == 2)
FILTERED = tuple(reason for reason, number in NUMBERS.items() if number >= 3)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of one day: its recorded clicks and earnings, and how many rows of the ledger changed.

    `archived` days stay as they are, because their clicks are not here any more.
    """

    day: date
    clicks: int = 0
    partner_cost: int = 0
    ledger_rows: int = 0
    archived: bool = False


class FactsLeft(Exception):
    """The archive began to take a day's clicks away while the day was computed; nothing of it may be kept."""


def refresh() -> Iterator[Refreshed]:
    """Compute today, yesterday and every changed day, each in a transaction of its own; one result per day."""
    settings = get_settings()
    for day in due(settings):
        yield refresh_day(day, settings)


def due(settings: Settings) -> list[date]:
    """Today, yesterday, then older days that have changed or were cut by another time zone, oldest first."""
    current = days.stat_day(days.microseconds(now()), settings.local_timezone)
    yesterday = current - DAY
    older = {day for day in dirty_days.marked(yesterday) if day < yesterday} | _to_rebuild(settings, yesterday)
    return [current, yesterday, *sorted(older)]


def _to_rebuild(settings: Settings, before: date) -> set[date]:
    """Days of another zone would count the hours at their edges twice or never; archived ones stay what they were."""
    other = [day for day in dirty_days.cut_by_another_zone(settings.local_timezone) if day < before]
    if not other:
        return set()
    gone = dirty_days.left(other[0] - DAY)
    live = (day for day in other if gone.isdisjoint((day - DAY, day, day + DAY)))
    # the hours at an edge may now belong to a neighbour that had no figures at all
    return {near for day in live for near in (day - DAY, day, day + DAY) if near < before}


def refresh_day(day: date, settings: Settings) -> Refreshed:
    """Compute one day; a mark that is set meanwhile stays."""
    span = span_of(day, settings.local_timezone)
    if not _facts_are_gone(span):
        partitions.keep_ahead(day, day, ("stats_daily",))
    with stats.patiently():
        try:
            return conflicts.transaction(lambda: _refresh(span, settings, now()))
        except FactsLeft:
            return Refreshed(day, archived=True)


def span_of(day: date, zone: str) -> Span:
    """The instants and UTC days of a day of the reports."""
    start, end = days.bounds(day, zone)
    return Span(day, start, end, start.date(), (end - timedelta(microseconds=1)).date(), zone)


def _refresh(span: Span, settings: Settings, at: datetime) -> Refreshed:
    stats.lock(span.day)
    # read before the facts, and under the lock: what is marked later, or by a later mark of the same number, survives
    marks = dirty_days.marks(span.day)
    if _facts_are_gone(span):
        dirty_days.clear(span.day, marks)
        return Refreshed(span.day, archived=True)
    stats.restate(span, _sorting(span, settings), at)
    written = _book(span.day, settings, at)
    # the archive announces a day before it takes it away, so facts that were missing above are announced by now
    if _facts_are_gone(span):
        raise FactsLeft(str(span.day))
    if span.end + SETTLING <= at:
        dirty_days.clear(span.day, marks)
    return Refreshed(span.day, *stats.totals(span.day), written)


def _facts_are_gone(span: Span) -> bool:
    return dirty_days.facts_are_gone(span.day, span.first_utc, span.last_utc)


def _book(day: date, settings: Settings, at: datetime) -> int:
    return earnings.adjust(day, at) if is_closed(day, settings, at) else earnings.restate(day, at)


def is_closed(day: date, settings: Settings, at: datetime) -> bool:
    """True for a day so old that its earnings are not edited any more."""
    current = days.stat_day(days.microseconds(at), settings.local_timezone)
    return (current - day).days > settings.close_after_days


def _sorting(span: Span, settings: Settings) -> Sorting:
    """Refusals are kept for a shorter time than clicks: once they are gone, what was counted stays."""
    known = stats.is_known(span.day)
    return Sorting(
        BANNED,
        FILTERED,
        keep_rejected=known and _older_than(settings.rejected_retention_days, span),
        keep_errors=known and _older_than(settings.error_retention_days, span),
    )


def _older_than(kept_days: int, span: Span) -> bool:
    return (today() - span.first_utc).days > kept_days
