"""The story of a click: from the signed link to money on both sides, with AdLoad behind real sockets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from config.clock import now
from config.ids import new_id
from core.ads import clicks as messages
from core.ads import pending_clicks
from core.ads.admission import admit
from core.ads.drivers import driver
from integrations.adload.http import HttpAdLoad
from integrations.adload.port import AdLoad
from models.ads import Campaign, Offer
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.ads.stage import SECOND, Stage, build, fault, local, outcomes, stored
from tests.integrations.adload.made import HASTY, PATIENT, http, xmlrpc
from worker.ads.clicks import clean_ip_blacklist, finish_pending_clicks, process_click, process_clicks

LATER = timedelta(minutes=3)
Make = Callable[..., AdLoad]


@pytest.fixture(params=["http", "xmlrpc"])
def adload(request: pytest.FixtureRequest, sandbox: Sandbox) -> AdLoad:
    if request.param == "http":
        return http(sandbox.adload_url)
    return xmlrpc(sandbox.adload_url)


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def patiently(settings_env: SettingsEnv, url: str) -> None:
    """Let the actors charge there, and take a machine that stands still for seconds for no sick AdLoad."""
    settings_env(ADLOAD_DRIVER="http", ADLOAD_URL=url, ADLOAD_TIMEOUT_MS="30000", ADLOAD_BATCH_TIMEOUT_MS="30000")
    charger = driver()
    assert isinstance(charger, HttpAdLoad)
    charger.client.timeout = (30.0, 30.0)


def five(stage: Stage) -> list[messages.ClickMessage]:
    return [stage.click(number, at=number * SECOND) for number in range(5)]


def offer_ending(stage: Stage, ending: str) -> messages.ClickMessage:
    """A click on an offer that the sandbox treats in a special way."""
    guid = UUID(f"11111111-0000-4000-8000-00000000{ending}")
    Offer.update(guid=guid).where(Offer.id == stage.offers[0].id).execute()
    return stage.click(0)


def test_check_1_five_clicks_of_one_ip_reach_adload_three_times(stage: Stage, sandbox: Sandbox, adload: AdLoad) -> None:
    clicks = five(stage)
    for click in clicks:
        admit([click], adload)
    assert outcomes(clicks) == ["done", "done", "done", "over_limit_day", "blacklisted"]
    assert [line["cost_micros"] for line in sandbox.ledger()] == [45_000] * 3
    assert [stored(click).advertiser_cost for click in clicks[:3]] == [45_000] * 3


def test_check_8_a_refused_click_is_one_error_with_its_payload_and_nothing_is_done(
    stage: Stage, sandbox: Sandbox, adload: AdLoad
) -> None:
    click = offer_ending(stage, "0000")
    admit([click], adload)
    assert outcomes([click])[0].endswith("+void")
    assert (fault(click).payload["click_id"], sandbox.ledger()) == (str(click.click_id), [])


def test_adload_charging_nothing_for_a_paid_click_is_a_fault(stage: Stage, sandbox: Sandbox, adload: AdLoad) -> None:
    click = offer_ending(stage, "0002")
    admit([click], adload)
    assert outcomes([click]) == ["error:adload_zero_cost+void"]


@pytest.mark.parametrize("fault", ["reset", "garbage", "hang", "commit_then_drop"])
def test_with_a_sick_adload_over_http_clicks_wait_and_each_is_charged_once_in_the_end(
    stage: Stage, sandbox: Sandbox, fault: str
) -> None:
    clicks = [stage.click(number, at=number * SECOND) for number in range(3)]
    sandbox.fault("adload", {"type": fault}, times=1)
    admit(clicks, http(sandbox.adload_url, **HASTY if fault == "hang" else PATIENT))
    assert outcomes(clicks) == ["pending"] * 3
    _finish_later(http(sandbox.adload_url))
    assert outcomes(clicks) == ["done"] * 3
    assert sorted(line["click_id"] for line in sandbox.ledger()) == sorted(str(click.click_id) for click in clicks)


@pytest.mark.parametrize("driver_of", [http, xmlrpc])
def test_check_18_without_idempotency_a_charge_whose_answer_got_lost_is_never_repeated(
    stage: Stage, sandbox: Sandbox, driver_of: Make
) -> None:
    more = {"idempotent": False} if driver_of is http else {}
    adload, click = driver_of(sandbox.adload_url, **more), stage.click()
    sandbox.fault("adload", {"type": "commit_then_drop"}, times=1)
    admit([click], adload)
    _finish_later(adload)
    assert outcomes([click]) == ["error:adload_unknown_outcome:unknown+void"]
    assert len(sandbox.ledger()) == 1


def _finish_later(adload: AdLoad) -> None:
    with time_machine.travel(now() + LATER, tick=True):
        pending_clicks.finish(adload)


def test_the_actors_run_a_click_from_message_to_money(
    stage: Stage, sandbox: Sandbox, settings_env: SettingsEnv
) -> None:
    patiently(settings_env, sandbox.adload_url)
    clicks = five(stage)
    process_click(click=messages.payload(clicks[0]))
    process_clicks(clicks=[messages.payload(click) for click in clicks[1:]])
    assert outcomes(clicks) == ["done", "done", "done", "over_limit_day", "blacklisted"]
    assert len(sandbox.ledger()) == 3
    assert clean_ip_blacklist() == 0


def test_the_sweeping_actor_charges_what_an_unreachable_adload_left(
    stage: Stage, sandbox: Sandbox, settings_env: SettingsEnv
) -> None:
    settings_env(ADLOAD_DRIVER="http", ADLOAD_URL="http://127.0.0.1:9")
    click = stage.click()
    process_click(click=messages.payload(click))
    assert outcomes([click]) == ["pending"]
    patiently(settings_env, sandbox.adload_url)
    with time_machine.travel(now() + LATER, tick=True):
        finish_pending_clicks()
    assert outcomes([click]) == ["done"]
    assert len(sandbox.ledger()) == 1


def test_a_campaign_known_to_adload_by_another_id_is_charged_under_that_id(stage: Stage, sandbox: Sandbox) -> None:
    outside = new_id()
    Campaign.update(adload_id=str(outside)).execute()
    admit([stage.click()], http(sandbox.adload_url))
    assert [line["campaign"] for line in sandbox.ledger()] == [str(outside)]


def test_the_local_driver_tells_the_same_story_without_any_socket(stage: Stage) -> None:
    clicks = five(stage)
    local(*clicks)
    assert outcomes(clicks) == ["done", "done", "done", "over_limit_day", "blacklisted"]
