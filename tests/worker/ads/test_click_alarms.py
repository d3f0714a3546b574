"""What clicks show that is wrong with AdLoad or a price reaches people: once, and until the day is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker

from config.clock import now
from core.ads import clicks as messages
from integrations.adload.port import CampaignTotal, ChargeStatus, OutcomeCode
from models import incidents
from models.ads import ClickPrice, PriceKind
from tests.core.ads.stage import SECOND, Answering, Stage, build
from worker.ads import click_alarms, clicks, reconciliation
from worker.ads.dead_letters import report_dead_letters


@pytest.fixture
def stage(database: Any, stub_broker: StubBroker, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(click_alarms, "_told", {})
    return build()


def process(stage: Stage, monkeypatch: pytest.MonkeyPatch, adload: Any, *offers: int) -> None:
    """One message for each of these offers, charged by this AdLoad."""
    monkeypatch.setattr(clicks, "driver", lambda: adload)
    for number in offers:
        clicks.process_click(click=messages.payload(stage.click(number, at=number * SECOND)))


def told() -> list[tuple[str, str, int]]:
    return [(row.kind, str(row.payload["object"]), row.count) for row in incidents.open_ones(10)]


@pytest.mark.parametrize("code", [OutcomeCode.BAD_REQUEST, OutcomeCode.BAD_REPLY])
def test_a_fault_between_adload_and_us_is_one_incident_however_many_clicks_show_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, code: OutcomeCode
) -> None:
    process(stage, monkeypatch, Answering(default=(ChargeStatus.REFUSED, code, 0)), 0, 1, 2)
    assert told() == [(code.value, "AdLoad", 1)]
    click_alarms._told.clear()
    process(stage, monkeypatch, Answering(default=(ChargeStatus.REFUSED, code, 0)), 3)
    assert told() == [(code.value, "AdLoad", 2)]


def test_refusals_that_are_business_as_usual_alarm_nobody(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    process(stage, monkeypatch, Answering(default=(ChargeStatus.REFUSED, OutcomeCode.NO_FUNDS, 0)), 0, 1)
    assert told() == []


def test_a_floor_above_the_cap_is_an_incident_and_the_click_pays_the_floor(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = {"kind": PriceKind.FLOATING, "percent_bp": 5700, "floor_cost": 90_000, "cap_cost": 60_000}
    ClickPrice.update(price).execute()
    process(stage, monkeypatch, Answering(), 0)
    assert told() == [("price_floor_above_cap", "prices", 1)]


def test_an_alarm_ends_with_the_day_on_which_it_was_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    process(stage, monkeypatch, Answering(default=(ChargeStatus.REFUSED, OutcomeCode.BAD_REQUEST, 0)), 0)
    report_dead_letters()
    assert [kind for kind, *_ in told()] == ["adload_bad_request"]
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        report_dead_letters()
    assert told() == []


class Sums(Answering):
    """An AdLoad that has charged three clicks of one campaign on each day."""

    def daily_totals(self, day: Any) -> list[CampaignTotal]:
        return [CampaignTotal(self.campaign, 3, 150_000)]

    campaign: Any = None


def test_days_on_which_adload_charged_otherwise_are_an_incident_until_the_next_comparison(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    adload = Sums()
    adload.campaign = stage.campaign.guid
    monkeypatch.setattr(reconciliation, "driver", lambda: adload)
    reconciliation.reconcile_adload()
    [incident] = incidents.open_ones(10)
    assert (incident.kind, incident.payload["evidence"]) == (
        "adload_totals_differ",
        [f"campaign {stage.campaign.id}"],
    )
    monkeypatch.setattr(adload, "daily_totals", lambda day: [])
    reconciliation.reconcile_adload()
    assert told() == []
