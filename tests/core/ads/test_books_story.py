"""Whatever happens to a network, in whatever order, its statistics are a recount, and its money sums to the unit."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from config.clock import now, today
from config.ids import lowest_id, new_id
from config.settings import override
from core.ads import archive as archiver
from core.ads import clicks, invalidation, ledger, payouts, statistics
from core.ads.clicks import ClickMessage
from core.ads.errors_replay import take
from core.ads.ledger import Refused
from models import archive, invariants, partitions
from models.ads import Account, Campaign
from models.click_errors import ErrorFilter
from models.click_writes import mark_days
from models.database import execute, fetch, is_postgres
from models.fields import day as day_of
from models.invalidation import Choice
from tests.conftest import SettingsEnv
from tests.core.ads import cashdesk, stage
from tests.core.ads.cashdesk import ANNA, FRED, UNIT
from tests.search import examples
from worker.ads.archive import drop_old_rejections

DAY = timedelta(days=1)
AGES = (0, 1, 5, 36, 42)
"""Days ago: open, yesterday, earlier, closed, and old enough for the archive once it comes."""
ROWS = (
    "click", "click_rejected", "click_error", "adload_charge", "campaign_day", "ip_blacklist", "stats_dirty_day",
    "stats_daily", "stats_daily_adv", "stats_daily_user", "stats_overall_by_date", "manager_day", "archived_day",
    "claw_back", "ledger_entry", "payout_request", "click_price", "offer", "campaign", "informer", "site", "account",
)  # fmt: skip
MEASURES = "clicks, clicks_unique, partner_cost, advertiser_cost"


def start_over() -> None:
    """Empty tables, an empty archive, and partitions of the days that are used."""
    with archive.store().session():
        for name, day in fetch("select name, day from archived_day where state <> 'purged'"):
            archive.store().purge(name, day_of(day))
    for table in ROWS:
        execute(f"delete from {table}")
    for age in AGES:
        partitions.keep_ahead(today() - (age + 1) * DAY, today() - (age - 1) * DAY)


def kept(table: str, columns: str) -> list[tuple[Any, ...]]:
    """Rows wherever they are: in the live table or in the archive."""
    found = fetch(f"select {columns} from {table}")
    with archive.store().session():
        for age in range(66):
            day = today() - age * DAY
            if archive.store().holds(table, day):
                found += fetch(f"select {columns} from {archive.store().place(table, day)} as kept")
    return found


class Network(RuleBasedStateMachine):
    """Two publishers, visitors who click on days of every age, and people who do their work in between."""

    def __init__(self) -> None:
        super().__init__()
        start_over()
        self.here = stage.build(offers=3)
        self.other = stage.build(offers=1)
        Account.update(min_payout=10 * UNIT).execute()
        self.waiting: list[ClickMessage] = []
        self.sent: list[ClickMessage] = []
        keep_days(60)

    @initialize()
    def some_past(self) -> None:
        """A network is never quite new."""
        for age in AGES[-2:]:
            self.waiting.append(self.made(0, -age * DAY, ip=stage.ip(20)))
        stage.local(*self.waiting)
        self.sent, self.waiting = self.waiting, []

    @rule(age=st.sampled_from(AGES), visitor=st.integers(0, 5), offer=st.integers(0, 2), second=st.integers(0, 200))
    def click(self, age: int, visitor: int, offer: int, second: int) -> None:
        """Somebody clicks; the click is under way for as long as it pleases."""
        informer = (self.here, self.other)[visitor % 2].informer
        at = -age * DAY + timedelta(seconds=second)
        self.waiting.append(self.made(offer, at, ip=stage.ip(visitor), informer=informer))

    def made(self, offer: int, at: timedelta, **more: Any) -> ClickMessage:
        """A click with an id that the redirect would have given it then."""
        number = lowest_id(self.here.start + at).int | new_id().int & 0xFFFFFFFFFFFF
        return self.here.click(offer, at=at, click_id=UUID(int=number), **more)

    @rule(dice=st.randoms(use_true_random=False), again=st.booleans())
    def deliver(self, dice: Random, again: bool) -> None:
        """Everything under way arrives, in any order, some of it twice, some of it for the second time."""
        batch = self.waiting * (1 + again) + self.sent[-3:] * again
        dice.shuffle(batch)
        for place in range(0, len(batch), 4):
            stage.local(*batch[place : place + 4])
        self.sent, self.waiting = self.sent + self.waiting, []

    @rule(visitor=st.integers(10, 15), age=st.sampled_from(AGES[:4]))
    def fail_and_replay(self, visitor: int, age: int) -> None:
        """A click meets a campaign on hold, and is replayed when it works again."""
        Campaign.update(status="hold").execute()
        stage.local(self.here.click(1, at=-age * DAY, ip=stage.ip(visitor)))
        Campaign.update(status="working").execute()
        stage.local(*(clicks.decode(body) for body in take(ErrorFilter())))

    @rule(cost=st.integers(1, 60))
    def change_the_price(self, cost: int) -> None:
        stage.fixed_price(self.here.account, cost * 1_000, since=now())

    @rule()
    def aggregate(self) -> None:
        list(statistics.refresh())

    @rule(age=st.sampled_from(AGES))
    def ask_for_a_day_again(self, age: int) -> None:
        mark_days([today() - age * DAY], today(), now())

    @rule(fresh=st.booleans())
    def archive(self, fresh: bool) -> None:
        """The whole chain of messages of one night; days whose statistics are not fresh stay.

        From then on the oldest day counts as past its time, and what still arrives of it is a fault.
        """
        keep_days(40)
        if fresh:
            self.aggregate()
        turn = archiver.step()
        while turn.more and turn.day:
            turn = archiver.step(turn.day)

    @rule(amount=st.integers(-20, 60))
    def adjust(self, amount: int) -> None:
        ledger_by_hand(self.here.account, amount)

    @rule(amount=st.integers(10, 40), then=st.sampled_from(["wait", "confirm", "cancel", "decline", "pay"]))
    def ask_for_money(self, amount: int, then: str) -> None:
        try:
            created = cashdesk.request(self.here.account, amount * UNIT)
        except Refused:
            return
        if then == "cancel":
            payouts.cancel(created.public_id, cashdesk.owner(self.here.account))
        elif then != "wait":
            payouts.confirm(created.token, None)
            if then == "decline":
                payouts.decline(created.public_id, "no", ANNA)
            elif then == "pay":
                payouts.agree(created.public_id, ANNA)
                payouts.pay(created.public_id, "ref", FRED)

    @rule(agree=st.booleans())
    def go_on_with_a_request(self, agree: bool) -> None:
        for (public_id,) in fetch("select public_id from payout_request where state = 'confirmed'"):
            if agree:
                payouts.agree(public_id, ANNA)
            else:
                payouts.decline(public_id, "no", ANNA)

    @rule()
    def let_requests_run_out(self) -> None:
        execute("update payout_request set confirm_expires_at = created_at where state = 'pending_confirmation'")
        payouts.expire()

    @rule(age=st.sampled_from(AGES[1:]), whole=st.booleans())
    def take_back_what_bots_earned(self, age: int, whole: bool) -> None:
        day = today() - age * DAY
        whose = {"account_id": self.other.account.id} if whole else {"informer_id": self.other.informer.id}
        try:
            invalidation.take_back(Choice(first=day, last=day, **whose), "bought traffic", FRED)
        except invalidation.NotReady:
            return

    @invariant()
    def money_sums(self) -> None:
        balances = fetch("select account_id, sum(amount) from ledger_entry group by account_id")
        for account_id, amount in balances:
            assert ledger.balance(account_id) == amount
        held = fetch("select coalesce(sum(amount), 0) from ledger_entry where book = 'holds'")
        waiting = fetch(
            "select coalesce(sum(amount), 0) from payout_request "
            "where state in ('pending_confirmation', 'confirmed', 'agreed')"
        )
        assert held[0][0] == -waiting[0][0]

    def teardown(self) -> None:
        stage.local(*self.waiting)
        list(statistics.refresh())
        assert stored() == recounted()
        assert earned() == {key: pay for key, pay in by_account().items() if pay}
        self.end_the_night()
        # messages wait because nobody runs them here
        assert not {name: rows for name, rows in invariants.violations().items() if not name.startswith("I17")}

    def end_the_night(self) -> None:
        """What the last night's tasks do: refusals of old days go, which a late click may have added today."""
        drop_old_rejections()
        turn = archiver.step()
        while turn.more and turn.day:
            turn = archiver.step(turn.day)


def keep_days(number: int) -> None:
    """Past so many days a day belongs into the archive."""
    override(archive_after_days=number)


def ledger_by_hand(account: Account, amount: int) -> None:
    """A correction by a person; one that the balance does not allow is refused."""
    try:
        ledger.adjust_by_hand(account.login, (amount or 1) * UNIT, "a correction", FRED)
    except Refused:
        return


def recounted() -> Counter[tuple[Any, ...]]:
    """Clicks and money by day, informer and offer, one click after another."""
    found: Counter[tuple[Any, ...]] = Counter()
    columns = "click_day, informer_id, offer_id, state, is_unique, partner_cost, advertiser_cost"
    for click_day, informer, offer, state, unique, partner, advertiser in kept("click", columns):
        if state == "done":
            key = (str(click_day), informer, offer)
            found.update({(*key, 0): 1, (*key, 1): int(unique), (*key, 2): partner, (*key, 3): advertiser})
    return +found


def stored() -> Counter[tuple[Any, ...]]:
    """The same as the statistics have it."""
    found: Counter[tuple[Any, ...]] = Counter()
    for day, informer, offer, *figures in kept("stats_daily", f"day, informer_id, offer_id, {MEASURES}"):
        found.update({(str(day), informer, offer, place): value for place, value in enumerate(figures)})
    return +found


def by_account() -> dict[tuple[str, int], int]:
    found: Counter[tuple[str, int]] = Counter()
    for click_day, account, state, partner in kept("click", "click_day, account_id, state, partner_cost"):
        if state == "done":
            found[str(click_day), account] += partner
    return dict(found)


def earned() -> dict[tuple[str, int], int]:
    """What the ledger says was earned on each day, corrections of closed days included."""
    rows = fetch(
        "select ref_day, account_id, sum(amount) from ledger_entry where created_by = 'aggregate_stats' "
        "group by ref_day, account_id"
    )
    return {(str(day), account): int(amount) for day, account, amount in rows if amount}


@pytest.mark.search
@pytest.mark.usefixtures("database")
def test_any_story_of_a_network_leaves_recounted_statistics_and_balanced_books(settings_env: SettingsEnv) -> None:
    cashdesk.prepare(settings_env, ARCHIVE_AFTER_DAYS="60")
    # a story costs some fifty milliseconds on SQLite and several hundred on PostgreSQL
    number = examples(100, gate=5) if is_postgres() else examples(800, gate=40)
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        Network,
        settings=settings(max_examples=number, stateful_step_count=25, deadline=None, suppress_health_check=checks),
    )
