"""Earnings of days that turned out to be fraud are taken back, once, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now, today
from config.settings import get_settings
from core.ads import invalidation
from core.ads.invalidation import NotReady
from core.ads.persons import Forbidden, Person, Role
from core.ads.statistics import refresh_day
from models import audit, invariants, ledger
from models.database import db, execute, fetch
from models.fields import bind
from models.invalidation import Choice
from models.invariants_money import claw_backs_differ
from tests.core.ads import books
from tests.core.ads.books import Books
from tests.together import together

FRED = Person("fred", Role.FINANCE)
DAY = timedelta(days=1)
EARNED = 30_000


@pytest.fixture
def made(any_day: None, database: Any) -> Iterator[Books]:
    """Two days of clicks: informer 0 has two and one, informer 1 (of the same publisher) one, informer 2 one."""
    with time_machine.travel(now().replace(hour=12, minute=0), tick=False):
        found = books.build()
        for informer, ago in ((0, 3), (0, 3), (0, 2), (1, 3), (2, 3)):
            books.click(found, now() - ago * DAY, informer=informer)
        compute(2, 3)
        yield found


def compute(*days_ago: int) -> None:
    for ago in days_ago:
        refresh_day(today() - ago * DAY, get_settings())


def of_informer(found: Books, place: int = 0, first: int = 3, last: int = 2) -> Choice:
    return Choice(today() - first * DAY, today() - last * DAY, informer_id=found.informers[place])


def balances(found: Books) -> list[int]:
    return [ledger.standing(account).balance for account in found.accounts]


def claw_backs() -> list[tuple[Any, ...]]:
    return fetch("select informer_id, day, amount, reason, created_by from claw_back order by informer_id, day")


def test_each_informer_and_day_is_one_negative_adjustment_and_statistics_stay(made: Books) -> None:
    before = books.rows()
    done = invalidation.take_back(of_informer(made), "click  farm", FRED)
    assert [(part.day, part.amount) for part in done] == [(today() - 3 * DAY, 2 * EARNED), (today() - 2 * DAY, EARNED)]
    assert balances(made) == [EARNED, EARNED]
    entries = [entry for entry in ledger.entries(made.accounts[0]) if entry.kind == "adjustment"]
    assert [(entry.amount, entry.ref_day, entry.reason, entry.created_by) for entry in reversed(entries)] == [
        (-2 * EARNED, today() - 3 * DAY, "click farm", "fred"), (-EARNED, today() - 2 * DAY, "click farm", "fred"),
    ]  # fmt: skip
    assert entries[0].source_key == f"claw_back:{made.informers[0]}:{today() - 2 * DAY}"
    assert {name: rows for name, rows in books.rows().items() if name != "ledger_entry"} == {
        name: rows for name, rows in before.items() if name != "ledger_entry"
    }


def test_a_whole_publisher_is_taken_with_all_informers(made: Books) -> None:
    choice = Choice(today() - 3 * DAY, today() - 2 * DAY, account_id=made.accounts[0])
    assert len(invalidation.take_back(choice, "farm", FRED)) == 3
    assert balances(made) == [0, EARNED]
    [row] = audit.page(action="clicks.invalidate")
    assert (row.object, row.actor, row.reason) == (f"account:{made.accounts[0]}", "fred", "farm")
    assert row.after is not None
    assert (row.after["parts"], row.after["amount"]) == (3, 4 * EARNED)


def test_again_and_with_another_range_nothing_is_taken_twice(made: Books) -> None:
    invalidation.take_back(of_informer(made, last=3), "farm", FRED)
    assert [part.amount for part in invalidation.take_back(of_informer(made), "more", FRED)] == [EARNED]
    assert invalidation.take_back(of_informer(made), "more", FRED) == []
    account = Choice(today() - 3 * DAY, today() - 2 * DAY, account_id=made.accounts[0])
    assert [part.informer_id for part in invalidation.take_back(account, "all", FRED)] == [made.informers[1]]
    assert (balances(made)[0], len(claw_backs()), len(audit.page())) == (0, 3, 3)


def test_a_plan_says_what_is_due_and_what_was_taken_and_changes_nothing(made: Books) -> None:
    invalidation.take_back(of_informer(made, last=3), "farm", FRED)
    plan = invalidation.plan(of_informer(made))
    assert [(part.amount, part.taken) for part in plan.parts] == [(2 * EARNED, True), (EARNED, False)]
    assert [part.amount for part in plan.due] == [EARNED]
    assert (plan.unready, len(claw_backs())) == ([], 1)


def test_two_at_once_take_back_once(made: Books) -> None:
    choice = of_informer(made)
    done = together(*[lambda: len(invalidation.take_back(choice, "farm", FRED))] * 5)
    assert (sorted(done), balances(made)[0]) == ([0, 0, 0, 0, 2], EARNED)


def test_a_death_between_the_rows_leaves_nothing_and_the_next_run_takes_all(
    made: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("models.ledger.add", "models.audit.record"):
        with monkeypatch.context() as broken:
            broken.setattr(step, lambda *_, **__: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                invalidation.take_back(of_informer(made), "farm", FRED)
        assert (claw_backs(), balances(made)[0]) == ([], 4 * EARNED)
    assert len(invalidation.take_back(of_informer(made), "farm", FRED)) == 2


def test_a_day_that_asks_to_be_computed_again_is_refused(made: Books) -> None:
    late = today() - 3 * DAY
    fetch("insert into stats_dirty_day (day, since, marks) values (%s, %s, 1) returning day", _bound(late, now()))
    with pytest.raises(NotReady, match="aggregate_stats"):
        invalidation.take_back(of_informer(made), "farm", FRED)
    assert (invalidation.plan(of_informer(made)).unready, claw_backs()) == ([late], [])
    compute(3)
    assert len(invalidation.take_back(of_informer(made), "farm", FRED)) == 2


def _bound(*values: Any) -> list[Any]:
    return [bind(value) for value in values]


@pytest.mark.parametrize("last", [0, 1, -3])
def test_days_that_are_not_over_or_were_never_computed_are_refused(made: Books, last: int) -> None:
    with pytest.raises(NotReady):
        invalidation.take_back(of_informer(made, last=last), "farm", FRED)


def test_yesterday_is_final_an_hour_after_its_end(made: Books) -> None:
    books.click(made, now() - DAY)
    midnight = now().replace(hour=0)
    for minutes, ready in ((30, False), (61, True)):
        with time_machine.travel(midnight + timedelta(minutes=minutes), tick=False):
            compute(1)
            assert (invalidation.plan(of_informer(made, last=1)).unready == []) == ready


def test_a_day_is_a_day_of_the_reports(made: Books, settings_env: Any) -> None:
    settings_env(LOCAL_TIMEZONE="America/Los_Angeles")
    compute(3, 2, 1)
    with pytest.raises(NotReady):
        invalidation.take_back(of_informer(made, last=0), "farm", FRED)
    assert len(invalidation.take_back(of_informer(made), "farm", FRED)) == 2


def test_the_books_stay_even_after_a_recount_and_after_the_day_is_closed(made: Books) -> None:
    invalidation.take_back(of_informer(made), "farm", FRED)
    compute(2, 3)
    assert balances(made) == [EARNED, EARNED]
    with time_machine.travel(now() + 40 * DAY, tick=False):
        for ago in (42, 43):
            refresh_day(today() - ago * DAY, get_settings())
        assert balances(made) == [EARNED, EARNED]
    assert sum(ledger.trial().values()) == 0


def test_what_a_day_earns_afterwards_is_not_taken(made: Books) -> None:
    invalidation.take_back(of_informer(made), "farm", FRED)
    books.click(made, now() - 3 * DAY)
    compute(3)
    assert invalidation.take_back(of_informer(made), "farm", FRED) == []
    assert balances(made)[0] == 2 * EARNED


def test_a_balance_may_fall_below_zero_and_open_payouts_are_named(made: Books) -> None:
    account = made.accounts[0]
    fetch(
        "insert into payout_request (public_id, account_id, amount, currency, method, state, confirm_expires_at, "
        "created_at) values ('0197a3c4-7c00-7000-8000-000000000001', %s, 100000, 'USD', 'cash', 'agreed', %s, %s) "
        "returning id",
        _bound(account, now(), now()),
    )
    hold = ledger.Line(account, ledger.EntryKind.PAYOUT_HOLD, -100_000, "hold", "x", request_id=1)
    ledger.add([hold], now())
    plan = invalidation.plan(of_informer(made))
    assert [(item.state, item.amount) for item in plan.requests] == [("agreed", 100_000)]
    invalidation.take_back(of_informer(made), "farm", FRED)
    assert balances(made)[0] == 4 * EARNED - 100_000 - 3 * EARNED
    assert fetch("select state from payout_request") == [("agreed",)]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_reason_is_needed(made: Books, reason: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        invalidation.take_back(of_informer(made), reason, FRED)


def test_only_finance_may_take_money_back(made: Books) -> None:
    with pytest.raises(Forbidden):
        invalidation.take_back(of_informer(made), "farm", Person("anna", Role.OPERATOR))
    assert claw_backs() == []


def test_a_claw_back_that_the_ledger_does_not_show_is_found(made: Books) -> None:
    invalidation.take_back(of_informer(made), "farm", FRED)
    since = today() - DAY
    assert invariants.violations(since) == {}
    execute("update ledger_entry set amount = -1 where ref_day = %s and kind = 'adjustment'", [bind(today() - 3 * DAY)])
    execute("delete from ledger_entry where ref_day = %s and kind = 'adjustment'", [bind(today() - 2 * DAY)])
    assert sorted(row[2:] for row in claw_backs_differ(since)) == [(-2 * EARNED, -1), (-EARNED, 0)]


def test_the_number_of_statements_does_not_depend_on_the_number_of_days(
    made: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = db.obj.execute_sql

    def counted(sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return real(sql, *rest)

    monkeypatch.setattr(db.obj, "execute_sql", counted)
    counts = []
    for choice in (of_informer(made, last=3), Choice(date(2026, 1, 1), today() - 2 * DAY, made.informers[0])):
        seen.clear()
        invalidation.take_back(choice, "farm", FRED)
        counts.append(len(seen))
    assert counts[0] == counts[1]
