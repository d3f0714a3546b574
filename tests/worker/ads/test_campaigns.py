"""The tasks of campaigns against an AdLoad behind a real socket, on both engines: what they change, send and tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
import time_machine
from structlog.testing import capture_logs

from config.clock import now
from config.ids import new_id
from core.ads import admission, campaign_care
from core.ads import campaigns as rules
from core.ads.drivers import driver
from integrations.errors import OutsideError
from models import campaigns as rows
from models import incidents
from models.ads import Campaign, ClickError, Offer
from models.database import execute, is_postgres
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.ads.stage import SECOND, Stage, build, offer, outcomes
from tests.worker.postroom import bound, sent, undelivered
from worker.ads import campaign_news, campaigns
from worker.broker import load_actors

DAY = timedelta(days=1)


@pytest.fixture
def stage(database: Any, sandbox: Sandbox, settings_env: SettingsEnv) -> Iterator[Stage]:
    """A stage whose AdLoad is the sandbox; messages stay in the outbox, because no broker takes them."""
    load_actors()
    address = {"ADLOAD_DRIVER": "http", "ADLOAD_URL": sandbox.adload_url, "ADLOAD_TIMEOUT_MS": "5000"}
    with bound(settings_env(**address, **undelivered())):
        yield build(offers=2)


def told() -> list[tuple[str, int, str]]:
    """Key, campaign and status of the events that wait."""
    events = [(message["key"], message["document"]["data"]) for message in sent("publish_event")]
    return [(key, data["campaign_id"], data["status"]) for key, data in events]


def known(sandbox: Sandbox, campaign: Campaign, *, active: bool = True, **facts: Any) -> None:
    """Tell the sandbox about a campaign and its offers."""
    listed = Offer.select().where(Offer.campaign == campaign)
    offers = [{"id": str(each.guid), "title": each.title, "active": active} for each in listed]
    sandbox.edit("adload", str(campaign.guid), title=campaign.title, offers=offers, **facts)


def visit(stage: Stage, count: int) -> list[Any]:
    made = [stage.click(ip=f"198.51.100.{number}", at=number * SECOND) for number in range(count)]
    admission.admit(made, driver())
    return made


def status() -> str:
    return str(Campaign.select().order_by(Campaign.id).first().status.value)


def test_check_8_three_refusals_in_15_minutes_refresh_a_campaign_once_and_without_offers_it_is_held(
    stage: Stage, sandbox: Sandbox
) -> None:
    known(sandbox, stage.campaign, active=False)
    assert outcomes(visit(stage, 3)) == ["error:adload_offer_inactive+void"] * 3
    assert ClickError.select().where(ClickError.payload.is_null()).count() == 0
    assert [campaigns.check_outdated_campaigns() for _ in range(3)] == [1, 1, 1]
    assert sent("refresh_campaign") == [{"campaign_id": stage.campaign.id}]
    campaigns.refresh_campaign(campaign_id=stage.campaign.id)
    assert (status(), told()) == ("hold", [("campaign.stop", stage.campaign.id, "hold")])
    campaigns.refresh_campaign(campaign_id=stage.campaign.id)
    assert (campaigns.check_outdated_campaigns(), len(told())) == (0, 1)


def test_check_8_two_refusals_are_not_enough_and_older_ones_do_not_count(stage: Stage, sandbox: Sandbox) -> None:
    known(sandbox, stage.campaign, stopped=True)
    visit(stage, 2)
    assert campaigns.check_outdated_campaigns() == 0
    with time_machine.travel(now() + timedelta(minutes=16), tick=False):
        assert campaigns.check_outdated_campaigns() == 0


@pytest.mark.parametrize(
    "fault",
    [{"type": "status", "status": 503}, {"type": "drop"}, {"type": "wrong_type"}],
    ids=["refuses", "hangs up", "talks nonsense"],
)  # fmt: skip
def test_check_8_an_adload_that_is_out_never_freezes_a_campaign(
    stage: Stage, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    known(sandbox, stage.campaign)
    sandbox.fault("adload", fault)
    assert outcomes(visit(stage, 6)) == ["pending"] * 6
    assert campaigns.check_outdated_campaigns() == 0
    with pytest.raises(OutsideError):
        campaigns.refresh_campaign(campaign_id=stage.campaign.id)
    assert campaigns.check_campaigns() == 0
    assert (status(), sent("refresh_campaign"), told()) == ("working", [], [])
    assert Offer.select().where(Offer.active).count() == 2


def test_a_refresh_that_changes_names_or_offers_is_told_and_one_that_changes_nothing_is_not(
    stage: Stage, sandbox: Sandbox
) -> None:
    known(sandbox, stage.campaign)
    sandbox.edit("adload", str(stage.campaign.guid), title="Boots")
    for _ in range(2):
        campaigns.refresh_campaign(campaign_id=stage.campaign.id)
    assert (Campaign.get().title, told()) == ("Boots", [("campaign.update", stage.campaign.id, "working")])


def test_a_refresh_that_dies_before_its_event_is_done_again_as_a_whole(
    stage: Stage, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(campaigns, "tell", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            campaigns.refresh_campaign(campaign_id=stage.campaign.id)
    assert status() == "working"
    campaigns.refresh_campaign(campaign_id=stage.campaign.id)
    assert (status(), told()) == ("stop", [("campaign.stop", stage.campaign.id, "stop")])


def test_a_round_sends_the_ended_campaigns_for_a_refresh_which_stops_or_holds_them(
    stage: Stage, sandbox: Sandbox
) -> None:
    idle = Campaign.create(guid=new_id(), title="Idle", status="working")
    offer(idle)
    fine = [Campaign.create(guid=new_id(), title=f"F {number}", status="working") for number in range(4)]
    for campaign in fine:
        offer(campaign)
        known(sandbox, campaign)
    known(sandbox, idle, active=False)
    assert (campaigns.check_campaigns(), campaigns.check_campaigns()) == (2, 2)
    assert sent("refresh_campaign") == [{"campaign_id": stage.campaign.id}, {"campaign_id": idle.id}]
    for message in sent("refresh_campaign"):
        campaigns.refresh_campaign(**message)
    found = [row.status.value for row in Campaign.select().order_by(Campaign.id)]
    assert found == ["stop", "hold", "working", "working", "working", "working"]
    assert told() == [("campaign.stop", stage.campaign.id, "stop"), ("campaign.stop", idle.id, "hold")]


def test_an_adload_that_has_forgotten_everything_stops_nothing_and_is_an_alarm(stage: Stage) -> None:
    for number in range(3):
        offer(Campaign.create(guid=new_id(), title=f"F {number}", status="working"))
    with capture_logs() as logged:
        assert campaigns.check_campaigns() == 0
    [alarm] = [line for line in logged if line["log_level"] == "error"]
    assert (alarm["event"], alarm["would_end"], alarm["answered"]) == ("campaign_check_not_believed", 4, 4)
    assert [row.kind for row in incidents.open_ones(10)] == ["campaign_check_not_believed"]
    assert sent("refresh_campaign") == []


def test_old_holds_end_and_each_is_told_in_the_transaction_that_ends_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    Campaign.update(status="hold", held_since=now() - 8 * DAY).execute()
    with monkeypatch.context() as broken:
        broken.setattr(campaigns, "tell", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            campaigns.stop_old_campaigns()
    assert (status(), told()) == ("hold", [])
    assert (campaigns.stop_old_campaigns(), campaigns.stop_old_campaigns()) == (1, 0)
    assert (status(), told()) == ("stop", [("campaign.stop", stage.campaign.id, "stop")])
    assert campaigns.deactivate_orphan_offers() == 0


def test_more_old_holds_than_one_batch_takes_end_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.campaign_care.BATCH", 2)
    for number in range(4):
        Campaign.create(guid=new_id(), title=f"C {number}", status="working")
    Campaign.update(status="hold", held_since=now() - campaign_care.HELD_FOR).execute()
    assert (campaigns.stop_old_campaigns(), len(told())) == (5, 5)


def test_offers_of_stopped_campaigns_are_deactivated(stage: Stage) -> None:
    Campaign.update(status="stop").execute()
    assert (campaigns.deactivate_orphan_offers(), campaigns.deactivate_orphan_offers()) == (2, 0)


def test_adload_is_told_whether_a_campaign_runs_here(stage: Stage, sandbox: Sandbox) -> None:
    known(sandbox, stage.campaign)
    guid = str(stage.campaign.guid)
    for change, running in ((campaign_news.stop, False), (campaign_news.restart, True), (campaign_news.hold, False)):
        row = rows.get(stage.campaign.id)
        assert row
        change(row, "anna", "a test")
        (message,) = sent("announce_campaign")
        campaign_news.announce_campaign(**message)
        execute("delete from " + ("outbox" if is_postgres() else "queue_message"))
        assert running_at_adload(sandbox, guid) is running


def test_a_campaign_that_changes_while_adload_is_told_is_told_again(stage: Stage) -> None:
    said: list[str] = []

    class Slow:
        def add_campaign(self, campaign: Any) -> None:
            said.append("runs")
            Campaign.update(status="hold").execute()

        def remove_campaign(self, campaign: Any) -> None:
            said.append("rests")

    rules.announce(stage.campaign.id, cast(Any, Slow()))
    assert said == ["runs", "rests"]


def running_at_adload(sandbox: Sandbox, guid: str) -> bool:
    """What AdLoad was told last."""
    calls = [line for line in sandbox.journal("adload") if line["path"].endswith(f"/{guid}/running")]
    return bool(calls[-1]["method"] == "PUT")
