"""Any order of earning, asking, confirming, agreeing, paying, declining, cancelling and waiting, against a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from config.clock import now
from core.ads import ledger as desk
from core.ads import payouts
from core.ads.payouts import Confirmed, Conflict, Created, Refused
from models import audit, ledger
from models.ads import Account
from models.database import execute, fetch
from tests.conftest import SettingsEnv
from tests.core.ads.cashdesk import ANNA, FRED, UNIT, broken, earn, owner, prepare, publisher, wish
from tests.search import examples

START = datetime(2026, 3, 1, tzinfo=UTC)
AMOUNTS = st.sampled_from([120, 35, 10, 290, 9]).map(lambda units: units * UNIT)
EDGES = {
    ("confirmed", "agree"): "agreed", ("confirmed", "decline"): "declined", ("agreed", "decline"): "declined",
    ("agreed", "pay"): "paid", ("pending_confirmation", "cancel"): "cancelled", ("confirmed", "cancel"): "cancelled",
}  # fmt: skip
OPEN = ("pending_confirmation", "confirmed", "agreed")


@dataclass
class Expected:
    """What a request should be."""

    created: Created
    account: int
    amount: int
    expires_at: datetime
    state: str = "pending_confirmation"


@dataclass
class Purse:
    """What an account should have."""

    account: Account
    balance: int = 0
    floor: int = 0
    requests: list[Expected] = field(default_factory=list)

    def held(self) -> int:
        return sum(request.amount for request in self.requests if request.state in OPEN)


class Desk(RuleBasedStateMachine):
    """The same steps here and there."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(START, tick=False)
        self.time = self.clock.start()
        self.purses: list[Purse] = []

    def teardown(self) -> None:
        self.clock.stop()
        empty()

    @initialize(credit=st.sampled_from([0, 40 * UNIT]))
    def accounts(self, credit: int) -> None:
        plain = publisher(0, min_payout=10 * UNIT)
        trusted = publisher(0, min_payout=10 * UNIT, prepayment=True, credit_limit=credit)
        self.purses = [Purse(plain), Purse(trusted, floor=-credit)]
        for which in (0, 1):
            self.earning(which, 300 * UNIT)
            self.asking(which, 120 * UNIT)

    @rule(which=st.integers(0, 1), amount=AMOUNTS)
    def earning(self, which: int, amount: int) -> None:
        earn(self.purses[which].account, amount)
        self.purses[which].balance += amount

    @rule(which=st.integers(0, 1), amount=AMOUNTS, sign=st.sampled_from([1, -1]))
    def adjusting(self, which: int, amount: int, sign: int) -> None:
        purse = self.purses[which]
        allowed = sign > 0 or purse.balance - amount >= purse.floor
        if taken(lambda: desk.adjust(purse.account.id, sign * amount, "by hand", FRED)):
            assert allowed
            purse.balance += sign * amount
        else:
            assert not allowed

    @rule(which=st.integers(0, 1), amount=AMOUNTS)
    def asking(self, which: int, amount: int) -> None:
        purse = self.purses[which]
        allowed = amount >= 10 * UNIT and purse.balance - amount >= purse.floor and not purse.held()
        created = taken(lambda: payouts.create(wish(purse.account, amount), owner(purse.account)))
        assert bool(created) is allowed
        if created:
            purse.balance -= amount
            purse.requests.append(Expected(created, which, amount, now() + timedelta(hours=72)))

    @rule(which=st.integers(0, 1), back=st.integers(1, 3))
    def confirming(self, which: int, back: int) -> None:
        for request in self.purses[which].requests[-back:][:1]:
            self._confirm(request)

    def _confirm(self, request: Expected) -> None:
        found = payouts.confirm(request.created.token, "203.0.113.7")
        if request.state == "pending_confirmation":
            late = now() >= request.expires_at
            assert found is (Confirmed.EXPIRED if late else Confirmed.CONFIRMED)
            request.state = request.state if late else "confirmed"
        else:
            assert found is not Confirmed.CONFIRMED

    @rule(which=st.integers(0, 1), back=st.integers(1, 3), step=st.sampled_from(["agree", "decline", "pay", "cancel"]))
    def stepping(self, which: int, back: int, step: str) -> None:
        for request in self.purses[which].requests[-back:][:1]:
            self._step(request, step)

    def _step(self, request: Expected, step: str) -> None:
        public_id = request.created.public_id
        account = self.purses[request.account].account
        steps = {
            "agree": lambda: payouts.agree(public_id, ANNA),
            "decline": lambda: payouts.decline(public_id, "no", ANNA),
            "pay": lambda: payouts.pay(public_id, "r", FRED),
            "cancel": lambda: payouts.cancel(public_id, owner(account)),
        }
        moved = taken(steps[step])
        assert bool(moved) is ((request.state, step) in EDGES)
        if moved:
            self._ended(request, EDGES[request.state, step])

    @rule(which=st.integers(0, 1), times=st.integers(1, 3))
    def advancing(self, which: int, times: int) -> None:
        """The way to the money, which chance alone seldom finds."""
        for _ in range(times):
            for request in [each for each in self.purses[which].requests if each.state in OPEN]:
                if request.state == "pending_confirmation":
                    self._confirm(request)
                else:
                    self._step(request, "agree" if request.state == "confirmed" else "pay")

    @rule(hours=st.sampled_from([1, 24, 71, 72]))
    def waiting(self, hours: int) -> None:
        self.time.shift(timedelta(hours=hours))

    @rule()
    def expiring(self) -> None:
        due = {
            request.created.public_id: request
            for purse in self.purses
            for request in purse.requests
            if request.state == "pending_confirmation" and request.expires_at <= now()
        }
        assert {payout.public_id for payout in payouts.expire()} == set(due)
        for request in due.values():
            self._ended(request, "declined")

    def _ended(self, request: Expected, state: str) -> None:
        request.state = state
        if state in ("declined", "cancelled"):
            self.purses[request.account].balance += request.amount

    @invariant()
    def balances_are_as_expected(self) -> None:
        for purse in self.purses:
            standing = ledger.standing(purse.account.id)
            assert (standing.balance, standing.holds) == (purse.balance, purse.held())
            assert standing.balance >= purse.floor

    @invariant()
    def states_are_as_expected(self) -> None:
        stored = dict(fetch("select cast(public_id as text), state from payout_request"))
        assert stored == {
            str(request.created.public_id): request.state for purse in self.purses for request in purse.requests
        }

    @invariant()
    def the_books_balance(self) -> None:
        trial = ledger.trial()
        assert sum(trial.values()) == 0
        assert trial["holds"] == sum(purse.held() for purse in self.purses)

    @invariant()
    def nothing_is_violated(self) -> None:
        assert broken() == {}


def taken(step: Any) -> Any:
    """What a step gives; None when it is refused."""
    try:
        return step()
    except (Refused, Conflict):
        return None


def empty() -> None:
    """A database as at the start, without the cost of making one: the log keeps its guard, so it is left to grow."""
    for table in ("ledger_entry", "payout_request", "account"):
        execute(f"delete from {table}")


@pytest.mark.search
def test_any_order_of_steps_leaves_the_books_as_they_should_be(database: Any, settings_env: SettingsEnv) -> None:
    prepare(settings_env)
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=examples(400),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
    assert audit.verify() == []
