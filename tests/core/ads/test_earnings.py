"""Earnings in the ledger: re-stated while a day is open, adjusted once it is closed, and always what was earned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from models import invariants
from models.click_writes import mark_days
from models.database import db, execute, fetch
from models.fields import bind
from tests.conftest import SettingsEnv
from tests.core.ads import books as made
from tests.core.ads.books import Books, compute
from tests.core.ads.test_batches import counted_statements

DAY = timedelta(days=1)
NOON = datetime(2026, 10, 26, 12, tzinfo=UTC)
TODAY = NOON.date()
OPEN, CLOSED = NOON - 35 * DAY, NOON - 36 * DAY


@pytest.fixture
def books(any_day: None, database: Any) -> Iterator[Books]:
    with time_machine.travel(NOON, tick=False):
        yield made.build()


def count(books: Books, at: datetime, cost: int = 50_000, **more: Any) -> Any:
    """A click that is counted late."""
    clicked = made.click(books, at, cost=cost, **more)
    mark_days([at.date()], now().date(), now())
    return clicked


def entries(at: datetime) -> list[tuple[Any, ...]]:
    query = "select kind, amount, created_by from ledger_entry where ref_day = %s order by id"
    return fetch(query, (bind(at.date()),))


def test_an_open_day_has_one_row_that_is_restated(books: Books) -> None:
    for number in range(3):
        count(books, OPEN)
        compute()
        assert entries(OPEN) == [("earning_day", 30_000 * (number + 1), "aggregate_stats")]
    assert made.balance(books.accounts[0]) == 90_000


def test_publishers_who_earned_nothing_have_no_row(books: Books) -> None:
    count(books, NOON, is_unique=False)
    count(books, NOON, social=True)
    compute()
    assert fetch("select * from ledger_entry") == []


def test_a_change_of_a_closed_day_is_an_adjustment_and_its_earnings_are_never_edited(books: Books) -> None:
    with time_machine.travel(CLOSED, tick=False):
        count(books, CLOSED)
        compute()
    count(books, CLOSED)
    compute()
    compute()
    assert entries(CLOSED) == [("earning_day", 30_000, "aggregate_stats"), ("adjustment", 30_000, "aggregate_stats")]
    reason = fetch("select reason from ledger_entry where kind = 'adjustment'")[0][0]
    assert reason == f"earnings of {CLOSED.date()} changed after the day was closed"


def test_each_further_change_of_a_closed_day_is_one_more_adjustment_of_the_difference(books: Books) -> None:
    first = count(books, CLOSED)
    compute()
    count(books, CLOSED, cost=20_000)
    compute()
    execute("update click set state = 'void' where click_id = %s", (str(first.click_id),))
    mark_days([CLOSED.date()], TODAY, now())
    compute()
    assert [amount for _, amount, _ in entries(CLOSED)] == [30_000, 12_000, -30_000]
    assert made.booked(CLOSED.date()) == {books.accounts[0]: 12_000}
    assert invariants.violations().keys().isdisjoint({"I3 earnings differ", "I5 statistics differ"})


def test_the_last_open_day_is_the_one_close_after_days_ago(books: Books, settings_env: SettingsEnv) -> None:
    settings_env(CLOSE_AFTER_DAYS="3")
    for ago in (3, 4):
        count(books, NOON - ago * DAY)
    compute()
    assert [entries(NOON - ago * DAY)[0][0] for ago in (3, 4)] == ["earning_day", "adjustment"]


def test_a_day_is_closed_by_the_date_of_the_reports(books: Books, settings_env: SettingsEnv) -> None:
    settings_env(LOCAL_TIMEZONE="Pacific/Auckland", CLOSE_AFTER_DAYS="3")
    midnight = datetime(2026, 10, 26, 11, tzinfo=UTC)
    at = midnight - 4 * DAY + timedelta(hours=1)
    for moment in (midnight - timedelta(minutes=30), midnight + timedelta(minutes=30)):
        with time_machine.travel(moment, tick=False):
            made.click(books, at)
            mark_days([TODAY - 3 * DAY], TODAY, now())
            compute()
    found = fetch("select kind, ref_day from ledger_entry order by id")
    assert [(kind, str(day)) for kind, day in found] == [("earning_day", "2026-10-23"), ("adjustment", "2026-10-23")]


def test_adjustments_by_people_do_not_count_as_earnings_of_the_day(books: Books) -> None:
    count(books, CLOSED)
    compute()
    execute(
        "insert into ledger_entry (account_id, kind, amount, ref_day, reason, created_by, created_at) "
        "values (%s, 'adjustment', -9000, %s, 'invalid traffic', 'ann', %s)",
        (books.accounts[0], bind(CLOSED.date()), bind(now())),
    )
    mark_days([CLOSED.date()], TODAY, now())
    compute()
    assert made.balance(books.accounts[0]) == 21_000
    assert len(entries(CLOSED)) == 2


def test_a_day_that_is_open_again_takes_its_adjustments_into_account(books: Books, settings_env: SettingsEnv) -> None:
    count(books, CLOSED)
    compute()
    settings_env(CLOSE_AFTER_DAYS="50")
    count(books, CLOSED)
    compute()
    assert [amount for _, amount, _ in entries(CLOSED)] == [30_000, 30_000]
    assert made.balance(books.accounts[0]) == 60_000


def test_every_row_has_a_source_of_its_own(books: Books) -> None:
    for at in (NOON, OPEN, CLOSED, CLOSED):
        for informer in (0, 2):
            count(books, at, informer=informer)
        compute()
    keys = [key for (key,) in fetch("select source_key from ledger_entry")]
    assert len(set(keys)) == len(keys) == 8
    assert None not in keys


def test_many_keys_take_as_many_statements_as_one(books: Books) -> None:
    count(books, NOON)
    compute()
    with counted_statements() as for_one:
        compute()
    for number in range(40):
        count(books, NOON + number * timedelta(seconds=1), informer=number % 4, offer=number % 2)
    with counted_statements() as for_many:
        compute()
    assert len(for_one) == len(for_many)
    assert db.in_transaction() is False
