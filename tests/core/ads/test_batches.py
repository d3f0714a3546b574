"""Batches: equal to clicks one by one, safe in any order and repetition, exact under concurrency, few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from core.ads.admission import admit
from core.ads.clicks import ClickMessage
from core.ads.local_adload import LocalAdLoad
from models.ads import Click, ClickError, ClickRejected
from models.database import db, execute, fetch
from tests.core.ads.stage import DAY, SECOND, Answering, Stage, build, ip, listed, local, outcomes
from tests.search import search
from tests.together import together

HOUR = timedelta(hours=1)
TABLES = ("click", "click_rejected", "click_error", "ip_blacklist", "adload_charge", "stats_dirty_day", "campaign_day")
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


@st.composite
def plans(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What clicks to make: few actors and offers, times around the edges of the window, some bad links."""
    hours = st.sampled_from([0, 1, 12, 23, 24, 25, 47, 48])
    click = st.fixed_dictionaries(
        {
            "offer": st.integers(0, 4),
            "at": st.builds(lambda h, s: -h * HOUR + s * SECOND, hours, st.integers(0, 3)),
            "ip": st.sampled_from(["198.51.100.1", "198.51.100.2", "2001:db8:1::1", "2001:db8:1::2"]),
        },
        optional={
            "age": st.sampled_from([30 * SECOND, 3 * HOUR, -61 * SECOND]),
            "issued_to": st.sampled_from(["198.51.100.1", "198.51.100.9"]),
            "h": st.just("forged.example"),
            "user_agent": st.just("curl/8"),
        },
    )
    return draw(st.lists(click, min_size=1, max_size=14))


def wipe() -> None:
    for table in TABLES:
        execute("delete from " + table)


def verdicts() -> dict[str, list[Any]]:
    """All that is stored, without what depends on the moment or on row ids."""
    clicks = "select click_id, state, is_unique, advertiser_cost, partner_cost, price_id, day_count, flags from click"
    rejected = "select click_id, reason_code, offer_guid, view_ms from click_rejected"
    listing = "select net, visitor_id, reason_code, source, hits from ip_blacklist"
    charges = "select click_id, cost from adload_charge"
    queries = (clicks, rejected, "select click_id, code, state from click_error", listing, charges)
    return {query: sorted(map(str, fetch(query))) for query in queries}


def in_time_order(clicks: Sequence[ClickMessage]) -> list[ClickMessage]:
    return sorted(clicks, key=lambda click: (click.clicked_at, click.click_id))


@search(250, suppress_health_check=CHECKS)
@given(plan=plans(), seed=st.integers(0, 2**32))
def test_a_batch_equals_its_clicks_one_by_one_in_the_order_of_their_times(
    stage: Stage, plan: list[dict[str, Any]], seed: int
) -> None:
    wipe()
    clicks = [stage.click(**dict(item)) for item in plan]
    for click in in_time_order(clicks):
        local(click)
    one_by_one = verdicts()
    wipe()
    Random(seed).shuffle(clicks)
    local(*clicks)
    assert verdicts() == one_by_one


@search(250, suppress_health_check=CHECKS)
@given(plan=plans(), seed=st.integers(0, 2**32))
def test_any_order_repetition_and_split_keeps_the_limit_and_one_outcome_per_click(
    stage: Stage, plan: list[dict[str, Any]], seed: int
) -> None:
    wipe()
    random = Random(seed)
    clicks = [stage.click(**dict(item)) for item in plan]
    deliveries = clicks + random.choices(clicks, k=len(clicks))
    random.shuffle(deliveries)
    while deliveries:
        size = random.randint(1, len(deliveries))
        local(*deliveries[:size])
        del deliveries[:size]
    assert all(outcome != "nothing" and "+" not in outcome for outcome in outcomes(clicks))
    assert most_in_any_day() <= 3


def most_in_any_day() -> int:
    """The most counted clicks of one network in any window of 24 hours, found the slow way."""
    times: dict[str, list[Any]] = {}
    for row in Click.select().where(Click.state != "void"):
        times.setdefault(str(row.actor_net), []).append(row.clicked_at)
    windows = (
        sum(start <= other < start + DAY for other in of_actor) for of_actor in times.values() for start in of_actor
    )
    return max(windows, default=0)


@search(250, suppress_health_check=CHECKS)
@given(plan=plans())
def test_redelivering_everything_changes_nothing(stage: Stage, plan: list[dict[str, Any]]) -> None:
    wipe()
    clicks = [stage.click(**dict(item)) for item in plan]
    local(*clicks)
    before = verdicts()
    for _ in range(5):
        local(*clicks)
    assert verdicts() == before


def test_a_click_named_twice_in_a_batch_is_decided_once(stage: Stage) -> None:
    click = stage.click()
    assert dict(local(click, click).counts) == {"counted": 1, "duplicate": 1}


def test_nothing_but_done_unique_paid_clicks_cost_anything(database: Any) -> None:
    paid, social = build(), build(is_social=True)
    clicks = [stage.click(number % 2, at=number * SECOND) for stage in (paid, social) for number in range(2)]
    repeats = [paid.click(0, at=9 * SECOND)]
    local(*clicks, *repeats)
    for row in Click.select().where((Click.is_unique == False) | (Click.is_social == True)):  # noqa: E712
        assert (row.advertiser_cost, row.partner_cost) == (0, 0)


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    statements: list[str] = []

    def note(context: Any, *_: Any) -> None:
        statements.append(str(getattr(context, "sql", context)))

    db.obj.query_hooks.append(note)
    try:
        yield statements
    finally:
        db.obj.query_hooks.remove(note)


@pytest.mark.parametrize("driver", [LocalAdLoad, Answering])
def test_check_17_a_batch_of_500_takes_as_many_statements_as_a_batch_of_one(
    stage: Stage, driver: Callable[[], Any]
) -> None:
    adload = driver()
    admit([stage.click(ip=ip(0))], adload)
    with counted_statements() as for_one:
        admit([stage.click(ip=ip(1))], adload)
    with counted_statements() as for_many:
        admit([stage.click(number % 5, ip=ip(10 + number)) for number in range(500)], adload)
    assert len(for_one) == len(for_many) > 5


def test_check_2_twenty_parallel_clicks_of_one_ip_admit_exactly_three(database: Any) -> None:
    stage = build(offers=20)
    clicks = [stage.click(number, at=number * SECOND) for number in range(20)]
    together(*[lambda click=click: local(click) for click in clicks])
    assert outcomes(clicks).count("done") == 3
    assert (Click.select().count(), ClickRejected.select().count()) == (3, 17)
    assert listed() == ["203.0.113.7/32"]


def test_twenty_parallel_clicks_with_a_remote_adload_are_charged_three_times(database: Any) -> None:
    stage, adload = build(offers=20), Answering()
    clicks = [stage.click(number, at=number * SECOND) for number in range(20)]
    together(*[lambda click=click: admit([click], adload) for click in clicks])
    assert outcomes(clicks).count("done") == len(adload.asked) == 3


def test_the_same_click_delivered_five_times_at_once_is_counted_and_charged_once(stage: Stage) -> None:
    click = stage.click()
    together(*[lambda: local(click)] * 5)
    assert outcomes([click]) == ["done"]
    assert fetch("select count(*) from adload_charge") == [(1,)]


def test_a_budget_holds_when_many_spend_it_at_once(database: Any) -> None:
    stage = build(budget=250_000)
    clicks = [stage.click(ip=ip(number)) for number in range(12)]
    together(*[lambda click=click: local(click) for click in clicks])
    assert outcomes(clicks).count("done") == 5
    assert fetch("select spent from campaign") == [(250_000,)]


@pytest.mark.slow
def test_check_17_thirty_parallel_batches_of_500_actors_finish_without_deadlock_or_lock_exhaustion(
    postgres_database: Any,
) -> None:
    stage = build()
    batches = [[stage.click(n % 5, ip=ip(batch * 500 + n)) for n in range(500)] for batch in range(30)]
    together(*[lambda batch=batch: local(*batch) for batch in batches])
    assert fetch("select count(*), count(*) filter (where state = 'done') from click") == [(15_000, 15_000)]


@pytest.mark.slow
def test_parallel_batches_that_share_their_actors_admit_three_clicks_of_each(postgres_database: Any) -> None:
    stage = build(offers=8)
    clicks = [stage.click(n % 8, at=n * SECOND, ip=ip(n % 40)) for n in range(320)]
    Random(5).shuffle(clicks)
    together(*[lambda part=part: local(*clicks[part::8]) for part in range(8)])
    assert fetch("select count(*) from click") == [(120,)]
    assert fetch("select max(n) from (select count(*) as n from click group by actor_net) as per_actor") == [(3,)]
    assert ClickError.select().count() == 0
