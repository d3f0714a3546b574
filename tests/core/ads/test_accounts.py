"""Changing where an account's mail and money go, and what becomes of its open request."""

from __future__ import annotations

from typing import Any

import pytest

from core.ads import accounts, payouts
from core.ads.ledger import Refused
from core.ads.payout_methods import BadDetails
from core.ads.payouts import Confirmed
from core.ads.persons import Forbidden, Person
from models.accounts import NoAccount, find
from models.ads import Account
from models.audit import page
from tests.conftest import SettingsEnv
from tests.core.ads.cashdesk import ANNA, broken, everything, money, owner, prepare, publisher, reached, request


@pytest.fixture
def account(database: Any, settings_env: SettingsEnv) -> Account:
    prepare(settings_env)
    return publisher()


@pytest.mark.parametrize("state", ["pending_confirmation", "confirmed", "agreed"])
def test_another_email_cancels_the_open_request(account: Account, state: str) -> None:
    payout = reached(account, state)
    cancelled = accounts.change_email(account.login, "new@pub.example", owner(account))
    assert cancelled is not None
    assert (cancelled.public_id, cancelled.state, cancelled.reason) == (
        payout.public_id,
        "cancelled",
        "contact_changed",
    )
    assert find(account.login).email == "new@pub.example"
    assert money(account) == (500, 0)
    assert broken() == {}


def test_other_payout_methods_cancel_the_open_request_and_its_link(account: Account) -> None:
    created = request(account)
    assert accounts.change_payout_methods(account.login, ["cash", "card", "cash"], ANNA) is not None
    assert find(account.login).payout_methods == ("cash", "card")
    assert payouts.confirm(created.token, None) is Confirmed.UNKNOWN


@pytest.mark.parametrize("state", ["paid", "declined", "cancelled"])
def test_a_request_that_has_ended_is_left_alone(account: Account, state: str) -> None:
    payout = reached(account, state)
    assert accounts.change_email(account.login, "new@pub.example", ANNA) is None
    assert payouts.get(payout.public_id) == payout


def test_the_same_again_changes_nothing(account: Account) -> None:
    request(account)
    before = everything()
    assert accounts.change_email(account.login, "zoe@pub.example", ANNA) is None
    assert accounts.change_payout_methods(account.login, ["webmoney_z"], ANNA) is None
    assert everything() == before


NO_ADDRESS = [
    "", "zoe", "zoe@", "@pub.example", "a@b", "a b@c.example", "a@c.example\nBcc: x@y.z", "a@b.example,c@d.example",
    "Zoe <zoe@pub.example>", "x" * 65 + "@a.example", "a@" + "b" * 260 + ".example",
]  # fmt: skip


@pytest.mark.parametrize("email", NO_ADDRESS)
def test_what_is_no_address_is_refused_and_not_repeated(account: Account, email: str) -> None:
    before = everything()
    with pytest.raises(Refused) as caught:
        accounts.change_email(account.login, email, ANNA)
    assert not email or email not in str(caught.value)
    assert everything() == before


def test_wrong_methods_are_refused(account: Account) -> None:
    with pytest.raises(BadDetails, match="method"):
        accounts.change_payout_methods(account.login, ["bitcoin"], ANNA)
    with pytest.raises(Refused, match="at least one"):
        accounts.change_payout_methods(account.login, [], ANNA)


def test_nobody_else_may_change_an_account(account: Account) -> None:
    with pytest.raises(Forbidden):
        accounts.change_email(account.login, "new@pub.example", Person("mallory"))
    with pytest.raises(NoAccount):
        accounts.change_email("nobody", "new@pub.example", ANNA)


def test_the_audit_log_says_who_changed_what_without_the_address(account: Account) -> None:
    accounts.change_email(account.login, "new@pub.example", ANNA)
    (row,) = page(action="account.change_email")
    assert (row.actor, row.before, row.after) == ("anna", {"value": "z…@pub.example"}, {"value": "n…@pub.example"})
