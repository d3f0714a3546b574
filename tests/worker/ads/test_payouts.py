"""Payouts with their mail: what is queued with each step, and what dies with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.ads import payouts as core
from core.ads import sealing
from core.ads.payouts import Confirmed
from models import audit, ledger
from models import payouts as rows
from models.ads import Account
from tests.conftest import SettingsEnv
from tests.core.ads.cashdesk import (
    ANNA,
    FRED,
    broken,
    everything,
    money,
    owner,
    prepare,
    publisher,
    reached,
    waiting,
    wish,
)
from tests.worker.postroom import bound
from worker.ads import mail, payouts
from worker.broker import load_actors


@pytest.fixture
def account(database: Any, settings_env: SettingsEnv) -> Iterator[Account]:
    """A publisher with 500, and a broker that publishes nothing, for what is queued stands beside its cause."""
    prepare(settings_env)
    with bound(settings_env()):
        load_actors()
        yield publisher()


def mails() -> list[tuple[str, str]]:
    return [(message["template"], message["request_id"]) for message in waiting() if message["task"] == "send_mail"]


def test_a_request_queues_the_mail_with_its_sealed_link(account: Account) -> None:
    created = payouts.create(wish(account), owner(account))
    (message,) = waiting()
    assert (message["template"], message["request_id"]) == ("payout_confirm", str(created.public_id))
    assert created.token not in repr(message)
    assert sealing.unseal(message["sealed_token"]) == created.token
    assert payouts.confirm(created.token, "203.0.113.7") is Confirmed.CONFIRMED
    assert len(waiting()) == 1


def test_every_end_of_a_payout_is_mailed_once(account: Account) -> None:
    paid, declined, cancelled = (reached(publisher(), state) for state in ("agreed", "confirmed", "confirmed"))
    payouts.pay(paid.public_id, "r", FRED)
    payouts.decline(declined.public_id, "no", ANNA)
    payouts.cancel(cancelled.public_id, ANNA)
    changed = publisher()
    moved = reached(changed, "confirmed")
    payouts.change_email(changed.login, "new@pub.example", ANNA)
    payouts.change_email(changed.login, "new@pub.example", ANNA)
    payouts.change_payout_methods(changed.login, ["cash"], ANNA)
    assert mails() == [
        ("payout_paid", str(paid.public_id)),
        ("payout_declined", str(declined.public_id)),
        ("payout_cancelled", str(cancelled.public_id)),
        ("payout_cancelled", str(moved.public_id)),
    ]


def test_check_10_the_task_declines_at_72_hours_with_one_mail(account: Account) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        others = [reached(publisher(), state) for state in ("confirmed", "agreed", "paid")]
        created = payouts.create(wish(account), owner(account))
        clock.shift(timedelta(hours=71, minutes=59))
        assert payouts.decline_unconfirmed_moneyout_requests() == 0
        clock.shift(timedelta(minutes=1))
        assert payouts.decline_unconfirmed_moneyout_requests() == 1
        assert payouts.decline_unconfirmed_moneyout_requests() == 0
        assert payouts.confirm(created.token, None) is Confirmed.EXPIRED
    assert mails()[1:] == [("payout_expired", str(created.public_id))]
    assert core.get(created.public_id).state == "declined"
    assert [core.get(payout.public_id) for payout in others] == others
    assert money(account) == (500, 0)
    assert broken() == {}


def test_more_than_a_batch_is_declined_in_one_run(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.expire, "__defaults__", (2,))
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(5):
            core.create(wish(each := publisher()), owner(each))
        clock.shift(timedelta(hours=72))
        assert payouts.decline_unconfirmed_moneyout_requests() == 5
    assert len(set(mails())) == 5
    assert broken() == {}


STEPS: dict[str, Callable[[Any, Account], object]] = {
    "create": lambda payout, account: payouts.create(wish(account), owner(account)),
    "confirm": lambda payout, account: payouts.confirm(payout.token, None),
    "cancel": lambda payout, account: payouts.cancel(payout.public_id, ANNA),
    "agree": lambda payout, account: payouts.agree(payout.public_id, ANNA),
    "decline": lambda payout, account: payouts.decline(payout.public_id, "no", ANNA),
    "pay": lambda payout, account: payouts.pay(payout.public_id, "r", FRED),
    "expire": lambda payout, account: payouts.decline_unconfirmed_moneyout_requests(),
    "change_email": lambda payout, account: payouts.change_email(account.login, "n@pub.example", ANNA),
}
DEATHS = [
    ("create", "audit.record_all"), ("create", "rows.insert"), ("create", "ledger.add"), ("create", "send"),
    ("confirm", "audit.record_all"), ("confirm", "rows.move"),
    ("cancel", "audit.record_all"), ("cancel", "rows.move"), ("cancel", "ledger.add"), ("cancel", "send"),
    ("agree", "audit.record_all"), ("agree", "rows.move"),
    ("decline", "audit.record_all"), ("decline", "rows.move"), ("decline", "ledger.add"), ("decline", "send"),
    ("pay", "audit.record_all"), ("pay", "rows.move"), ("pay", "ledger.add"), ("pay", "send"),
    ("expire", "audit.record_all"), ("expire", "rows.expire"), ("expire", "ledger.add"), ("expire", "send"),
    ("change_email", "audit.record_all"), ("change_email", "rows.move"), ("change_email", "ledger.add"),
    ("change_email", "send"),
]  # fmt: skip
BEFORE = {"pay": "agreed", "agree": "confirmed", "decline": "confirmed", "cancel": "confirmed"}
HOLDERS: dict[str, Any] = {"audit": audit, "rows": rows, "ledger": ledger}


@pytest.mark.parametrize(("step", "last"), DEATHS)
def test_a_death_at_any_step_changes_nothing_and_the_step_can_be_taken_again(
    account: Account, monkeypatch: pytest.MonkeyPatch, step: str, last: str
) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        payout: Any = None
        if step in ("confirm", "expire", "change_email"):
            payout = core.create(wish(account), owner(account))
        elif step != "create":
            payout = reached(account, BEFORE[step])
        clock.shift(timedelta(hours=72) if step == "expire" else timedelta(hours=1))
        before = everything()
        with monkeypatch.context() as patched:
            _die_after(patched, last)
            with pytest.raises(SystemExit):
                STEPS[step](payout, account)
        assert everything() == before
        STEPS[step](payout, account)
    assert everything() != before
    assert broken() == {}


def _die_after(patched: pytest.MonkeyPatch, last: str) -> None:
    """Let the step do its work, and the process end right behind it."""
    holder, _, name = last.rpartition(".")
    owner_of: Any = HOLDERS.get(holder, mail.send_mail)
    done = getattr(owner_of, name)

    def work(*arguments: Any, **named: Any) -> None:
        done(*arguments, **named)
        raise SystemExit

    patched.setattr(owner_of, name, work)
