"""The traffic report: shares, the median, actors, and the order of suspicion; on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from statistics import median_low
from typing import Any

import pytest
import time_machine

from core.ads import traffic
from core.ads.clicks import Flag
from core.ads.traffic import Traffic
from models.ads import Click, ClickRejected
from models.database import db
from tests.conftest import SettingsEnv
from tests.core.ads import stage
from tests.core.ads.stage import Stage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = date(2026, 11, 20)


@pytest.fixture
def here(database: Any) -> Any:
    with time_machine.travel(NOON, tick=False):
        yield stage.build()


def clicks(here: Stage, number: int, *, actors: int = 0, **more: Any) -> list[Any]:
    """Clicks on one informer, by as many actors unless told otherwise."""
    first = Click.select().count()
    made = [
        here.click(place % 5, at=timedelta(seconds=place), ip=stage.ip(first + place % (actors or number)), **more)
        for place in range(number)
    ]
    for click in made:
        stage.local(click)
    return made


def set_flags(flag: Flag, number: int) -> None:
    chosen = [click.click_id for click in Click.select().limit(number)]
    Click.update(flags=flag.value).where(Click.click_id.in_(chosen)).execute()


def report(**more: Any) -> list[Traffic]:
    return traffic.report(TODAY, TODAY, **more)


def test_shares_are_of_all_clicks_that_came(here: Stage) -> None:
    clicks(here, 6)
    clicks(here, 2, age=timedelta(hours=3))
    set_flags(Flag.DATACENTER, 2)
    (found,) = report()
    assert (found.clicks, found.unique, found.rejected) == (6, 6, 2)
    assert (found.unique_bp, found.rejected_bp, found.datacenter_bp, found.too_fast_bp) == (10_000, 2500, 2500, 0)
    assert (found.informer, found.publisher) == ("Top", here.account.login)


def test_refusals_for_a_data_centre_or_speed_count_as_such(here: Stage) -> None:
    clicks(here, 2)
    clicks(here, 2, age=timedelta(hours=3))
    ClickRejected.update(reason_code="datacenter_ip").execute()
    set_flags(Flag.TOO_FAST, 1)
    (found,) = report()
    assert (found.datacenter_bp, found.too_fast_bp) == (5000, 2500)


@pytest.mark.parametrize("seconds", [[1], [9, 1], [3, 1, 2], [5, 5, 1, 9], [1, 2, 3, 4, 5]])
def test_the_median_is_the_middle_time(here: Stage, seconds: list[int]) -> None:
    for place, age in enumerate(seconds):
        stage.local(here.click(place % 5, ip=stage.ip(place), age=timedelta(seconds=age)))
    (found,) = report()
    assert found.median_view_ms == 1000 * median_low(seconds)


def test_actors_are_sorted_by_how_often_they_clicked(here: Stage, settings_env: SettingsEnv) -> None:
    settings_env(MAX_CLICKS_PER_DAY="9")
    for actor, times in enumerate([1, 1, 1, 2, 3, 4, 7]):
        for place in range(times):
            stage.local(here.click(place % 5, ip=stage.ip(actor), at=timedelta(seconds=place)))
    (found,) = report()
    assert found.actors == (3, 1, 1, 2)
    assert found.unique == found.clicks - 2


def test_an_erased_address_is_told_apart_by_its_hash(here: Stage) -> None:
    clicks(here, 3)
    for place, click in enumerate(Click.select()):
        Click.update(actor_net=None, actor_hash=bytes([place % 2])).where(Click.click_id == click.click_id).execute()
    (found,) = report()
    assert found.actors == (1, 1, 0, 0)


def test_the_most_suspicious_comes_first_and_is_explained(database: Any) -> None:
    with time_machine.travel(NOON, tick=False):
        clean, dirty, few = stage.build(), stage.build(), stage.build()
        clicks(dirty, 15)
        clicks(dirty, 10, age=timedelta(hours=3))
        clicks(clean, 25)
        clicks(few, 1, age=timedelta(hours=3))
        found = report()
    assert [item.informer_id for item in found] == [here.informer.id for here in (dirty, clean, few)]
    assert [item.reason for item in found] == [
        "40.0 % rejected", "nothing stands out", "only 1 click(s), too few to judge",
    ]  # fmt: skip


def test_reasons_are_named_largest_first(here: Stage) -> None:
    clicks(here, 20)
    set_flags(Flag.DATACENTER | Flag.TOO_FAST, 4)
    clicks(here, 20, age=timedelta(hours=3))
    (found,) = report()
    assert found.reason == "50.0 % rejected, 10.0 % from data centres, 10.0 % too fast"
    assert found.suspicion == 7000


def test_one_account_alone(here: Stage) -> None:
    other = stage.build()
    clicks(here, 2)
    assert [item.clicks for item in report(login=here.account.login)] == [2]
    assert report(login=other.account.login) == []
    with pytest.raises(LookupError):
        report(login="nobody")


def test_only_the_days_of_the_period_count(here: Stage) -> None:
    clicks(here, 2)
    assert traffic.report(TODAY - timedelta(days=7), TODAY - timedelta(days=1)) == []


@contextmanager
def counted() -> Iterator[list[Any]]:
    statements: list[Any] = []
    db.obj.query_hooks.append(statements.append)
    try:
        yield statements
    finally:
        db.obj.query_hooks.remove(statements.append)


def test_the_number_of_statements_does_not_depend_on_the_informers(here: Stage) -> None:
    clicks(here, 1)
    with counted() as for_one:
        report()
    for _ in range(4):
        clicks(stage.build(), 2)
    with counted() as for_many:
        assert len(report()) == 5
    assert len(for_one) == len(for_many) > 0
