"""Moves of payouts: each legal and each refused one, who may make them, and what the invariants see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from config.ids import new_id
from core.ads import payouts
from core.ads.payouts import Conflict, NoPayout, Refused
from core.ads.persons import Forbidden, Person, Role
from models.ads import Account
from models.database import execute, fetch
from models.ledger import EntryKind
from models.payouts import IllegalMove, PayoutRequest, PayoutState, move
from tests.conftest import SettingsEnv
from tests.core.ads.cashdesk import (
    ANNA,
    FRED,
    UNIT,
    broken,
    everything,
    owner,
    prepare,
    publisher,
    reached,
    wish,
)


@pytest.fixture
def account(database: Any, settings_env: SettingsEnv) -> Account:
    prepare(settings_env)
    return publisher()


STEPS: dict[str, Callable[[Any, Account], object]] = {
    "cancel": lambda payout, account: payouts.cancel(payout.public_id, owner(account)),
    "agree": lambda payout, account: payouts.agree(payout.public_id, ANNA),
    "decline": lambda payout, account: payouts.decline(payout.public_id, "no", ANNA),
    "pay": lambda payout, account: payouts.pay(payout.public_id, "r", FRED),
}
LEGAL = {
    ("pending_confirmation", "cancel"), ("confirmed", "cancel"), ("confirmed", "agree"), ("confirmed", "decline"),
    ("agreed", "decline"), ("agreed", "pay"),
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", [state.value for state in PayoutState])
def test_every_step_from_every_state_is_taken_or_refused(account: Account, state: str, step: str) -> None:
    payout = reached(account, state)
    before = everything()
    if (state, step) in LEGAL:
        STEPS[step](payout, account)
        assert payouts.get(payout.public_id).version == payout.version + 1
    elif (state, step) == ("confirmed", "pay"):
        with pytest.raises(Refused, match="not agreed yet"):
            STEPS[step](payout, account)
    else:
        with pytest.raises(Conflict, match=f"the payout is {state}"):
            STEPS[step](payout, account)
    assert (everything() == before) is ((state, step) not in LEGAL)
    assert broken() == {}


@pytest.mark.parametrize("old", list(PayoutState))
@pytest.mark.parametrize("new", list(PayoutState))
def test_the_row_moves_along_the_arrows_only(account: Account, old: PayoutState, new: PayoutState) -> None:
    payout = reached(account, old.value)
    if new in PayoutRequest.MOVES[old]:
        assert move(payout, new)
        assert not move(payout, new)
        assert payouts.get(payout.public_id).state == new
    else:
        with pytest.raises(IllegalMove):
            move(payout, new)


def test_a_conflict_tells_who_did_what_and_when(account: Account) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        agreed = reached(account, "agreed")
        clock.shift(timedelta(seconds=12))
        with pytest.raises(Conflict, match="the payout is agreed: agreed by anna 12 s ago"):
            payouts.agree(agreed.public_id, FRED)


def test_an_outdated_version_is_a_conflict(account: Account) -> None:
    confirmed = reached(account, "confirmed")
    with pytest.raises(Conflict, match="confirmed by"):
        payouts.agree(confirmed.public_id, ANNA, version=1)
    assert payouts.agree(confirmed.public_id, ANNA, version=2).version == 3


def test_an_unknown_payout_is_told(account: Account) -> None:
    with pytest.raises(NoPayout):
        payouts.agree(new_id(), ANNA)


@pytest.mark.parametrize(
    ("act", "by"),
    [
        ("agree", Person("anna")),
        ("decline", Person("anna")),
        ("pay", Person("anna")),
        ("pay", Person("olga", Role.OPERATOR)),
        ("pay", Person("Anna", Role.FINANCE)),
    ],
)
def test_a_step_needs_its_role_and_a_payment_another_person(account: Account, act: str, by: Person) -> None:
    payout = reached(account, "agreed" if act == "pay" else "confirmed")
    before = everything()
    steps: dict[str, Callable[[], object]] = {
        "agree": lambda: payouts.agree(payout.public_id, by),
        "decline": lambda: payouts.decline(payout.public_id, "no", by),
        "pay": lambda: payouts.pay(payout.public_id, "r", by),
    }
    with pytest.raises(Forbidden):
        steps[act]()
    assert everything() == before


def test_nobody_pays_a_request_of_his_own(account: Account) -> None:
    own = Person(account.login, Role.FINANCE)
    with pytest.raises(Forbidden, match="another person"):
        payouts.pay(reached(account, "agreed").public_id, "r", own)
    asked_for = publisher()
    created = payouts.create(wish(asked_for), FRED)
    payouts.confirm(created.token, None)
    payouts.agree(created.public_id, ANNA)
    with pytest.raises(Forbidden, match="another person"):
        payouts.pay(created.public_id, "r", FRED)


def test_where_no_agreement_is_required_a_confirmed_payout_is_paid(account: Account, settings_env: SettingsEnv) -> None:
    confirmed = reached(account, "confirmed")
    settings_env(REQUIRE_MANAGER_AGREE="false")
    assert payouts.pay(confirmed.public_id, "r", FRED).state is PayoutState.PAID
    assert broken() == {}


@pytest.mark.parametrize("text", ["", "  ", "x" * 201])
def test_a_reason_and_a_reference_are_required(account: Account, text: str) -> None:
    confirmed = reached(account, "confirmed")
    with pytest.raises(Refused, match="reason"):
        payouts.decline(confirmed.public_id, text, ANNA)
    payouts.agree(confirmed.public_id, ANNA)
    with pytest.raises(Refused, match="external_ref"):
        payouts.pay(confirmed.public_id, text, FRED)


def test_the_ledger_takes_one_row_of_a_kind_per_request(account: Account) -> None:
    paid = reached(account, "paid")
    rows = fetch("select kind, amount from ledger_entry where request_id = %s order by id", (paid.id,))
    assert rows == [("payout_hold", -120 * UNIT), ("payout_release", 120 * UNIT), ("payout_paid", -120 * UNIT)]
    assert {kind.value for kind in EntryKind} >= {kind for kind, _ in rows}


def test_the_invariants_see_what_does_not_add_up(account: Account) -> None:
    paid = reached(account, "paid")
    execute("delete from ledger_entry where kind = 'payout_release'")
    execute("update ledger_entry set source_key = null where kind = 'payout_paid'")
    assert set(broken()) == {"payouts do not add up", "holds differ", "booked without source"}
    execute("update payout_request set state = 'declined' where id = %s", (paid.id,))
    assert "payouts unrecorded" in broken()
