"""Reports read what was computed, at every grain, on both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
import time_machine

from config.clock import now
from core.ads import impressions, reports, statistics
from core.ads.reports import By, Colour
from models.ads import Account
from models.database import execute
from models.fields import bind
from tests.core.ads import stage
from tests.core.ads.stage import Stage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = date(2026, 11, 20)
DAY = timedelta(days=1)


@pytest.fixture
def here(database: Any) -> Any:
    """One publisher with five clicks today, two of them refused, and a hundred impressions."""
    with time_machine.travel(NOON, tick=False):
        made = stage.build()
        stage.local(*(made.click(number, at=timedelta(seconds=number)) for number in range(5)))
        row = {"informer_id": made.informer.id, "offer_id": made.offers[0].id, "requested": 150, "seen": 100}
        loads = {"informer_id": made.informer.id, "requested": 40, "seen": 30}
        body = {
            "batch_id": "5cf1f9a6-0d57-4d0b-9a0e-6c5f0c1b7a22", "day": "2026-11-20", "impressions": [row],
            "block_views": [loads],
        }  # fmt: skip
        impressions.take(impressions.decode(orjson.dumps(body), "ad-1"))
        list(statistics.refresh())
        yield made


def report(by: By, days: int = 1, **more: Any) -> reports.Report:
    return reports.report(by, TODAY - (days - 1) * DAY, TODAY, **more)


@pytest.mark.parametrize("by", [By.DAY, By.INFORMER, By.PUBLISHER])
def test_every_grain_above_the_offers_shows_all_measures(here: Stage, by: By) -> None:
    (row,) = report(by).rows
    shown = row.measures
    assert (shown["clicks"], shown["clicks_unique"], shown["impressions"], shown["ctr_bp"]) == (3, 3, 100, 300)
    assert (shown["block_views"], shown["block_ctr_bp"], shown["visibility_bp"]) == (30, 1000, 7500)
    assert (shown["advertiser_cost"], shown["partner_cost"], shown["income"]) == (150_000, 90_000, 60_000)
    assert (shown["rejected"], shown["rejected_filtered"], shown["rejected_banned"]) == (2, 1, 1)
    assert (shown["publisher_share_bp"], shown["average_click_price"], shown["average_view_ms"]) == (
        6000,
        30_000,
        30_000,
    )
    assert report(by).total == shown


def test_offers_have_names_and_no_loads_or_refusals(here: Stage) -> None:
    found = report(By.OFFER)
    assert [row.key for row in found.rows] == [offer.id for offer in here.offers[:3]]
    assert found.rows[0].labels == {"offer": here.offers[0].title, "campaign": "Shoes"}
    assert not {"block_views", "rejected", "errors"} & set(found.total)
    assert (found.total["clicks"], found.total["impressions"], found.total["income"]) == (3, 100, 60_000)


def test_informers_are_named_with_site_and_publisher(here: Stage) -> None:
    (row,) = report(By.INFORMER).rows
    assert row.labels == {
        "informer": "Top", "site": here.informer.site.host, "publisher": here.account.login,
    }  # fmt: skip


def test_days_without_figures_are_zero(here: Stage) -> None:
    rows = report(By.DAY, days=4).rows
    assert [row.key for row in rows] == [TODAY - number * DAY for number in (3, 2, 1, 0)]
    assert [row.measures["clicks"] for row in rows] == [0, 0, 0, 3]
    assert rows[0].labels == {"accounts_total": 0, "accounts_active": 0, "sites_active": 0}


def test_one_account_alone(here: Stage) -> None:
    other = stage.build()
    assert report(By.DAY, login=here.account.login).total["clicks"] == 3
    for by in (By.DAY, By.OFFER, By.INFORMER, By.PUBLISHER):
        assert report(by, login=other.account.login).total["clicks"] == 0


def test_an_unknown_account_is_refused(here: Stage) -> None:
    with pytest.raises(LookupError, match="nobody"):
        report(By.DAY, login="nobody")
    with pytest.raises(ValueError, match="managers"):
        report(By.MANAGER, login=here.account.login)


def test_managers_sum_their_money_and_show_their_publishers_of_the_last_day(here: Stage) -> None:
    boss = Account.create(
        guid="5cf1f9a6-0d57-4d0b-9a0e-6c5f0c1b7a33", login="boss", kind="manager", currency="USD", created_at=now()
    )
    statement = "insert into manager_day values (%s, %s, %s, %s, %s, %s)"
    for age, publishers in ((1, 9), (0, 4)):
        execute(statement, (bind(TODAY - age * DAY), boss.id, 100, 60, publishers, 2))
    (row,) = report(By.MANAGER, days=3).rows
    assert row.labels == {"manager": "boss", "publishers": 4, "publishers_active": 2}
    assert row.measures == {"advertiser_cost": 200, "partner_cost": 120, "income": 80, "publisher_share_bp": 6000}


@pytest.mark.parametrize(
    ("age", "unique", "shown", "expected"),
    [
        (0, 1, 0, Colour.GREEN),
        (0, 0, 100, Colour.GREEN),
        (0, 0, 99, Colour.ORANGE),
        (1, 1, 0, Colour.RED),
        (2, 0, 100, Colour.RED),
        (3, 5, 500, Colour.ORANGE),
    ],
)
def test_a_publisher_is_green_red_or_orange(database: Any, age: int, unique: int, shown: int, expected: Colour) -> None:
    with time_machine.travel(NOON, tick=False):
        account = stage.build().account
        execute(
            "insert into stats_daily_user (day, account_id, clicks_unique, impressions) values (%s, %s, %s, %s)",
            (bind(TODAY - age * DAY), account.id, unique, shown),
        )
        (row,) = report(By.PUBLISHER, days=7).rows
    assert row.labels == {"publisher": account.login, "colour": expected}


def test_it_is_told_when_and_in_which_zone_the_days_were_computed(here: Stage) -> None:
    found = report(By.DAY)
    assert (found.refreshed_at, found.zones) == (NOON, ("UTC",))
    assert reports.report(By.DAY, TODAY - 9 * DAY, TODAY - 8 * DAY).refreshed_at is None


def test_archived_days_are_missing_from_the_offers_only(here: Stage) -> None:
    execute(
        "insert into archived_day (day, name, state, row_count, archived_at) values (%s, %s, %s, %s, %s)",
        (bind(TODAY - 2 * DAY), "stats_daily", "archived", 1, bind(now())),
    )
    assert report(By.OFFER, days=7).archived == [TODAY - 2 * DAY]
    assert report(By.INFORMER, days=7).archived == []
