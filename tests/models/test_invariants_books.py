"""Each invariant of the books finds what was tampered with, and nothing in books that are right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from models import invariants_books
from models.click_writes import mark_days
from models.database import execute
from models.fields import bind
from tests.core.ads import books as made
from tests.core.ads.books import Books

DAY = timedelta(days=1)
NOON = datetime(2026, 10, 26, 12, tzinfo=UTC)
OLD = NOON - 3 * DAY
EVER = (NOON - 60 * DAY).date()


@pytest.fixture(autouse=True)
def books(any_day: None, database: Any) -> Iterator[Books]:
    """Books of two days that are right."""
    with time_machine.travel(NOON, tick=False):
        books = made.build()
        for at in (NOON, OLD):
            made.click(books, at)
            made.rejected(books, at, "blacklisted")
            made.error(books, at, informer=None)
        made.impressions(books, OLD.date(), seen=7)
        made.block_views(books, OLD.date(), seen=3)
        mark_days([OLD.date()], NOON.date(), NOON)
        made.compute()
        yield books


def found(since: Any = EVER) -> set[str]:
    return {check.name for check in invariants_books.CHECKS if check.find(since)}


def test_right_books_violate_nothing() -> None:
    assert found() == set()


CHANGES = {
    "update ledger_entry set amount = amount + 1 where ref_day = %s": {"earnings differ"},
    "delete from ledger_entry where ref_day = %s": {"earnings differ"},
    "delete from click where click_day = %s": {"statistics differ"},
    "update click set view_ms = view_ms + 1 where click_day = %s": {"statistics differ"},
    "update click set is_unique = not is_unique, advertiser_cost = 0, partner_cost = 0 where click_day = %s": {
        "statistics differ"
    },
    "update impression_daily set seen = seen - 1 where day = %s": {"statistics differ"},
    "delete from stats_daily where day = %s": {"statistics differ", "levels differ"},
    "update stats_daily set social_clicks = 1 where day = %s": {"statistics differ", "levels differ"},
    "delete from click_rejected where click_day = %s": {"refusals differ"},
    "delete from click_error where click_day = %s": {"refusals differ"},
    "update stats_daily_adv set block_views = 0 where day = %s": {"levels differ"},
    "update stats_daily_user set partner_cost = 1 where day = %s": {"levels differ", "earnings differ"},
    "update stats_overall_by_date set impressions = 1 where day = %s": {"levels differ"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_behind_the_back_of_the_aggregation_is_found(change: str) -> None:
    execute(change, (bind(OLD.date()),))
    assert found() == CHANGES[change]


def test_days_before_the_first_that_is_asked_for_are_left_out() -> None:
    execute("update ledger_entry set amount = 1 where ref_day = %s", (bind(OLD.date()),))
    execute("delete from click where click_day = %s", (bind(OLD.date()),))
    assert found(OLD.date() + DAY) == set()


def test_a_day_that_waits_for_the_aggregation_may_differ_from_its_clicks() -> None:
    execute("delete from click where click_day = %s", (bind(OLD.date()),))
    mark_days([OLD.date()], NOON.date(), now())
    assert found() == set()


def test_a_day_whose_clicks_are_archived_is_not_recounted() -> None:
    execute("delete from click where click_day = %s", (bind(OLD.date()),))
    for name in ("click", "stats_daily"):
        text = "insert into archived_day (day, name, state, row_count, archived_at) values (%s, %s, 'archived', 1, %s)"
        execute(text, (bind(OLD.date()), name, bind(NOON)))
    execute("delete from stats_daily where day = %s", (bind(OLD.date()),))
    assert found() == set()
