"""The statistics of one day, computed again from the facts, each level from the one below; nothing is ever added up.

A level is first gathered in a temporary table, in one statement and so from one snapshot (which PostgreSQL may do in
parallel); then what differs is written and what is gone is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from models import bulk, stats_sql
from models.database import execute, fetch, is_postgres, statement_timeout_ms
from models.fields import bind
from models.stats_sql import Level

LONGEST_MS = 1_500_000
_LOCK = 0x5168


@dataclass(frozen=True, slots=True)
class Span:
    """A day of the reports: its first instant and the next day's, the UTC days it lies in, the zone that cut it."""

    day: date
    start: datetime
    end: datetime
    first_utc: date
    last_utc: date
    zone: str


@dataclass(frozen=True, slots=True)
class Sorting:
    """How refusals are sorted, and which facts are gone, so that the stored figures stay."""

    banned: Sequence[str]
    filtered: Sequence[str]
    keep_rejected: bool = False
    keep_errors: bool = False


@contextmanager
def patiently() -> Iterator[None]:
    """Transactions with time for heavy statements, where no task has set a limit of its own."""
    if statement_timeout_ms.get() is not None:
        yield
        return
    token = statement_timeout_ms.set(LONGEST_MS)
    try:
        yield
    finally:
        statement_timeout_ms.reset(token)


def lock(day: date) -> None:
    """Wait for whoever computes this day; the transaction holds it. SQLite has one writer anyway."""
    if is_postgres():
        fetch("select pg_advisory_xact_lock(%s, %s)", (_LOCK, day.toordinal()))


def restate(span: Span, sorting: Sorting, at: datetime) -> None:
    """Make every level of the day what the facts say; inside the caller's transaction."""
    day = bind(span.day)
    _gather_refusals(span, sorting)
    _restate(stats_sql.DAILY, span, (*window(span), day))
    _restate(stats_sql.INFORMERS, span, (day, day))
    _restate(stats_sql.ACCOUNTS, span, (day,))
    _restate_overall(span, at)
    execute("drop table fresh_refused")
    _restate(stats_sql.MANAGERS, span, (day, bind(span.end)))


def totals(day: date) -> tuple[int, int]:
    """(recorded clicks, credited to publishers) of a day as stored; zeros for a day without figures."""
    rows = fetch(
        "select clicks + social_clicks, partner_cost from stats_overall_by_date where day = %s",
        (bind(day),),
    )
    return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)


def is_known(day: date) -> bool:
    """True if the day has been computed before."""
    return bool(fetch("select 1 from stats_overall_by_date where day = %s", (bind(day),)))


def _gather_refusals(span: Span, sorting: Sorting) -> None:
    """By informer, 0 for an unknown one: rejections of the three sorts, and errors."""
    facts, day = window(span), bind(span.day)
    rejected: tuple[Any, ...] = (bulk.among(sorting.banned), bulk.among(sorting.filtered), *facts)
    if sorting.keep_rejected:
        rejected = (day, day, day)
    errors: tuple[Any, ...] = (day, day, day) if sorting.keep_errors else facts
    template = stats_sql.refused(stored=sorting.keep_rejected, errors_stored=sorting.keep_errors)
    bulk.run(template, (*rejected, *errors))


def window(span: Span) -> tuple[Any, ...]:
    """The parameters that choose the facts of a day, and on PostgreSQL the partitions they lie in."""
    return bind(span.start), bind(span.end), bind(span.first_utc), bind(span.last_utc)


def _restate(level: Level, span: Span, parameters: Sequence[Any]) -> None:
    day = bind(span.day)
    bulk.run(level.gather, parameters)
    bulk.run(level.write, (day,))
    bulk.run(level.forget, (day,))
    execute(level.drop)


def _restate_overall(span: Span, at: datetime) -> None:
    day = bind(span.day)
    bulk.run(stats_sql.OVERALL, (day, bind(span.end), day, day, span.zone, bind(at), day))
