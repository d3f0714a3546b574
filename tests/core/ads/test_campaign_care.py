"""The rounds over all campaigns: what AdLoad no longer runs, what ended by waiting, whose offers are left over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from config.ids import new_id
from core.ads import campaign_care, campaigns
from core.ads.campaigns import NotAllowed, Refreshed
from core.ads.local_adload import LocalAdLoad
from integrations.adload.http import HttpAdLoad
from models import campaign_care as rows
from models import campaigns as stored
from models import link_version
from models.ads import Campaign, CampaignStatus, Offer
from models.campaign_care import NothingToShow
from models.database import db
from sandbox.server import Sandbox
from tests.core.ads.stage import Stage, build, offer

DAY = timedelta(days=1)


@pytest.fixture
def adload(sandbox: Sandbox) -> HttpAdLoad:
    return HttpAdLoad(sandbox.adload_url, "USD", seconds=10, batch_seconds=10)


@pytest.fixture
def stage(database: Any) -> Stage:
    return build(offers=2)


def more_campaigns(count: int) -> list[Campaign]:
    made = [Campaign.create(guid=new_id(), title=f"C {number}", status="working") for number in range(count)]
    for campaign in made:
        offer(campaign)
    return made


def known(sandbox: Sandbox, *found: Campaign, active: bool = True) -> None:
    """Tell the sandbox about campaigns and their offers."""
    for campaign in found:
        listed = Offer.select().where(Offer.campaign == campaign)
        offers = [{"id": str(each.guid), "title": each.title, "active": active} for each in listed]
        sandbox.edit("adload", str(campaign.guid), title=campaign.title, offers=offers)


def active_offers() -> int:
    return int(Offer.select().where(Offer.active).count())


def test_a_round_finds_campaigns_that_adload_does_not_know_and_those_without_active_offers(
    stage: Stage, sandbox: Sandbox, adload: HttpAdLoad
) -> None:
    fine, idle = more_campaigns(2)
    known(sandbox, fine)
    known(sandbox, idle, active=False)
    checked = campaign_care.check(adload)
    assert checked == campaign_care.Checked(3, 3, [stage.campaign.id, idle.id])


def test_campaigns_that_do_not_work_here_are_not_asked_about(stage: Stage, adload: HttpAdLoad) -> None:
    Campaign.update(status="hold").execute()
    assert campaign_care.check(adload) == campaign_care.Checked(0, 0, [])


def test_a_campaign_that_adload_gives_no_answer_about_is_left_alone(
    stage: Stage, sandbox: Sandbox, adload: HttpAdLoad
) -> None:
    sandbox.fault("adload", {"type": "status", "status": 503})
    checked = campaign_care.check(adload)
    assert checked is not None
    assert (checked.ended, checked.unanswered) == ([], 1)


def test_an_open_breaker_ends_the_round(stage: Stage, sandbox: Sandbox, adload: HttpAdLoad) -> None:
    more_campaigns(30)
    sandbox.fault("adload", {"type": "status", "status": 503})
    checked = campaign_care.check(adload)
    assert checked is not None
    assert (checked.answered, checked.ended, checked.believed) == (0, [], True)
    assert adload.breaker_open()
    assert campaign_care.check(adload) is None


@pytest.mark.parametrize(("ended", "believed"), [(2, True), (3, False)])
def test_an_adload_that_would_end_more_than_a_third_is_not_believed(
    stage: Stage, sandbox: Sandbox, adload: HttpAdLoad, ended: int, believed: bool
) -> None:
    made = [stage.campaign, *more_campaigns(4)]
    known(sandbox, *made[ended:])
    checked = campaign_care.check(adload)
    assert checked is not None
    assert (len(checked.ended), checked.believed) == (ended, believed)


def test_an_adload_that_ends_exactly_a_third_is_believed(stage: Stage, sandbox: Sandbox, adload: HttpAdLoad) -> None:
    made = [stage.campaign, *more_campaigns(8)]
    known(sandbox, *made[3:])
    checked = campaign_care.check(adload)
    assert checked is not None
    assert (len(checked.ended), checked.believed) == (3, True)


def test_with_our_own_tables_a_round_is_one_look_at_the_offers(stage: Stage) -> None:
    more_campaigns(5)
    Offer.update(active=False).where(Offer.campaign == stage.campaign).execute()
    assert campaign_care.check(LocalAdLoad()) == campaign_care.Checked(6, 6, [stage.campaign.id])


@pytest.mark.parametrize(("held_for", "ended"), [(timedelta(days=7), 1), (timedelta(days=6, hours=23), 0)])
def test_a_campaign_on_hold_for_a_week_is_stopped_with_its_offers(
    stage: Stage, held_for: timedelta, ended: int
) -> None:
    Campaign.update(status="hold", held_since=now() - held_for, settings={"utm": True}).execute()
    before = link_version.current()
    with db.atomic():
        found = campaign_care.end_held()
    assert [campaign.id for campaign in found] == [stage.campaign.id] * ended
    assert (Campaign.get().status, active_offers()) == (("stop", 0) if ended else ("hold", 2))
    assert Campaign.get().settings["utm"] is True
    assert (link_version.current() > before) == bool(ended)
    with db.atomic():
        assert campaign_care.end_held() == []


def test_a_hold_of_unknown_age_begins_to_count_now(stage: Stage) -> None:
    Campaign.update(status="hold").execute()
    with db.atomic():
        assert campaign_care.end_held() == []
    with time_machine.travel(now() + 8 * DAY, tick=False), db.atomic():
        assert len(campaign_care.end_held()) == 1


def test_a_restart_brings_back_the_settings_and_exactly_the_offers_that_were_active(stage: Stage) -> None:
    offer(stage.campaign, active=False)
    settings = {"utm": True, "price": {"a": 70_000}}
    Campaign.update(status="hold", held_since=now() - 8 * DAY, settings=settings).execute()
    with db.atomic():
        campaign_care.end_held()
    adload = LocalAdLoad()
    word = campaigns.ask_for_restart(stored.get(stage.campaign.id), adload)  # type: ignore[arg-type]
    assert campaigns.restart(word, adload) is Refreshed.RESTARTED
    row = Campaign.get()
    assert (row.status, row.held_since, row.settings) == ("working", None, settings)
    active = Offer.select().where(Offer.active).order_by(Offer.id)
    assert [each.id for each in active] == [each.id for each in stage.offers]
    assert campaigns.restart(word, adload) is Refreshed.NOT_RUNNING


def test_offers_of_an_ended_campaign_are_deactivated_and_remembered_over_several_rounds(stage: Stage) -> None:
    Campaign.update(status="stop").execute()
    assert campaign_care.retire_orphans() == 2
    late = offer(stage.campaign)
    assert (campaign_care.retire_orphans(), campaign_care.retire_orphans()) == (1, 0)
    assert Campaign.get().settings[rows.REMEMBERED] == [*(each.id for each in stage.offers), late.id]


def test_offers_of_running_and_held_campaigns_stay(stage: Stage) -> None:
    held, *_ = more_campaigns(2)
    Campaign.update(status="hold").where(Campaign.id == held.id).execute()
    assert (campaign_care.retire_orphans(), active_offers()) == (0, 4)


def test_a_round_dies_between_stop_and_offers_and_the_next_one_finishes_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    Campaign.update(status="hold", held_since=now() - 8 * DAY).execute()
    with monkeypatch.context() as broken:
        broken.setattr(rows, "retire_offers", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError), db.atomic():
            campaign_care.end_held()
    assert (Campaign.get().status, active_offers()) == ("hold", 2)
    with db.atomic():
        campaign_care.end_held()
    assert (Campaign.get().status, active_offers()) == ("stop", 0)


def test_a_restart_takes_the_offers_that_adload_lists(stage: Stage, sandbox: Sandbox, adload: HttpAdLoad) -> None:
    Campaign.update(status="stop").execute()
    campaign_care.retire_orphans()
    first = stage.offers[0]
    sandbox.edit("adload", str(stage.campaign.guid), title="x", offers=[{"id": str(first.guid), "title": "Fresh"}])
    campaign = stored.get(stage.campaign.id)
    assert campaign is not None
    assert campaigns.restart(campaigns.ask_for_restart(campaign, adload), adload) is Refreshed.RESTARTED
    assert [each.id for each in Offer.select().where(Offer.active)] == [first.id]


def test_a_restart_is_refused_when_adload_forbids_it_or_does_not_know_the_campaign(
    stage: Stage, sandbox: Sandbox, adload: HttpAdLoad
) -> None:
    Campaign.update(status="stop").execute()
    campaign = stored.get(stage.campaign.id)
    assert campaign is not None
    with pytest.raises(NotAllowed, match="not know"):
        campaigns.ask_for_restart(campaign, adload)
    sandbox.edit("adload", str(stage.campaign.guid), title="x", allowed=False)
    with pytest.raises(NotAllowed, match="forbids"):
        campaigns.ask_for_restart(campaign, adload)


def test_a_restart_without_active_offers_changes_nothing(stage: Stage) -> None:
    Campaign.update(status="stop", settings={"a": 1}).execute()
    Offer.update(active=False).execute()
    campaign = stored.get(stage.campaign.id)
    assert campaign is not None
    adload = LocalAdLoad()
    with pytest.raises(NothingToShow):
        campaigns.restart(campaigns.ask_for_restart(campaign, adload), adload)
    assert (Campaign.get().status, active_offers(), Campaign.get().settings) == ("stop", 0, {"a": 1})


@pytest.mark.parametrize("status", list(CampaignStatus))
def test_a_stop_follows_the_moves_of_a_campaign(stage: Stage, status: CampaignStatus) -> None:
    Campaign.update(status=status).execute()
    assert stored.stop(stage.campaign.id) == (CampaignStatus.STOP in Campaign.MOVES[status])


def test_a_campaign_whose_foreign_id_is_no_uuid_goes_by_its_own(stage: Stage) -> None:
    Campaign.update(adload_id="K-17").execute()
    found = stored.get(stage.campaign.id)
    assert found is not None
    assert found.outside_id == stage.campaign.guid
    assert campaigns.ask(stage.campaign.id, LocalAdLoad()).verdict is Refreshed.UPDATED
