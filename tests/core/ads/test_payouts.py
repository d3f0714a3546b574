"""Payouts: what may be asked for, the link that confirms, and what happens when nobody does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.ads import payouts, sealing
from core.ads.payout_methods import BadDetails
from core.ads.payouts import Confirmed, Refused
from core.ads.persons import Forbidden, Person
from models import ledger
from models.accounts import NoAccount
from models.ads import Account
from models.database import fetch
from models.payouts import PayoutState
from tests.conftest import SettingsEnv
from tests.core.ads.cashdesk import (
    ANNA,
    CARD,
    FRED,
    PURSE,
    UNIT,
    actions,
    broken,
    everything,
    money,
    owner,
    prepare,
    publisher,
    reached,
    request,
    wish,
)


@pytest.fixture
def account(database: Any, settings_env: SettingsEnv) -> Account:
    prepare(settings_env)
    return publisher()


def test_a_request_holds_its_amount_until_it_is_paid(account: Account) -> None:
    created = request(account)
    assert money(account) == (380, 120)
    assert payouts.confirm(created.token, "203.0.113.9") is Confirmed.CONFIRMED
    payouts.agree(created.public_id, ANNA)
    assert money(account) == (380, 120)
    paid = payouts.pay(created.public_id, "wire 77", FRED)
    assert (paid.state, paid.external_ref, paid.decided_by) == (PayoutState.PAID, "wire 77", "fred")
    assert money(account) == (380, 0)
    assert ledger.trial()["payments"] == 120 * UNIT
    assert sum(ledger.trial().values()) == 0
    assert actions(created.public_id) == ["payout.create", "payout.confirm", "payout.agree", "payout.pay"]
    assert broken() == {}


@pytest.mark.parametrize(
    ("changes", "asked", "says"),
    [
        ({}, {"amount": 500 * UNIT + 10_000}, "only 500.00 USD is available"),
        ({}, {"amount": 99 * UNIT}, "least that is paid is 100.00"),
        ({"min_payout": UNIT}, {"amount": 9 * UNIT}, "least that is paid is 10.00"),
        ({"kind": "manager", "min_payout": UNIT}, {"amount": 79 * UNIT}, "least that is paid is 80.00"),
        ({}, {"amount": 120 * UNIT + 1}, "at most two decimals"),
        ({}, {"amount": -120 * UNIT}, "positive"),
        ({}, {"currency": "EUR"}, "currency: the account is kept in USD"),
        ({"block_state": "banned"}, {}, "banned"),
        ({"email": None}, {}, "no e-mail"),
        ({}, {"method": "cash", "fields": {"phone": "+380441234567"}}, "paid by webmoney_z"),
        ({"payout_methods": ["card_pb_ua"]}, {"method": "card_pb_ua", "fields": {
            name: value for name, value in CARD.items() if name not in ("bank", "currency")}}, "pays in UAH only"),
    ],
)  # fmt: skip
def test_a_wish_against_the_rules_is_refused_and_changes_nothing(
    database: Any, settings_env: SettingsEnv, changes: dict[str, Any], asked: dict[str, Any], says: str
) -> None:
    prepare(settings_env)
    account = publisher(**changes)
    before = everything()
    with pytest.raises(Refused, match=says):
        request(account, **asked)
    assert everything() == before


def test_exactly_the_balance_and_exactly_the_minimum_may_be_asked_for(database: Any, settings_env: SettingsEnv) -> None:
    prepare(settings_env)
    request(poor := publisher(100 * UNIT), 100 * UNIT)
    request(manager := publisher(80 * UNIT, kind="manager", min_payout=0), 80 * UNIT)
    assert (money(poor), money(manager)) == ((0, 100), (0, 80))


def test_a_prepayment_account_may_go_down_to_its_credit(database: Any, settings_env: SettingsEnv) -> None:
    prepare(settings_env)
    credited = publisher(100 * UNIT, prepayment=True, credit_limit=50 * UNIT)
    with pytest.raises(Refused, match=r"only 150\.00"):
        request(credited, 151 * UNIT)
    request(credited, 150 * UNIT)
    assert money(credited) == (-50, 150)
    with pytest.raises(Refused, match="available"):
        request(publisher(0, prepayment=True), 100 * UNIT)


def test_an_account_has_one_open_request(account: Account) -> None:
    first = request(account)
    with pytest.raises(Refused, match=str(first.public_id)):
        request(account)
    payouts.cancel(first.public_id, owner(account))
    request(account)
    assert money(account) == (380, 120)


def test_only_the_publisher_or_our_people_may_ask(account: Account) -> None:
    with pytest.raises(Forbidden):
        payouts.create(wish(account), Person("mallory"))
    payouts.create(wish(account), ANNA)
    assert money(account) == (380, 120)


def test_an_unknown_account_is_told(account: Account) -> None:
    with pytest.raises(NoAccount):
        payouts.create(replace(wish(account), login="nobody"), ANNA)


def test_without_keys_no_details_are_taken(database: Any) -> None:
    account = publisher()
    with pytest.raises(sealing.SealUnavailable, match="DATA_KEYS"):
        request(account)
    assert fetch("select count(*) from payout_request") == [(0,)]


def test_wrong_details_are_refused_before_anything_is_held(account: Account) -> None:
    before = everything()
    with pytest.raises(BadDetails, match="purse: write Z"):
        request(account, fields=PURSE | {"purse": "R123"})
    assert everything() == before


def test_details_are_sealed_and_neither_token_nor_code_is_stored(account: Account) -> None:
    created = request(account)
    payouts.confirm(created.token, None)
    payouts.agree(created.public_id, ANNA)
    payouts.pay(created.public_id, "r", FRED, protection_code="4711-secret")
    stored = repr(fetch("select * from payout_request")) + repr(fetch("select * from audit_log"))
    for secret in (created.token, created.token[32:], PURSE["purse"], PURSE["phone"], "4711-secret"):
        assert secret not in stored
    assert payouts.details(payouts.get(created.public_id)) == PURSE


def test_a_card_is_forgotten_to_its_expiry_once_it_is_paid(database: Any, settings_env: SettingsEnv) -> None:
    prepare(settings_env)
    account = publisher(payout_methods=["card"])
    agreed = reached(account, "agreed", method="card", fields=CARD)
    assert payouts.details(agreed)["expiry"] == "12/99"
    paid = payouts.pay(agreed.public_id, "r", FRED)
    assert payouts.details(paid) == {
        name: value.replace(" ", "") if name == "number" else value for name, value in CARD.items() if name != "expiry"
    }
    assert payouts.destination(paid) == "•" * 12 + "1234"


def test_the_page_of_a_link_shows_the_request_and_hides_the_purse(account: Account) -> None:
    created = request(account)
    before = everything()
    offered = payouts.offered(created.token)
    assert offered is not None
    assert (offered.public_id, offered.amount, offered.currency) == (created.public_id, 120 * UNIT, "USD")
    assert (offered.destination, offered.state) == ("•" * 9 + "9012", "pending_confirmation")
    assert everything() == before


@pytest.mark.parametrize("spoil", [lambda token: token[:-1], lambda token: "x" + token, lambda token: "", lambda token:
    token[:32] + "A" * 43, lambda token: token[:32], lambda token: "é" * 75, lambda token: token.upper()])  # fmt: skip
def test_a_token_that_is_not_quite_right_opens_nothing(account: Account, spoil: Callable[[str], str]) -> None:
    token = spoil(request(account).token)
    before = everything()
    assert payouts.offered(token) is None
    assert payouts.confirm(token, None) is Confirmed.UNKNOWN
    assert everything() == before


def test_a_link_confirms_once_and_then_says_so(account: Account) -> None:
    created = request(account)
    assert payouts.confirm(created.token, None) is Confirmed.CONFIRMED
    before = everything()
    assert payouts.confirm(created.token, None) is Confirmed.ALREADY
    assert payouts.offered(created.token) is None
    assert everything() == before
    assert payouts.get(created.public_id).confirm_token_hash is None


def test_a_link_of_a_cancelled_request_is_dead(account: Account) -> None:
    created = request(account)
    payouts.cancel(created.public_id, owner(account))
    assert payouts.confirm(created.token, None) is Confirmed.UNKNOWN


@pytest.mark.parametrize(("hours", "outcome"), [(72, Confirmed.EXPIRED), (71.99, Confirmed.CONFIRMED)])
def test_a_link_is_valid_for_72_hours(account: Account, hours: float, outcome: Confirmed) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        created = request(account)
        clock.shift(timedelta(hours=hours))
        assert payouts.confirm(created.token, None) is outcome


def test_how_long_a_publisher_may_take_to_confirm_can_be_set(database: Any, settings_env: SettingsEnv) -> None:
    prepare(settings_env, MONEYOUT_CONFIRM_HOURS="5")
    with time_machine.travel(now(), tick=False) as clock:
        created = request(publisher())
        clock.shift(timedelta(hours=4, minutes=59))
        assert (created.expires_at - now(), payouts.expire()) == (timedelta(minutes=1), [])
        clock.shift(timedelta(minutes=1))
        assert [payout.public_id for payout in payouts.expire()] == [created.public_id]


def test_check_10_an_unconfirmed_payout_is_declined_at_72_hours(database: Any, settings_env: SettingsEnv) -> None:
    prepare(settings_env)
    accounts = {state: publisher() for state in ("confirmed", "agreed", "paid")}
    late = publisher()
    with time_machine.travel(now(), tick=False) as clock:
        made = {state: reached(account, state) for state, account in accounts.items()}
        waiting = request(late)
        clock.shift(timedelta(hours=71, minutes=59))
        assert payouts.expire() == []
        clock.shift(timedelta(minutes=1))
        assert [payout.public_id for payout in payouts.expire()] == [waiting.public_id]
        declined = payouts.get(waiting.public_id)
        assert (declined.state, declined.reason) == ("declined", "unconfirmed_timeout")
        assert (declined.decided_at, declined.confirm_token_hash) == (now(), None)
        assert money(late) == (500, 0)
        assert payouts.confirm(waiting.token, None) is Confirmed.EXPIRED
        assert payouts.expire() == []
    assert {state: payouts.get(payout.public_id) for state, payout in made.items()} == made
    assert actions(waiting.public_id) == ["payout.create", "payout.expire"]
    assert broken() == {}


def test_expiring_many_takes_as_many_statements_as_expiring_one(database: Any, settings_env: SettingsEnv) -> None:
    from tests.core.ads.test_batches import counted_statements

    prepare(settings_env)
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(8):
            request(publisher())
        clock.shift(timedelta(hours=72))
        with counted_statements() as for_one:
            assert len(payouts.expire(1)) == 1
        with counted_statements() as for_many:
            assert len(payouts.expire(500)) == 7
    assert len(for_one) == len(for_many)
    assert broken() == {}
