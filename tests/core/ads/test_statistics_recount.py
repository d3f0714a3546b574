"""The statistics of a day are what counting its facts by hand gives, in any zone and however often they are made."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.clock import now
from core.ads import clicks
from core.ads.errors_replay import take
from core.ads.outcomes import Reason
from models import invariants
from models.ads import Account, Campaign, ClickError
from models.click_errors import ErrorFilter
from models.click_writes import mark_days
from models.database import fetch
from models.fields import bind
from tests.conftest import SettingsEnv
from tests.core.ads import books as made
from tests.core.ads import stage
from tests.core.ads.books import Books, assert_equal_to_a_recount, compute
from tests.search import examples

DAY = timedelta(days=1)
REASONS = [*map(str, Reason), "something_new"]
# the day the clocks go back in Berlin has 25 hours, the one they go forward 23
DAYS = [("UTC", date(2026, 10, 25)), ("Europe/Berlin", date(2026, 10, 25)), ("Europe/Berlin", date(2026, 3, 29))]

facts = st.lists(
    st.tuples(
        st.sampled_from(["click", "click", "click", "rejected", "error", "impressions", "blocks"]),
        st.one_of(
            st.sampled_from([-1, 0, 1]).map(lambda edge: ("start", edge)),
            st.sampled_from([-1, 0, 1]).map(lambda edge: ("end", edge)),
            st.integers(-30 * 3600, 54 * 3600).map(lambda second: ("start", second * 1_000_000)),
        ),
        st.integers(-1, 3),
        st.integers(0, 1),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["done", "done", "done", "void", "pending"]),
        st.sampled_from(REASONS),
        st.integers(0, 150),
    ),
    max_size=25,
)


@pytest.mark.search
@pytest.mark.parametrize(("zone", "day"), DAYS, ids=["utc", "berlin-25-hours", "berlin-23-hours"])
def test_any_facts_around_any_midnight_give_what_a_recount_gives(
    any_day: None, database: Any, settings_env: SettingsEnv, zone: str, day: date
) -> None:
    settings_env(LOCAL_TIMEZONE=zone)
    edges = {"start": _midnight(day, zone), "end": _midnight(day + DAY, zone)}
    with time_machine.travel(edges["end"] + timedelta(hours=12), tick=False):
        books = made.build()

        @settings(max_examples=examples(120, gate=12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(facts)
        def holds(drawn: list[Any]) -> None:
            made.forget_everything()
            for fact in drawn:
                _store(books, fact, edges, day)
            mark_days([day - DAY], day + DAY, now())
            compute()
            once = made.rows()
            for of in (day - DAY, day, day + DAY):
                assert_equal_to_a_recount(books, of, zone)
            compute()
            assert made.rows() == once
            assert {name for name in invariants.violations() if name.startswith("I5") or "earnings" in name} == set()

        holds()


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _store(books: Books, fact: Any, edges: dict[str, datetime], day: date) -> None:
    kind, (edge, offset), informer, offer, social, unique, state, reason, number = fact
    at = edges[edge] + timedelta(microseconds=offset)
    if kind == "click":
        more: dict[str, Any] = {"advertiser_cost": None, "partner_cost": None} if state == "pending" else {}
        more |= {"informer": max(informer, 0), "offer": offer, "social": social, "is_unique": unique}
        made.click(books, at, state=state, view_ms=number, **more)
    elif kind == "rejected":
        made.rejected(books, at, reason, informer=informer)
    elif kind == "error":
        made.error(books, at, informer=informer, state="replayed" if unique else "open")
    elif kind == "impressions":
        made.impressions(books, day, informer=max(informer, 0), social=social, requested=number + 3, seen=number)
    else:
        made.block_views(books, day, informer=max(informer, 0), requested=number + 1, seen=number)


def test_check_11_aggregating_twice_or_after_a_replay_of_five_days_ago_equals_a_recount(
    any_day: None, database: Any
) -> None:
    here = stage.build()
    Account.update(created_at=made.LONG_AGO).execute()
    books = Books(0, [here.account.id], [], [here.informer.id], [], [], {})
    old = here.click(2, at=-5 * DAY, ip=stage.ip(50))
    stage.local(*(here.click(number, ip=stage.ip(number)) for number in range(4)))
    Campaign.update(status="hold").execute()
    stage.local(old)
    Campaign.update(status="working").execute()
    compute()
    once = made.rows()
    compute()
    assert made.rows() == once
    assert_equal_to_a_recount(books, old.clicked_at.date())

    stage.local(*(clicks.decode(body) for body in take(ErrorFilter())))
    assert ClickError.get().state == "replayed"
    assert old.clicked_at.date() in made.marks()
    compute()
    for ago in range(7):
        day = now().date() - ago * DAY
        if fetch("select 1 from stats_overall_by_date where day = %s", (bind(day),)):
            assert_equal_to_a_recount(books, day)
    assert made.booked(old.clicked_at.date()) == {here.account.id: 30_000}
    paid = fetch("select sum(partner_cost) from click where state = 'done'")[0][0]
    assert made.balance(here.account.id) == paid == 150_000
    assert invariants.violations() == {}
