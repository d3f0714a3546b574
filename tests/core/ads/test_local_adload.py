"""The local driver as any other AdLoad: what the port promises, from our own rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from config.clock import now
from config.ids import new_id
from core.ads.local_adload import LocalAdLoad
from integrations.adload.port import AdLoad, Charge, ChargeStatus, OutcomeCode
from integrations.errors import Rejected
from models.ads import Campaign, Offer
from tests.core.ads.stage import Stage, build, local


@pytest.fixture
def stage(database: Any) -> Stage:
    return build(offers=2, budget=120_000)


def charge(stage: Stage, **more: Any) -> Charge:
    values = {
        "click_id": new_id(), "offer": stage.offers[0].guid, "campaign": stage.campaign.guid, "clicked_at": now(),
        "social": False, "percent_bp": 10_000, "price_override": None, "ip": "203.0.113.7",
    }  # fmt: skip
    return Charge(**(values | more))


def test_a_repeated_charge_gets_the_first_answer_and_takes_nothing(stage: Stage) -> None:
    asked = charge(stage)
    driver: AdLoad = LocalAdLoad()
    first = driver.add_clicks([asked, asked])
    Offer.update(click_cost=99_000).execute()
    assert driver.add_clicks([asked]) == first
    assert Campaign.get().spent == 50_000


def test_an_unknown_offer_is_refused_and_a_refusal_is_decided_anew(stage: Stage) -> None:
    driver, asked = LocalAdLoad(), charge(stage, offer=new_id())
    assert [reply.code for reply in driver.add_clicks([asked])] == [OutcomeCode.OFFER_INACTIVE]
    known = charge(stage, click_id=asked.click_id)
    assert driver.add_clicks([known])[0].status is ChargeStatus.OK


def test_a_batch_is_charged_as_far_as_the_budget_goes(stage: Stage) -> None:
    replies = LocalAdLoad().add_clicks([charge(stage) for _ in range(3)])
    assert [reply.code for reply in replies] == [None, None, OutcomeCode.NO_FUNDS]


def test_the_facts_of_a_campaign_and_its_offers_come_from_our_rows(stage: Stage) -> None:
    driver, campaign = LocalAdLoad(), stage.campaign.guid
    Offer.update(active=False).where(Offer.id == stage.offers[1].id).execute()
    facts = driver.get_campaign(campaign)
    assert facts is not None
    assert (facts.title, facts.allowed, driver.get_campaign(new_id())) == ("Shoes", True, None)
    offers = [(offer.title, offer.active) for offer in driver.list_offers(campaign)]
    assert offers == [("Offer 0", True), ("Offer 1", False)]
    assert (driver.count_offers(campaign), driver.has_active_offers(campaign)) == (1, True)
    assert driver.list_offers(new_id()) == []


def test_the_totals_of_a_day_are_what_was_charged(stage: Stage) -> None:
    local(stage.click(0))
    local(stage.click(1, ip="198.51.100.1"))
    [total] = LocalAdLoad().daily_totals(now().date())
    assert (total.campaign, total.clicks, total.cost_micros) == (UUID(str(stage.campaign.guid)), 2, 100_000)
    assert "1 campaigns" in LocalAdLoad().probe()


def test_rates_are_refused_because_everything_is_in_one_currency(stage: Stage) -> None:
    with pytest.raises(Rejected):
        LocalAdLoad().get_rate("eur")
