"""The ledger: two sides that sum to zero, corrections that book once, and balances."""

from __future__ import annotations

from typing import Any

import pytest

from config.clock import today
from core.ads import ledger
from core.ads.ledger import Refused
from core.ads.persons import Forbidden
from models import audit
from models import ledger as rows
from models.accounts import NoAccount
from models.database import execute, fetch
from tests.core.ads.cashdesk import ANNA, FRED, UNIT, broken, everything, money, publisher
from tests.together import together

KEY = "memo:7:2026-03-01"


def test_a_correction_books_once_however_often_it_comes(database: Any) -> None:
    account = publisher()
    assert ledger.adjust(account.id, -20 * UNIT, "fraud", FRED, today(), KEY)
    assert not ledger.adjust(account.id, -20 * UNIT, "fraud", FRED, today(), KEY)
    assert money(account) == (480, 0)
    assert [row.object for row in audit.page()] == [f"ledger:{KEY}"]
    assert broken() == {}


def test_two_at_once_with_one_key_book_once(database: Any) -> None:
    account = publisher()
    together(*[lambda: ledger.adjust(account.id, 20 * UNIT, "bonus", FRED, None, KEY)] * 6)
    assert money(account) == (520, 0)
    assert len(audit.page()) == 1


def test_corrections_at_once_never_go_below_zero_together(database: Any) -> None:
    account = publisher(100 * UNIT)
    refused: list[Refused] = []

    def take() -> None:
        try:
            ledger.adjust_by_hand(account.login, -30 * UNIT, "taken", FRED)
        except Refused as error:
            refused.append(error)

    together(*[take] * 6)
    assert (money(account), len(refused)) == ((10, 0), 3)


def test_a_correction_into_debt_must_be_meant(database: Any) -> None:
    account = publisher(10 * UNIT)
    before = everything()
    with pytest.raises(Refused, match=r"only 10\.00 USD"):
        ledger.adjust(account.id, -11 * UNIT, "x", FRED)
    assert everything() == before
    assert ledger.adjust(account.id, -11 * UNIT, "x", FRED, into_debt=True)
    assert money(account) == (-1, 0)
    assert ledger.adjust(account.id, UNIT // 2, "half of it", FRED)


@pytest.mark.parametrize(("amount", "reason"), [(0, "x"), (1, ""), (1, "  "), (1, "x" * 501)])
def test_a_correction_needs_an_amount_and_a_reason(database: Any, amount: int, reason: str) -> None:
    account = publisher()
    before = everything()
    with pytest.raises(Refused):
        ledger.adjust(account.id, amount, reason, FRED)
    assert everything() == before


def test_only_finance_corrects_by_hand(database: Any) -> None:
    account = publisher()
    with pytest.raises(Forbidden):
        ledger.adjust_by_hand(account.login, UNIT, "x", ANNA)
    with pytest.raises(NoAccount):
        ledger.adjust_by_hand("nobody", UNIT, "x", FRED)


def test_both_sides_sum_to_zero(database: Any) -> None:
    ledger.adjust(publisher(70 * UNIT).id, -20 * UNIT, "x", FRED)
    publisher(30 * UNIT)
    assert rows.trial() == {
        "publishers": 80 * UNIT, "earnings": -100 * UNIT, "adjustments": 20 * UNIT, "holds": 0, "payments": 0,
    }  # fmt: skip


def test_balances_come_in_pages_by_login(database: Any) -> None:
    for name in ("b", "a", "c"):
        publisher(10 * UNIT, login=name)
    publisher(0, login="d", kind="manager")
    assert [row.login for row in rows.standings()] == ["a", "b", "c"]
    assert [row.login for row in rows.standings(after="a", limit=1)] == ["b"]


def test_entries_come_newest_first_in_pages(database: Any) -> None:
    account = publisher(10 * UNIT)
    ledger.adjust(account.id, UNIT, "one", FRED)
    ledger.adjust(account.id, UNIT, "two", FRED)
    found = ledger.entries(account.login, limit=2)
    assert [row.reason for row in found] == ["two", "one"]
    assert [row.kind for row in ledger.entries(account.login, before=found[-1].id)] == ["earning_day"]


def test_a_correction_that_nobody_is_on_record_for_is_found(database: Any) -> None:
    account = publisher()
    ledger.adjust(account.id, UNIT, "one", FRED)
    execute("update ledger_entry set source_key = 'hand:other' where kind = 'adjustment'")
    assert set(broken()) == {"adjusted by nobody"}
    assert fetch("select count(*) from ledger_entry") == [(2,)]
