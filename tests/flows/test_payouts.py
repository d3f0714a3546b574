"""The story of a payout: asked for, mailed, looked at by a scanner, confirmed on the page, agreed, paid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from falcon.testing import TestClient

from config.clock import now
from config.settings import get_settings
from core.ads import ledger, payouts
from core.ads.payouts import Created, Wish
from core.ads.persons import Person, Role
from models.ads import Account
from models.database import fetch
from tests.conftest import SettingsEnv
from tests.core.ads.letterbox import account, become, prepare
from tests.flows.conftest import Product
from tests.mailbox import Mailbox, mailbox
from web.app import make_app
from worker.ads import payouts as desk

FIELDS = {"wmid": "123456789012", "purse": "Z123456789012", "phone": "+380501234567"}
LOGIN = "zoe"
ANNA, FRED = Person("anna", Role.OPERATOR), Person("fred", Role.FINANCE)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


@pytest.fixture
def zoe(product: Product, box: Mailbox, settings_env: SettingsEnv) -> Account:
    prepare(settings_env, box.url)
    made = account(login=LOGIN)
    ledger.adjust(made.id, 300_000_000, "opening", Person("anna"))
    return made


def ask(product: Product, box: Mailbox) -> Created:
    created = desk.create(Wish(LOGIN, 120_500_000, "USD", "webmoney_z", FIELDS), Person(LOGIN))
    wait_for(product, box, 1)
    return created


def wait_for(product: Product, box: Mailbox, count: int) -> None:
    product.relay()
    product.eventually(lambda: len(box.raw) >= count, f"mail {count}")
    product.eventually(lambda: len(fetch("select 1 from mail where state = 'sent'")) >= count, f"mail {count} noted")


def test_a_payout_is_confirmed_by_its_mail_and_paid(product: Product, box: Mailbox, zoe: Account) -> None:
    created = ask(product, box)
    mail = box.mails[0].get_content()
    link = re.search(r"https://box\.example(/payouts/confirm/\S+)", mail)
    assert link is not None
    assert "**** 9012" in mail

    site = TestClient(make_app(get_settings()))
    assert {site.simulate_get(link[1]).status_code for _ in range(10)} == {200}
    assert payouts.get(created.public_id).state == "pending_confirmation"
    assert "is confirmed" in site.simulate_post(link[1]).text
    assert "Already confirmed" in site.simulate_post(link[1]).text

    desk.agree(created.public_id, ANNA)
    desk.pay(created.public_id, "WM-77", FRED)
    wait_for(product, box, 2)
    assert "Reference of the payment: WM-77" in box.mails[1].get_content()
    assert [mail["Subject"].partition(":")[0] for mail in box.mails] == [
        "Please confirm your payout", "Your payout was paid",
    ]  # fmt: skip
    assert ledger.balance(zoe.id) == 179_500_000


def test_check_10_a_payout_that_nobody_confirms_ends_with_one_mail(
    product: Product, box: Mailbox, zoe: Account
) -> None:
    created = ask(product, box)
    become(created.public_id, confirm_expires_at=now() - timedelta(seconds=1))
    product.fire("decline_unconfirmed_moneyout_requests")
    wait_for(product, box, 2)
    assert desk.decline_unconfirmed_moneyout_requests() == 0
    assert [mail["Subject"].partition(":")[0] for mail in box.mails[1:]] == ["Your payout was not confirmed in time"]
    assert TestClient(make_app(get_settings())).simulate_post(f"/payouts/confirm/{created.token}").status_code == 410
    assert ledger.balance(zoe.id) == 300_000_000
