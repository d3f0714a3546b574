"""Campaigns that AdLoad has stopped without a word are noticed, and made what AdLoad says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from config.clock import now
from config.ids import new_id
from core.ads import campaigns
from core.ads.admission import admit
from core.ads.campaigns import Refreshed
from integrations.adload.http import HttpAdLoad
from integrations.adload.port import ChargeStatus, OutcomeCode
from integrations.errors import OutsideError
from models.ads import Campaign, Offer
from sandbox.server import Sandbox
from tests.core.ads.stage import SECOND, Answering, Stage, build


@pytest.fixture
def adload(sandbox: Sandbox) -> HttpAdLoad:
    return HttpAdLoad(sandbox.adload_url, "USD", seconds=10, batch_seconds=10)


@pytest.fixture
def stage(database: Any) -> Stage:
    return build(offers=2, guid=new_id())


def known(sandbox: Sandbox, stage: Stage, *, offers: list[dict[str, Any]], **facts: Any) -> None:
    """Tell the sandbox about the stage's campaign."""
    sandbox.edit("adload", str(stage.campaign.guid), title="New name", offers=offers, **facts)


def offer(guid: UUID, **more: Any) -> dict[str, Any]:
    return {"id": str(guid), "title": "Fresh", **more}


def refused(stage: Stage, code: OutcomeCode, count: int) -> None:
    clicks = [stage.click(ip=f"198.51.100.{number}", at=number * SECOND) for number in range(count)]
    admit(clicks, Answering(default=(ChargeStatus.REFUSED, code, 0)))


def refreshed(stage: Stage, adload: Any) -> Refreshed:
    return campaigns.apply(campaigns.ask(stage.campaign.id, adload))


@pytest.mark.parametrize(("errors", "found"), [(2, 0), (3, 1)])
def test_check_8_three_refusals_within_fifteen_minutes_make_a_campaign_outdated(
    stage: Stage, errors: int, found: int
) -> None:
    refused(stage, OutcomeCode.OFFER_INACTIVE, errors)
    assert campaigns.outdated(Answering()) == [stage.campaign.id] * found


def test_older_refusals_do_not_count(stage: Stage) -> None:
    refused(stage, OutcomeCode.OFFER_INACTIVE, 3)
    with time_machine.travel(now() + timedelta(minutes=16), tick=False):
        assert campaigns.outdated(Answering()) == []


def test_trouble_of_the_line_never_makes_a_campaign_outdated(stage: Stage) -> None:
    refused(stage, OutcomeCode.UNREACHABLE, 5)
    assert campaigns.outdated(Answering()) == []


def test_a_campaign_that_was_refreshed_lately_is_left_alone(stage: Stage) -> None:
    refused(stage, OutcomeCode.NO_FUNDS, 3)
    Campaign.update(synced_at=now() - timedelta(minutes=4)).execute()
    assert campaigns.outdated(Answering()) == []


def test_while_the_breaker_is_open_nothing_is_looked_at(stage: Stage) -> None:
    class Out(Answering):
        def breaker_open(self) -> bool:
            return True

    refused(stage, OutcomeCode.NO_FUNDS, 3)
    assert campaigns.outdated(Out()) is None


def test_check_8_a_campaign_without_active_offers_is_put_on_hold(
    stage: Stage, sandbox: Sandbox, adload: HttpAdLoad
) -> None:
    known(sandbox, stage, offers=[offer(stage.offers[0].guid, active=False)])
    assert refreshed(stage, adload) is Refreshed.HELD
    row = Campaign.get()
    assert (row.status, row.held_since is not None) == ("hold", True)


def test_check_8_a_campaign_is_untouched_while_adload_does_not_answer(
    stage: Stage, sandbox: Sandbox, adload: HttpAdLoad
) -> None:
    sandbox.fault("adload", {"type": "status", "status": 503})
    with pytest.raises(OutsideError):
        refreshed(stage, adload)
    assert (Campaign.get().status, Campaign.get().title) == ("working", "Shoes")


@pytest.mark.parametrize("known_to_adload", [True, False])
def test_a_campaign_that_adload_forbids_or_does_not_know_is_stopped(
    stage: Stage, sandbox: Sandbox, adload: HttpAdLoad, known_to_adload: bool
) -> None:
    if known_to_adload:
        known(sandbox, stage, offers=[offer(stage.offers[0].guid)], allowed=False)
    assert refreshed(stage, adload) is Refreshed.STOPPED
    assert Campaign.get().status == "stop"


def test_a_running_campaign_takes_over_names_and_offers_and_ends_those_that_are_gone(
    stage: Stage, sandbox: Sandbox, adload: HttpAdLoad
) -> None:
    known(sandbox, stage, offers=[offer(stage.offers[0].guid)])
    assert refreshed(stage, adload) is Refreshed.UPDATED
    row = Campaign.get()
    assert (row.title, row.status, row.synced_at is not None) == ("New name", "working", True)
    kept, gone = (Offer.get_by_id(each.id) for each in stage.offers)
    assert (kept.title, kept.active, gone.active) == ("Fresh", True, False)


@pytest.mark.parametrize("status", ["hold", "stop", "created"])
def test_a_campaign_that_does_not_run_here_is_left_alone(stage: Stage, status: str) -> None:
    Campaign.update(status=status).execute()
    assert refreshed(stage, Answering()) is Refreshed.NOT_RUNNING
