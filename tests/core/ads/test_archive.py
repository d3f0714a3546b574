"""Archiving: day 61 leaves, day 60 stays, no total changes, and nothing is lost or doubled on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from config import clock
from core.ads import archive, explain, statistics
from models import click_writes
from models.archive import KEYS
from models.database import execute, fetch
from tests.conftest import SettingsEnv
from tests.core.ads import old_days
from tests.core.ads.old_days import days_ago


def run() -> list[archive.Turn]:
    """Turns until nothing is due, as the chain of messages does it."""
    turns, after = [], None
    while True:
        turn = archive.step(after)
        turns.append(turn)
        after = turn.day
        if not turn.more:
            return turns


def present(table: str) -> set[str]:
    return {str(day) for (day,) in fetch(f"select distinct {KEYS[table][0]} from {table}")}


def test_acceptance_12_day_61_is_removed_day_60_stays_and_no_total_or_balance_changes(database: Any) -> None:
    old_days.make(62, 61, 60, 59)
    before = old_days.live(*old_days.GRAINS)
    rows = old_days.live()
    turns = run()
    assert [turn.day for turn in turns if turn.moved] == [days_ago(62), days_ago(61)]
    for table in KEYS:
        assert present(table) == {str(days_ago(60)), str(days_ago(59))}, table
    assert old_days.live(*old_days.GRAINS) == before
    kept, left = old_days.archived(), old_days.live()
    assert {table: sorted(left[table] + kept[table], key=repr) for table in KEYS} == rows


def test_acceptance_12_a_second_run_changes_nothing(database: Any) -> None:
    old_days.make(61, 60)
    run()
    once = old_days.state()
    assert [turn.moved for turn in run()] == [{}]
    assert old_days.state() == once


def test_what_left_is_remembered_with_rows_and_money(database: Any) -> None:
    old_days.make(61)
    run()
    day = str(days_ago(61))
    assert old_days.remembered() == [
        (day, "block_view_daily", "archived", 1, 0, 0),
        (day, "click", "archived", 6, 4 * old_days.COST, 4 * old_days.PAY),
        (day, "click_error", "archived", 1, 0, 0),
        (day, "impression_daily", "archived", 3, 0, 0),
        (day, "stats_daily", "archived", 3, 4 * old_days.COST, 4 * old_days.PAY),
    ]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("update stats_daily_adv set clicks = clicks + 1", "sums of stats_daily"),
        ("update stats_daily_adv set impressions = 0", "sums of stats_daily"),
        ("update stats_daily_adv set partner_cost = partner_cost - 1", "sums of stats_daily"),
        ("update click set partner_cost = 1 where partner_cost > 0", "recorded clicks"),
        ("update click set state = 'pending' where is_unique", "wait for AdLoad"),
        ("update click_error set state = 'retry'", "being replayed"),
        ("insert into stats_dirty_day select click_day, min(clicked_at), 1 from click group by 1", "again"),
    ],
)
def test_a_day_that_does_not_add_up_or_is_not_finished_stays_and_the_next_one_leaves(
    database: Any, spoil: str, reason: str
) -> None:
    old_days.make(62)
    execute(spoil)
    old_days.make(61)
    turns = run()
    assert [(turn.day, bool(turn.moved)) for turn in turns] == [(days_ago(62), False), (days_ago(61), True)]
    assert turns[0].refusal
    assert reason in turns[0].refusal.reason
    assert str(days_ago(62)) in present("click")


@pytest.mark.parametrize("state", ["open", "unknown"])
def test_errors_that_wait_for_a_person_stay_live_while_the_rest_of_their_day_leaves(database: Any, state: str) -> None:
    old_days.make(61, errors=("replayed", state))
    run()
    assert present("click") == set()
    assert present("click_error") == {str(days_ago(61))}
    execute("update click_error set state = 'dismissed'")
    run()
    assert present("click_error") == set()


def test_where_days_are_local_the_clicks_leave_a_day_after_the_statistics(
    database: Any, settings_env: SettingsEnv
) -> None:
    settings_env(LOCAL_TIMEZONE="Asia/Tokyo")
    old_days.make(63, 62)
    for number in (63, 62):
        at_noon = (old_days.moment(days_ago(number)), days_ago(number).isoformat())
        execute("update click set clicked_at = %s where click_day = %s", at_noon)
    turns = run()
    assert [turn.refusal for turn in turns] == [None] * len(turns)
    assert present("stats_daily") == set()
    assert present("click") <= {str(days_ago(62))}


def test_a_click_in_the_archive_is_explained_and_said_to_be_there(database: Any) -> None:
    old_days.make(61, 60)
    before = explain.explain(UUID(old_days.click_id(days_ago(61), 0)))
    run()
    after = explain.explain(UUID(old_days.click_id(days_ago(61), 0)))
    assert before
    assert after == replace(before, archived=True)
    live = explain.explain(UUID(old_days.click_id(days_ago(60), 0)))
    assert live
    assert not live.archived
    fault = explain.explain(UUID(old_days.click_id(days_ago(61), 1000)))
    assert fault
    assert fault.verdict == explain.Verdict.ERROR


def test_purged_days_are_gone_for_good_but_remembered(database: Any, settings_env: SettingsEnv) -> None:
    old_days.make(71, 70)
    run()
    settings_env(PURGE_AFTER_DAYS="70")
    assert archive.step().purged == len(KEYS)
    assert archive.step().purged == 0
    states = {(day, state) for day, _, state, *_ in old_days.remembered()}
    assert states == {(str(days_ago(71)), "purged"), (str(days_ago(70)), "archived")}
    assert len(old_days.archived()["click"]) == old_days.PER_DAY


def test_rows_that_come_for_a_day_that_has_left_join_it_in_the_archive(database: Any) -> None:
    old_days.make(61)
    run()
    old_days.fault(days_ago(61), "dismissed", "dismissed")
    run()
    assert present("click_error") == set()
    assert len(old_days.archived()["click_error"]) == 2
    assert (str(days_ago(61)), "click_error", "archived", 2, 0, 0) in old_days.remembered()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
def test_days_that_aggregate_stats_computed_leave_in_every_zone_without_changing_a_total(
    database: Any, settings_env: SettingsEnv, zone: str
) -> None:
    settings = settings_env(LOCAL_TIMEZONE=zone)
    old_days.only_clicks(*range(66, 57, -1))
    for number in range(67, 56, -1):
        statistics.refresh_day(days_ago(number), settings)
    before = old_days.live(*old_days.GRAINS)
    turns = run()
    assert [turn.refusal for turn in turns] == [None] * len(turns)
    assert min(present("click")) >= str(days_ago(62))
    assert max(kept[0] for kept in old_days.remembered()) <= str(days_ago(60))
    for number in range(66, 57, -1):
        click_writes.mark_days([days_ago(number)], days_ago(0), clock.now())
        statistics.refresh_day(days_ago(number), settings)
    after = old_days.live(*old_days.GRAINS)
    assert {table: [row[:2] for row in rows] for table, rows in after.items()} == {
        table: [row[:2] for row in rows] for table, rows in before.items()
    }
    assert after["stats_daily_user"] == before["stats_daily_user"]
    assert after["ledger_entry"] == before["ledger_entry"]
