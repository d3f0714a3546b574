"""Payouts when many act at once: one wins, the others are told, and the books add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from config.clock import now
from core.ads import payouts as core
from core.ads.ledger import adjust
from core.ads.payouts import Conflict, Refused
from core.ads.persons import Person, Role
from models.ads import Account
from models.database import db, disconnect, fetch
from tests.core.ads.cashdesk import (
    ANNA,
    FRED,
    UNIT,
    actions,
    broken,
    money,
    owner,
    publisher,
    reached,
    wish,
)
from tests.together import together
from tests.worker.ads.test_payouts import account, mails
from worker.ads import payouts

__all__ = ["account"]


def outcomes(works: Sequence[Callable[[], object]]) -> list[str]:
    """What became of each of several that act at once."""
    found: list[str] = []

    def tried(work: Callable[[], object]) -> None:
        try:
            work()
        except (Conflict, Refused) as error:
            found.append(type(error).__name__)
        else:
            found.append("done")

    together(*[lambda work=work: tried(work) for work in works])
    return sorted(found)


def test_twenty_requests_at_once_on_one_balance_hold_it_once(account: Account) -> None:
    works = [lambda: payouts.create(wish(account), owner(account))] * 20
    assert outcomes(works) == ["Refused"] * 19 + ["done"]
    assert money(account) == (380, 120)
    assert len(mails()) == 1
    assert broken() == {}


def test_a_request_and_corrections_at_once_never_spend_the_same_money(account: Account) -> None:
    works: list[Callable[[], object]] = [lambda: payouts.create(wish(account, 400 * UNIT), owner(account))] * 3
    works += [lambda: adjust(account.id, -150 * UNIT, "taken", FRED)] * 5
    outcomes(works)
    balance, held = money(account)
    assert (balance, held) in ((100, 400), (50, 0))
    assert broken() == {}


@pytest.mark.parametrize("second", ["create", "adjust"])
def test_whoever_comes_second_sees_what_the_first_has_left(account: Account, second: str) -> None:
    steps: dict[str, Callable[[], object]] = {
        "create": lambda: payouts.create(wish(account), owner(account)),
        "adjust": lambda: adjust(account.id, -UNIT, "taken", FRED),
    }

    def other() -> object:
        try:
            return steps[second]()
        finally:
            disconnect()

    with ThreadPoolExecutor(1) as pool:
        with db.atomic():
            adjust(account.id, -500 * UNIT, "taken", FRED)
            late = pool.submit(other)
            with pytest.raises(TimeoutError):
                late.result(0.5)
        with pytest.raises(Refused, match=r"only 0\.00"):
            late.result(30)
    assert money(account) == (0, 0)


def test_requests_of_many_accounts_at_once_all_succeed(account: Account) -> None:
    owners = [publisher() for _ in range(12)]
    works = [lambda each=each: payouts.create(wish(each), owner(each)) for each in owners]
    assert outcomes(works) == ["done"] * 12
    assert len(mails()) == 12
    assert broken() == {}


def test_of_many_who_agree_at_once_one_does(account: Account) -> None:
    payout = reached(account, "confirmed")
    works = [lambda: payouts.agree(payout.public_id, ANNA)] * 8
    assert outcomes(works) == ["Conflict"] * 7 + ["done"]
    assert actions(payout.public_id).count("payout.agree") == 1


def test_of_payments_declines_and_a_changed_address_at_once_one_wins(account: Account) -> None:
    payout = reached(account, "agreed")
    payers = [Person(f"fred-{number}", Role.FINANCE) for number in range(4)]
    works: list[Callable[[], object]] = [
        lambda payer=payer: payouts.pay(payout.public_id, "r", payer)  # type: ignore[misc]
        for payer in payers
    ]
    works += [lambda: payouts.decline(payout.public_id, "no", ANNA)] * 4
    works.append(lambda: payouts.change_email(account.login, "new@pub.example", ANNA))
    found = outcomes(works)
    # the address changes in any case, and cancels what it still finds open
    assert found.count("done") in (1, 2)
    assert len(mails()) == 1
    ended = core.get(payout.public_id).state
    assert money(account) == ((380, 0) if ended == "paid" else (500, 0))
    assert broken() == {}


def test_the_confirmation_and_the_end_of_its_time_never_both_happen(account: Account) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        created = [core.create(wish(each := publisher()), owner(each)) for _ in range(6)]
        clock.shift(timedelta(hours=72) - timedelta(seconds=1))
        confirmations: list[Callable[[], object]] = [
            lambda token=each.token: payouts.confirm(token, None)  # type: ignore[misc]
            for each in created
        ]
        clock.shift(timedelta(seconds=1))
        outcomes([*confirmations, payouts.decline_unconfirmed_moneyout_requests] * 2)
    assert {core.get(each.public_id).state.value for each in created} == {"declined"}
    assert len(mails()) == 6
    assert broken() == {}


def test_earnings_booked_meanwhile_do_not_wait_for_a_payout_nor_stop_it(account: Account) -> None:
    from tests.core.ads.cashdesk import earn

    others = [publisher(0) for _ in range(4)]
    works: list[Callable[[], object]] = [lambda: payouts.create(wish(account), owner(account))]
    works += [lambda each=each: earn(each, UNIT) for each in others]  # type: ignore[misc]
    assert outcomes(works) == ["done"] * 5
    assert fetch("select count(*) from ledger_entry") == [(6,)]
