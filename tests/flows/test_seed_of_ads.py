"""Each paragraph of the ad network's seed as one story, through the real queue, worker and scheduler of both modes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.clock import now
from core.ads import clicks
from models.ads import Campaign, CampaignStatus, IpBlacklist
from models.database import fetch
from tests.core.ads import old_days
from tests.core.ads.stage import SECOND, Stage, build, listed, outcomes
from tests.flows.conftest import Product
from worker.ads.clicks import process_click, process_clicks

DAY = timedelta(days=1)


@pytest.fixture
def stage(product: Product) -> Stage:
    return build()


def test_process_click_counts_three_of_a_day_and_bans_at_the_fourth(product: Product, stage: Stage) -> None:
    visits = [stage.click(number, at=number * SECOND) for number in range(5)]
    process_click.send(click=clicks.payload(visits[0]))
    product.eventually(lambda: outcomes(visits[:1]) == ["done"])
    process_clicks.send(clicks=[clicks.payload(visit) for visit in visits[1:]])
    product.eventually(lambda: "nothing" not in outcomes(visits))
    assert outcomes(visits) == ["done", "done", "done", "over_limit_day", "blacklisted"]
    assert listed() == ["203.0.113.7/32"]


def test_process_click_refuses_foreign_and_old_links_and_keeps_faults_apart(product: Product, stage: Stage) -> None:
    foreign = stage.click(issued_to="198.51.100.1")
    old = stage.click(1, age=timedelta(hours=3))
    unpaid = stage.click(2, offer_id=999_999)
    for visit in (foreign, old, unpaid):
        process_click.send(click=clicks.payload(visit))
    product.eventually(lambda: "nothing" not in outcomes([foreign, old, unpaid]))
    assert outcomes([foreign, old, unpaid]) == ["ip_mismatch", "link_expired", "error:unknown_offer"]


def test_clean_ip_blacklist_forgives_after_four_quiet_weeks(product: Product) -> None:
    for net, age in (("203.0.113.1/32", 28 * DAY), ("203.0.113.2/32", 28 * DAY - timedelta(hours=1))):
        at = now() - age
        row = {"reason_code": "over_limit_day", "source": "auto", "first_listed_at": at, "last_violation_at": at}
        IpBlacklist.create(net=net, **row)
    product.fire("clean_ip_blacklist")
    assert listed() == ["203.0.113.2/32"]


def test_check_outdated_campaigns_stops_what_adload_stopped_without_a_word(product: Product, stage: Stage) -> None:
    stage.offers[0].update(active=False).execute()
    visits = [stage.click(0, ip=f"198.51.100.{number}", at=number * SECOND) for number in range(3)]
    process_clicks.send(clicks=[clicks.payload(visit) for visit in visits])
    product.eventually(lambda: "nothing" not in outcomes(visits))
    assert all("error:adload_offer_inactive" in outcome for outcome in outcomes(visits))
    product.fire("check_outdated_campaigns")
    product.eventually(lambda: Campaign.get_by_id(stage.campaign.id).status == CampaignStatus.HOLD)


def test_agregate_stats_adds_up_each_day_of_the_whole_network(product: Product, stage: Stage) -> None:
    visits = [stage.click(number, ip=f"198.51.100.{number}", at=number * SECOND) for number in range(4)]
    old = stage.click(ip="198.51.100.50", at=-3 * DAY)
    process_clicks.send(clicks=[clicks.payload(visit) for visit in (*visits, old)])
    product.eventually(lambda: outcomes([*visits, old]) == ["done"] * 5)
    product.fire("aggregate_stats")
    by_day = fetch("select day, clicks, partner_cost from stats_overall_by_date where clicks > 0 order by day")
    assert [(clicks_of_day, cost) for _, clicks_of_day, cost in by_day] == [(1, 30_000), (4, 120_000)]
    earned = fetch("select sum(amount) from ledger_entry where account_id = %s", (stage.account.id,))
    assert earned == [(150_000,)]


def test_archive_old_stats_moves_day_after_day_and_changes_no_total(product: Product) -> None:
    old_days.make(60, 61, 62, 63)
    totals = old_days.live(*old_days.GRAINS)
    product.fire("archive_old_stats")
    live = "select count(distinct click_day) from click"
    product.eventually(lambda: fetch(live) == [(1,)], "the archive of three days")
    product.eventually(lambda: product.runs("archive_old_stats") >= 3, "the end of the chain")
    assert old_days.live(*old_days.GRAINS) == totals
    assert {day for day, name, *_ in old_days.remembered() if name == "click"} == {
        str(old_days.days_ago(number)) for number in (61, 62, 63)
    }
