"""Offers at Affise follow a switch: over several pages, byte by byte, through every kind of trouble of the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.domains import pauses
from models import affise_items, observations
from models.database import fetch
from tests.conftest import SettingsEnv
from tests.core.domains.yard import drafts, steps, switches
from tests.integrations.platforms.made import affise_at, offers
from tests.worker.domains.places import Open
from tests.worker.domains.tenant import FIRST, A, B, Tenant, incidents

WRITES, READS = {"method": "POST"}, {"method": "GET", "path": "/3.0/offer/*"}
ALL = {"path": "*"}


@pytest.fixture
def tenant(sqlite_database: Any, open_tenant: Open) -> Iterator[Tenant]:
    """On one engine: trouble of the line does not depend on it."""
    with open_tenant() as made:
        yield made


@pytest.fixture
def either(database: Any, open_tenant: Open) -> Iterator[Tenant]:
    with open_tenant() as made:
        yield made


def test_a12_of_250_offers_with_macros_only_the_hosts_of_two_urls_change(either: Tenant) -> None:
    tenant = either
    tenant.pipeline("c1.sandbox.test", "c2.sandbox.test", "new.sandbox.test")
    before = offers(tenant.sandbox)
    tenant.switch()
    tenant.switch()
    tenant.work()
    after = offers(tenant.sandbox)
    assert len(before) == len(after) == 250
    expected = {offer_id: _expected(row) for offer_id, row in before.items()}
    assert {offer_id: row | {"updated_at": ""} for offer_id, row in after.items()} == expected
    assert (tenant.request().status, set(tenant.statuses())) == ("done", {"verified"})
    total = len(tenant.statuses())
    assert (tenant.step(), len(tenant.writes()), total > 40) == (("done", total, total), total, True)
    assert {len(row["body"].split("&")) for row in tenant.sandbox.journal("affise") if row["method"] == "POST"} == {1}


def _expected(row: dict[str, Any]) -> dict[str, Any]:
    """Written without the code under test; suspended offers are left alone."""
    old = f"https://{row['tracking_domain']}/"
    ours = row["tracking_domain"] in ("c1.sandbox.test", "c2.sandbox.test") and row["status"] != "suspended"
    fields = ("url", "trafficback_url") if ours else ()
    return row | {name: row[name].replace(old, "https://new.sandbox.test/", 1) for name in fields} | {"updated_at": ""}


def test_a11_without_the_flag_no_request_exists_and_with_it_one_step_follows(tenant: Tenant) -> None:
    tenant.pipeline()
    assert tenant.switch()
    assert (steps(switches()[-1].id)["affise"], drafts()) == ("pending", [(A, B, "draft")])
    tenant.work()
    assert (tenant.step(), tenant.request().status, tenant.writes()) == (("done", 0, 0), "done", [])


def test_a_page_that_slips_while_it_is_read_hides_no_offer(tenant: Tenant) -> None:
    tenant.sandbox.edit("affise", "settings", drift=2, most_per_page=50)
    request = tenant.moved()
    assert (request.status, tenant.hosts()) == ("done", {B: 6})


def test_an_offer_that_leads_there_already_is_skipped_and_one_that_leads_elsewhere_is_never_overwritten(
    tenant: Tenant,
) -> None:
    tenant.add(2)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    planned = affise_items.of(tenant.request().id)
    tenant.sandbox.edit("affise", str(FIRST), url=planned[0].after)
    tenant.sandbox.edit("affise", str(FIRST + 1), url="https://stranger.example.test/")
    tenant.pass_time(60)
    assert tenant.statuses() == ["skipped", "verified", "conflict", "verified"]
    assert (tenant.request().status, tenant.step()) == ("partial", ("partial", 3, 4))
    assert offers(tenant.sandbox)[FIRST + 1]["url"] == "https://stranger.example.test/"
    severity, words = incidents()["step_failed"]
    assert (severity, f"offer {FIRST + 1} url" in words["left"]) == ("warning", True)


def test_a21_an_edit_whose_answer_is_lost_takes_effect_once(tenant: Tenant) -> None:
    tenant.sandbox.fault("affise", {"type": "commit_then_drop"}, match=WRITES, times=2)
    request = tenant.moved()
    assert (request.status, tenant.hosts()) == ("done", {B: 6})
    assert len(tenant.writes()) == len(set(tenant.writes())) == 6


def test_a21_what_a_stranger_edits_between_reading_and_writing_survives(tenant: Tenant) -> None:
    tenant.sandbox.edit("affise", str(FIRST), title="x")
    tenant.sandbox.edit_later("affise", str(FIRST), "between_get_and_put", title="By a stranger")
    request = tenant.moved(1)
    assert (request.status, offers(tenant.sandbox)[FIRST]["title"], tenant.hosts()) == ("done", "By a stranger", {B: 2})


@pytest.mark.parametrize(
    "action", [{"type": "status", "status": 502}, {"type": "drop"}, {"type": "garbage"}], ids=lambda one: one["type"]
)
def test_a_line_that_fails_for_a_while_delays_and_harms_nothing(tenant: Tenant, action: dict[str, Any]) -> None:
    tenant.sandbox.fault("affise", action, match=WRITES, times=2)
    tenant.sandbox.fault("affise", action, match=READS, after=3, times=2)
    tenant.moved()
    tenant.pass_time(240)
    assert (tenant.request().status, tenant.hosts(), tenant.step()) == ("done", {B: 6}, ("done", 6, 6))
    assert len(tenant.writes()) == len(set(tenant.writes())) == 6


def test_an_answer_that_never_comes_is_looked_up(tenant: Tenant) -> None:
    tenant.use(affise_at(f"{tenant.sandbox.url}/affise", timeout=(2.0, 0.3)))
    tenant.sandbox.fault("affise", {"type": "hang"}, match=WRITES, times=1)
    tenant.moved(1)
    tenant.pass_time(60)
    assert (tenant.request().status, tenant.hosts(), len(tenant.writes())) == ("done", {B: 2}, 2)


def test_being_asked_to_wait_costs_no_try_and_is_obeyed(tenant: Tenant) -> None:
    tenant.sandbox.fault("affise", {"type": "retry_after", "form": "seconds", "seconds": 90}, match=WRITES, times=1)
    tenant.moved(1)
    assert tenant.writes() == []
    tenant.wait(80)
    assert [item.attempts for item in affise_items.of(tenant.request().id) if item.attempts] == []
    calls = len(tenant.sandbox.journal("affise"))
    tenant.pass_time(60)
    assert (tenant.request().status, tenant.hosts(), calls < len(tenant.sandbox.journal("affise"))) == (
        "done", {B: 2}, True,
    )  # fmt: skip


def test_a19_after_half_an_hour_without_affise_the_offers_are_equal_within_a_minute(either: Tenant) -> None:
    tenant = either
    tenant.add()
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    fault = tenant.sandbox.fault("affise", {"type": "status", "status": 503}, match=ALL)
    tenant.pass_time(1800, step=15)
    assert (tenant.hosts(), tenant.step()[0], tenant.request().status) == ({A: 6}, "pending", "partial")
    assert "step_failed" in incidents()
    tenant.sandbox.control("DELETE", f"faults/{fault}")
    tenant.wait(60)
    assert (tenant.hosts(), tenant.step(), tenant.request().status) == ({B: 6}, ("done", 6, 6), "done")
    assert "step_failed" not in incidents()


def test_offers_that_cannot_be_listed_are_listed_later(tenant: Tenant) -> None:
    fault = tenant.sandbox.fault("affise", {"type": "status", "status": 503}, match=ALL)
    tenant.moved()
    tenant.pass_time(300)
    assert (tenant.request().status, tenant.step()[0]) == ("draft", "pending")
    tenant.sandbox.control("DELETE", f"faults/{fault}")
    tenant.wait(60)
    assert (tenant.request().status, tenant.hosts()) == ("done", {B: 6})


def test_switched_off_the_offers_wait_and_the_step_says_why(tenant: Tenant, settings_env: SettingsEnv) -> None:
    settings_env(AFFISE_ENABLED="false")
    tenant.use(None)
    tenant.moved()
    assert (tenant.request().status, tenant.step()[0]) == ("draft", "pending")
    errors = fetch("select last_error from switch_step where step = 'affise' and last_error is not null")
    assert errors == [("affise: switched off by AFFISE_ENABLED",)]
    settings_env(AFFISE_ENABLED="true")
    tenant.use(affise_at(f"{tenant.sandbox.url}/affise"))
    tenant.pass_time(120)
    assert (tenant.request().status, tenant.hosts()) == ("done", {B: 6})


def test_after_a_day_of_trouble_the_request_fails_loudly_and_nothing_is_called_any_more(tenant: Tenant) -> None:
    tenant.add(1)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    tenant.sandbox.fault("affise", {"type": "status", "status": 503}, match=ALL)
    tenant.pass_time(28 * 3600, step=7200)
    assert (tenant.request().status, tenant.step()[0], set(tenant.statuses())) == ("failed", "failed", {"failed"})
    assert incidents()["step_failed"][0] == "critical"
    calls = len(tenant.sandbox.journal("affise"))
    tenant.pass_time(600, step=60)
    assert len(tenant.sandbox.journal("affise")) == calls


def test_a_refused_key_pauses_the_service_with_one_alert_until_it_is_accepted(either: Tenant) -> None:
    tenant = either
    tenant.add()
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    tenant.sandbox.edit("affise", "settings", key="another")
    before = len(tenant.sandbox.journal("affise"))
    tenant.pass_time(1200, step=30)
    asked = len(tenant.sandbox.journal("affise")) - before
    assert (pauses.paused("affise"), incidents()["integration_paused"][0], asked <= 6) == (True, "critical", True)
    tenant.sandbox.edit("affise", "settings", key=None)
    tenant.pass_time(420, step=30)
    assert (pauses.paused("affise"), "integration_paused" in incidents()) == (False, False)
    assert (tenant.request().status, tenant.hosts()) == ("done", {B: 6})


def test_a_refused_edit_fails_alone_and_the_message_names_it(tenant: Tenant) -> None:
    match = {"method": "POST", "path": f"/3.0/admin/offer/{FIRST + 1}"}
    body = '{"status":2,"error":"Offer is locked"}'
    tenant.sandbox.fault("affise", {"type": "status", "status": 200, "body": body}, match=match)
    request = tenant.moved()
    assert (request.status, tenant.step(), tenant.hosts()) == ("partial", ("partial", 4, 6), {A: 2, B: 4})
    assert "Offer is locked" in incidents()["step_failed"][1]["left"]
    tenant.pass_time(120)
    assert len([row for row in tenant.sandbox.journal("affise") if row["method"] == "POST"]) == 6


def test_an_edit_with_other_effects_stops_the_rest_and_offers_the_way_back(tenant: Tenant) -> None:
    tenant.add()
    tenant.sandbox.edit_later("affise", str(FIRST), "between_put_and_get", landings=[])
    tenant.pipeline()
    tenant.switch()
    tenant.work()
    severity, words = incidents()["step_failed"]
    assert (severity, "landings" in words["left"], len(words["buttons"]), len(tenant.writes())) == (
        "critical", True, 1, 1,
    )  # fmt: skip
    assert (tenant.request().status, set(tenant.statuses())) == ("failed", {"failed"})


def test_what_was_read_is_noted_as_seen(either: Tenant) -> None:
    tenant = either
    tenant.add(1)
    tenant.pipeline()
    tenant.switch()
    for task, host in (("plan_affise_switch_request", A), ("", B)):
        tenant.desk.work(task) if task else tenant.pass_time(60)
        seen = {(one.object_id, one.field): one.domain for one in observations.of(["affise"])}
        assert seen == {(str(FIRST), name): host for name in ("url", "trafficback_url")}
