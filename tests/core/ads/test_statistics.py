"""What each measure counts, which days are computed, and what stays when facts are gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.ads import statistics
from core.ads.outcomes import Reason
from models import stats, stats_sql
from models.click_writes import mark_days
from models.database import db, execute, fetch, statement_timeout_ms
from models.fields import bind
from models.partitions import keep_ahead
from tests.conftest import SettingsEnv
from tests.core.ads import books as made
from tests.core.ads import stage
from tests.core.ads.books import Books, assert_equal_to_a_recount, compute

DAY = timedelta(days=1)
NOON = datetime(2026, 10, 26, 12, tzinfo=UTC)
TODAY = NOON.date()
REASONS = [*map(str, Reason), "something_new"]
# the day the clocks go back in Berlin has 25 hours, the one they go forward 23
DAYS = [("UTC", date(2026, 10, 25)), ("Europe/Berlin", date(2026, 10, 25)), ("Europe/Berlin", date(2026, 3, 29))]


@pytest.fixture
def books(any_day: None, database: Any) -> Iterator[Books]:
    with time_machine.travel(NOON, tick=False):
        yield made.build()


def test_each_measure_counts_what_it_is_defined_by(books: Books) -> None:
    made.click(books, NOON)
    made.click(books, NOON, is_unique=False, view_ms=4_000)
    made.click(books, NOON, social=True)
    made.click(books, NOON, social=True, is_unique=False)
    made.click(books, NOON, state="void")
    made.click(books, NOON, state="pending", advertiser_cost=None, partner_cost=None)
    made.impressions(books, TODAY, requested=20, seen=12)
    made.impressions(books, TODAY, social=True, requested=9, seen=5)
    made.block_views(books, TODAY, requested=8, seen=7)
    for reason in ("link_expired", "bot_user_agent", "blacklisted", "over_limit_day", "too_fast"):
        made.rejected(books, NOON, reason)
    made.error(books, NOON)
    compute()
    assert made.stored("stats_daily_adv", ("informer_id",), made.ALL, TODAY)[books.informers[0]] == {
        "impressions_requested": 20, "impressions": 12, "clicks": 2, "clicks_unique": 1, "social_impressions": 5,
        "social_clicks": 2, "social_clicks_unique": 1, "partner_cost": 30_000, "advertiser_cost": 50_000,
        "view_ms": 8_500, "block_views_requested": 8, "block_views": 7, "rejected_warning": 2, "rejected_banned": 1,
        "rejected_filtered": 2, "errors": 1,
    }  # fmt: skip


def test_refusals_and_errors_of_unknown_informers_are_counted_over_all_only(books: Books) -> None:
    for informer in (None, -1):
        made.rejected(books, NOON, "token_invalid", informer=informer)
        made.error(books, NOON, informer=informer)
    compute()
    assert fetch("select rejected_warning, errors from stats_overall_by_date where day = %s", (bind(TODAY),)) == [
        (2, 2)
    ]
    assert fetch("select * from stats_daily_adv") == fetch("select * from stats_daily_user") == []


def test_a_publisher_is_active_by_impressions_or_a_unique_click_a_site_by_any_click(books: Books) -> None:
    made.impressions(books, TODAY, informer=0, seen=100)
    made.click(books, NOON, informer=2, is_unique=False)
    made.impressions(books, TODAY, informer=2, seen=99)
    compute()
    query = "select accounts_total, accounts_active, sites_active from stats_overall_by_date where day = %s"
    assert fetch(query, (bind(TODAY),)) == [(2, 1, 2)]


def test_a_manager_has_the_sums_of_his_publishers(books: Books) -> None:
    made.click(books, NOON, informer=0)
    made.click(books, NOON, informer=1)
    made.click(books, NOON, informer=3, is_unique=False)
    compute()
    query = "select manager_id, advertiser_cost, partner_cost, accounts_total, accounts_active from manager_day"
    assert fetch(query + " where day = %s", (bind(TODAY),)) == [(books.manager, 100_000, 60_000, 2, 1)]


def test_a_click_belongs_to_the_publisher_of_its_time_when_the_informer_changes_hands(books: Books) -> None:
    made.click(books, NOON)
    execute("update informer set account_id = %s where id = %s", (books.accounts[1], books.informers[0]))
    compute()
    assert made.booked(TODAY) == {books.accounts[0]: 30_000}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles"])
def test_a_click_at_midnight_belongs_to_the_day_that_begins(books: Books, settings_env: SettingsEnv, zone: str) -> None:
    settings_env(LOCAL_TIMEZONE=zone)
    midnight = statistics.span_of(TODAY, zone).start
    made.click(books, midnight)
    made.click(books, midnight - timedelta(microseconds=1), offer=1)
    compute()
    days = {str(day): offer for day, offer in fetch("select day, offer_id from stats_daily")}
    assert days == {str(TODAY): books.paid[0], str(TODAY - DAY): books.paid[1]}


def test_a_key_whose_clicks_were_taken_back_disappears_at_every_level(books: Books) -> None:
    made.click(books, NOON)
    compute()
    execute("update click set state = 'void'")
    compute()
    assert [fetch(f"select * from {table}") for table in made.BOOKS[:3]] == [[], [], []]
    assert fetch("select kind, amount from ledger_entry") == [("earning_day", 0)]


def test_a_refusal_or_a_fault_that_comes_days_late_is_counted(any_day: None, database: Any) -> None:
    here = stage.build()
    late = here.click(0, at=-4 * DAY, age=timedelta(hours=5))
    unknown = here.click(1, at=-4 * DAY, ip=stage.ip(3), offer_id=987_654)
    stage.local(late, unknown)
    compute()
    query = "select rejected_warning, errors from stats_overall_by_date where day = %s"
    assert fetch(query, (bind(late.clicked_at.date()),)) == [(1, 1)]


def test_refusals_that_are_dropped_sooner_than_clicks_keep_their_figures(books: Books) -> None:
    at = NOON - 40 * DAY
    made.rejected(books, at, "blacklisted")
    made.rejected(books, at, "over_limit_day", informer=None)
    mark_days([at.date()], TODAY, now())
    compute()
    execute("delete from click_rejected")
    made.click(books, at)
    made.error(books, at, informer=None)
    mark_days([at.date()], TODAY, now())
    compute()
    query = "select rejected_banned, rejected_filtered, errors, clicks from stats_overall_by_date where day = %s"
    assert fetch(query, (bind(at.date()),)) == [(1, 1, 1, 1)]
    assert fetch("select rejected_banned from stats_daily_adv where day = %s", (bind(at.date()),)) == [(1,)]


def test_days_cut_by_another_time_zone_are_computed_again(books: Books, settings_env: SettingsEnv) -> None:
    edge = datetime(2026, 10, 20, 22, 30, tzinfo=UTC)
    made.click(books, edge)
    mark_days([edge.date()], TODAY, now())
    compute()
    settings_env(LOCAL_TIMEZONE="Europe/Berlin")
    compute()
    assert made.booked(edge.date()) == {}
    assert made.booked(edge.date() + DAY) == {books.accounts[0]: 30_000}
    assert made.balance(books.accounts[0]) == 30_000


def test_archived_days_stay_what_they_are_and_lose_their_mark(books: Books) -> None:
    at = NOON - 40 * DAY
    made.click(books, at)
    mark_days([at.date()], TODAY, now())
    compute()
    before = made.rows()
    execute(
        "insert into archived_day (day, name, state, row_count, archived_at) values (%s, 'click', 'moving', 1, %s)",
        (bind(at.date()), bind(now())),
    )
    execute("delete from click")
    mark_days([at.date()], TODAY, now())
    results = compute()
    assert [result for result in results if result.archived] == [statistics.Refreshed(at.date(), archived=True)]
    assert made.rows() == before
    assert at.date() not in made.marks()


def test_a_day_that_was_brought_back_from_the_archive_is_computed_again(books: Books) -> None:
    at = NOON - 40 * DAY
    text = "insert into archived_day (day, name, state, row_count, archived_at) values (%s, 'click', 'restored', 1, %s)"
    execute(text, (bind(at.date()), bind(now())))
    made.click(books, at)
    mark_days([at.date()], TODAY, now())
    compute()
    assert_equal_to_a_recount(books, at.date())


@pytest.mark.parametrize(("zone", "partitions"), [("UTC", ["0922"]), ("Europe/Berlin", ["0921", "0922"])])
def test_a_day_reads_the_partitions_it_lies_in_and_no_other(
    postgres_database: Any, zone: str, partitions: list[str]
) -> None:
    keep_ahead(date(2026, 9, 15), date(2026, 9, 25))
    span = statistics.span_of(date(2026, 9, 22), zone)
    plan = str(fetch("explain " + stats_sql.DAILY.gather, (*stats.window(span), span.day)))
    assert sorted(set(re.findall(r"on (click_\d+)", plan))) == [f"click_2026{day}" for day in partitions]
    assert set(re.findall(r"on (impression_daily_\d+)", plan)) == {"impression_daily_20260922"}


def test_heavy_statements_have_the_time_of_the_task_unless_a_limit_is_set(postgres_database: Any) -> None:
    with stats.patiently(), db.atomic():
        assert fetch("show statement_timeout") == [("25min",)]
    token = statement_timeout_ms.set(7_000)
    with stats.patiently(), db.atomic():
        assert fetch("show statement_timeout") == [("7s",)]
    statement_timeout_ms.reset(token)


def test_a_day_to_come_waits_until_it_has_come(books: Books) -> None:
    mark_days([TODAY + DAY], TODAY, now())
    assert [result.day for result in compute()] == [TODAY, TODAY - DAY]
    assert TODAY + DAY in made.marks()
