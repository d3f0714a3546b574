"""The commands about campaigns, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from models import audit
from models.ads import Campaign, Offer
from models.database import fetch
from models.envelope import decode
from sandbox.server import Sandbox
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.ads import stage
from tests.core.ads.stage import Stage


@pytest.fixture
def cli(embedded: Cli) -> Cli:
    """Where the events of a command can be read."""
    return embedded


@pytest.fixture
def here(cli: Cli) -> Stage:
    return stage.build(offers=2)


def events() -> list[tuple[str, str]]:
    """Key and status of the events that wait to be published."""
    messages = [decode(bytes(body)) for (body,) in fetch("select body from queue_message order by id")]
    told = [message["kwargs"] for message in messages if message["actor_name"] == "publish_event"]
    return [(body["key"], body["document"]["data"]["status"]) for body in told]


def test_the_list_tells_offers_status_and_the_errors_of_a_quarter_of_an_hour(here: Stage, cli: Cli) -> None:
    Offer.update(active=False).where(Offer.id == here.offers[0].id).execute()
    stage.local(here.click(0), here.click(0, ip="198.51.100.1"))
    [row] = cli.json("campaigns", "list")["items"]
    assert (row["id"], row["status"], row["offers"], row["errors"]) == (here.campaign.id, "working", 1, 2)
    assert cli.json("campaigns", "list", "--status", "hold")["items"] == []


def test_the_list_is_the_same_on_both_engines(database: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = stage.build(offers=3)
    stage.local(made.click(), made.click(2, ip="198.51.100.1"))
    Campaign.update(status="hold").execute()
    stage.local(made.click(1, ip="198.51.100.2"))
    told = Cli(capsys)
    [row] = told.json("campaigns", "list")["items"]
    assert (row["offers"], row["errors"], row["held_since"]) == (3, 1, None)
    shown = told.json("campaigns", "show", str(made.campaign.id))
    assert shown["errors_by_code"] == {"adload_campaign_stopped": 1}
    assert [offer["active"] for offer in shown["offer_list"]] == [True, True, True]


def test_an_unknown_status_or_campaign_is_refused_with_what_there_is(here: Stage, cli: Cli) -> None:
    assert cli("campaigns", "list", "--status", "gone") == 2
    assert "working" in cli.err
    assert cli("campaigns", "show", "999") == 1
    assert "campaigns list" in cli.err


def test_a_hold_is_asked_for_recorded_and_told(here: Stage, cli: Cli) -> None:
    number = str(here.campaign.id)
    assert cli("campaigns", "hold", number, "--reason", "wrong page") == 2
    assert Campaign.get().status == "working"
    document = cli.json("campaigns", "hold", number, "--reason", "wrong page", "--yes")
    assert (document["before"], document["result"], Campaign.get().status) == ("working", "put on hold", "hold")
    [row] = audit.page(object=f"campaign:{number}")
    assert (row.action, row.reason, row.before, row.after) == (
        "campaign.hold", "wrong page", {"status": "working"}, {"status": "hold"},
    )  # fmt: skip
    assert events() == [("campaign.stop", "hold")]


@pytest.mark.parametrize("verb", ["hold", "stop"])
def test_a_reason_is_needed(here: Stage, cli: Cli, verb: str) -> None:
    assert cli("campaigns", verb, str(here.campaign.id), "--yes") == 2
    assert cli("campaigns", verb, str(here.campaign.id), "--yes", "--reason", " ") == 2
    assert Campaign.get().status == "working"


@pytest.mark.parametrize(("verb", "result"), [("hold", "put on hold"), ("stop", "stopped"), ("refresh", "updated")])
def test_a_dry_run_changes_nothing(here: Stage, cli: Cli, verb: str, result: str) -> None:
    document = cli.json("campaigns", verb, str(here.campaign.id), "--reason", "try", "--dry-run")
    assert (document["result"], document["done"], Campaign.get().status) == (result, False, "working")
    assert (events(), audit.page()) == ([], [])


def test_a_stopped_campaign_is_started_again_with_its_offers(here: Stage, cli: Cli) -> None:
    number = str(here.campaign.id)
    assert cli("campaigns", "stop", number, "--reason", "ended", "--yes") == 0
    assert cli("run", "deactivate_orphan_offers") == 0
    assert Offer.select().where(Offer.active).count() == 0
    assert cli.json("campaigns", "restart", number, "--dry-run")["result"] == "restarted"
    assert cli("campaigns", "restart", number, "--yes") == 0
    assert (Campaign.get().status, Offer.select().where(Offer.active).count()) == ("working", 2)
    assert events() == [("campaign.stop", "stop"), ("campaign.start", "working")]
    assert cli("campaigns", "restart", number, "--yes") == 1
    assert "working" in cli.err


def test_adload_is_asked_by_hand_over_the_line(here: Stage, cli: Cli, settings_env: SettingsEnv) -> None:
    number = str(here.campaign.id)
    with Sandbox() as sandbox:
        settings_env(ADLOAD_DRIVER="http", ADLOAD_URL=sandbox.adload_url)
        assert cli.json("campaigns", "refresh", number, "--dry-run")["result"] == "stopped"
        sandbox.fault("adload", {"type": "status", "status": 503})
        assert cli("campaigns", "refresh", number) == 5
        assert Campaign.get().status == "working"
        sandbox.reset()
        assert cli.json("campaigns", "refresh", number)["result"] == "stopped"
        assert cli("campaigns", "restart", number, "--yes") == 1
        assert "does not know" in cli.err
