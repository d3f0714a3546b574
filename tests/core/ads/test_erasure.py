"""Erasing a person: nothing of the person stays in the account's rows, nothing of the books goes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from config.clock import now
from core.ads import erasure, ledger, payouts, sealing
from core.ads.erasure import Erased
from core.ads.ledger import Refused
from core.ads.payouts import Wish
from core.ads.persons import Forbidden, Person, Role
from models import audit, persons
from models.accounts import NoAccount
from models.database import drop_connection, ensure_connection, execute, fetch
from models.fields import bind
from tests.conftest import SettingsEnv
from tests.core.ads.letterbox import account, die, prepare

ANNA = Person("anna", Role.OPERATOR)
LOGIN = "zoe.publisher"
CARD = {
    "number": "4111111111111234", "holder": "ZOE PUB", "expiry": "12/49", "bank": "First", "bank_code": "123456",
    "company_code": "1", "transit_account": "2", "type": "visa", "currency": "USD", "phone": "+380501234567",
}  # fmt: skip


@pytest.fixture
def zoe(database: Any, settings_env: SettingsEnv) -> Any:
    prepare(settings_env)
    made = account(login=LOGIN, payout_methods=["card"], min_payout=10_000_000)
    ledger.adjust(made.id, 500_000_000, "opening", Person(LOGIN))
    return made


def asks() -> UUID:
    wish = Wish(LOGIN, 100_000_000, "USD", "card", CARD, "for my holidays")
    return payouts.create(wish, Person(LOGIN, ip="203.0.113.9")).public_id


def everything(*, but: tuple[str, ...] = ("audit_log",)) -> str:
    """All that the database says, the audit log aside, which can only grow."""
    tables = ("account", "payout_request", "ledger_entry", "mail", "click_price", "site", "informer", "outbox")
    return repr([fetch(f"select * from {table}") for table in tables if table not in but])


def test_nothing_of_the_person_stays_and_every_row_of_money_does(zoe: Any) -> None:
    public_id = asks()
    money = fetch("select id, kind, amount, ref_day, request_id from ledger_entry order by id")
    assert erasure.erase(LOGIN, "asked for it", ANNA) is Erased.ERASED

    told = everything()
    assert not [word for word in ("zoe", "holidays", "203.0.113.9", "4111") if word in told]
    assert f"erased-{zoe.guid}" in told
    after = fetch("select id, kind, amount, ref_day, request_id from ledger_entry order by id")
    assert after[: len(money)] == money
    row = payouts.get(public_id)
    assert (row.state, row.details_enc, row.reason) == ("cancelled", None, "account_erased")
    assert ledger.balance(zoe.id) == 500_000_000


def test_the_audit_row_names_the_account_by_its_public_id_only(zoe: Any) -> None:
    erasure.erase(LOGIN, "asked for it", ANNA)
    (row,) = audit.page(action="account.erase")
    assert (row.actor, row.object, row.reason) == ("anna", f"account:{zoe.id}", "asked for it")
    assert "zoe" not in repr(row)


def test_erasing_twice_is_erasing_once(zoe: Any) -> None:
    results = [erasure.erase(name, "asked", ANNA) for name in (LOGIN, str(zoe.guid), str(zoe.guid).upper())]
    assert results == [Erased.ERASED, Erased.ALREADY, Erased.ALREADY]
    assert len(audit.page(action="account.erase")) == 1


def test_two_at_once_erase_once(zoe: Any) -> None:
    def attempt(_: int) -> Erased:
        ensure_connection()
        try:
            return erasure.erase(str(zoe.guid), "asked", ANNA)
        finally:
            drop_connection()

    with ThreadPoolExecutor(4) as people:
        done = list(people.map(attempt, range(4)))
    assert sorted(done) == [Erased.ERASED, *[Erased.ALREADY] * 3]
    assert len(audit.page(action="account.erase")) == 1


def test_while_a_payout_is_being_paid_it_is_refused(zoe: Any) -> None:
    public_id = asks()
    execute("update payout_request set state = 'agreed' where public_id = %s", (str(public_id),))
    with pytest.raises(Refused, match="agreed"):
        erasure.erase(LOGIN, "asked", ANNA)
    assert persons.listed(name=LOGIN)[0].email == "zoe@pub.example"
    assert audit.page(action="account.erase") == []


def test_a_process_that_dies_in_the_middle_leaves_everything_and_the_next_one_does_it(
    zoe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks()
    before = everything()
    with monkeypatch.context() as dying:
        dying.setattr(persons, "forget", die)
        with pytest.raises(SystemExit):
            erasure.erase(LOGIN, "asked", ANNA)
    assert everything() == before
    assert erasure.erase(LOGIN, "asked", ANNA) is Erased.ERASED


def test_statistics_stay(zoe: Any) -> None:
    execute(
        "insert into stats_daily_user (day, account_id, clicks) values (%s, %s, 7)", (bind(date(2026, 11, 1)), zoe.id)
    )
    erasure.erase(LOGIN, "asked", ANNA)
    assert fetch("select clicks from stats_daily_user where account_id = %s", (zoe.id,)) == [(7,)]


@pytest.mark.parametrize("by", [Person("zoe.publisher"), Person("anna")])
def test_it_needs_a_role(zoe: Any, by: Person) -> None:
    with pytest.raises(Forbidden):
        erasure.erase(LOGIN, "asked", by)


@pytest.mark.parametrize(("name", "reason", "error"), [("nobody", "asked", NoAccount), (LOGIN, " ", Refused)])
def test_an_unknown_account_and_a_missing_reason_are_refused(
    zoe: Any, name: str, reason: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        erasure.erase(name, reason, ANNA)


def test_a_new_account_may_take_the_freed_login(zoe: Any) -> None:
    erasure.erase(LOGIN, "asked", ANNA)
    assert account(login=LOGIN, created_at=now()).id != zoe.id


def test_other_accounts_are_left_alone(zoe: Any) -> None:
    other = account(login="bert", email="bert@pub.example")
    ledger.adjust(other.id, 1, "opening", Person(LOGIN))
    sealed = sealing.seal("{}")
    execute("update account set payout_methods = %s where id = %s", (bind(["cash"]), other.id))
    erasure.erase(LOGIN, "asked", ANNA)
    assert persons.listed(name="bert")[0].email == "bert@pub.example"
    assert sealing.unseal(sealed) == "{}"
