"""Requests to Affise and people: what waits for them, what they agree to, and that it is exactly that."""

from __future__ import annotations

from typing import Any

import pytest

from core.domains import affise_planning, affise_requests, pipelines
from core.domains.persons import AlreadyChanged, Refused
from models import affise_requests as rows
from models import audit
from models.database import db, execute, fetch
from models.domain_states import SwitchRequestState as State
from tests.core.domains.yard import ANNA, read
from tests.integrations.platforms.made import offers
from tests.worker.domains.tenant import FIRST, A, B, C, Tenant, incidents
from worker.domains import affise_acts, steps

BACK = "https://back.example.test/"


def waiting(tenant: Tenant, **settings: Any) -> rows.Request:
    request = tenant.moved(**({"auto": False} | settings))
    assert request.status is State.AWAITING_APPROVAL
    return request


def buttons() -> list[tuple[str, str, str]]:
    return list(fetch("select action, object, expected from telegram_button order by action"))


@pytest.mark.parametrize(
    ("auto", "most", "status"), [(True, None, "done"), (True, 6, "done"), (True, 5, "awaiting_approval"),
                                 (False, None, "awaiting_approval")],
)  # fmt: skip
def test_a_request_approves_itself_up_to_the_limit_if_the_pipeline_allows_it(
    tenant: Tenant, auto: bool, most: int | None, status: str
) -> None:
    request = tenant.moved(auto=auto, most=most)
    assert (request.status, request.approved_by) == (status, "system" if status == "done" else None)
    assert (len(tenant.writes()), tenant.step()[2]) == (6 if status == "done" else 0, 6)


def test_what_waits_is_told_with_buttons_bound_to_the_items(tenant: Tenant) -> None:
    request = waiting(tenant)
    severity, words = incidents()["affise_approval"]
    assert (severity, words["happened"]) == ("warning", "Affise: 6 addresses of 3 offers wait for a person to agree")
    assert buttons() == [
        ("approve_affise", str(request.id), request.items_sha256), ("reject_affise", str(request.id), ""),
    ]  # fmt: skip


def test_an_approval_applies_exactly_what_was_looked_at_and_is_on_record(tenant: Tenant) -> None:
    request = waiting(tenant)
    with pytest.raises(AlreadyChanged):
        affise_acts.approve(request.id, ANNA, "0" * 64)
    assert affise_acts.approve(request.id, ANNA, request.items_sha256 or "").approved_by == "anna"
    with pytest.raises(AlreadyChanged):
        affise_acts.approve(request.id, ANNA, request.items_sha256 or "")
    tenant.work()
    assert (tenant.request().status, tenant.hosts(), tenant.step()) == ("done", {B: 6}, ("done", 6, 6))
    assert [row.action for row in audit.page(action="affise.approve")] == ["affise.approve"]
    assert "affise_approval" not in incidents()


def test_a_plan_that_changed_since_the_approval_waits_for_a_new_one(tenant: Tenant) -> None:
    request = waiting(tenant)
    tenant.sandbox.edit("affise", str(FIRST), url=f"https://{A}/other?c={{clickid}}")
    affise_acts.approve(request.id, ANNA, request.items_sha256 or "")
    tenant.work()
    again = tenant.request()
    assert (again.status, again.approved_by, tenant.writes()) == ("awaiting_approval", None, [])
    assert again.items_sha256 != request.items_sha256
    affise_acts.approve(request.id, ANNA, again.items_sha256 or "")
    tenant.work()
    assert (tenant.request().status, tenant.hosts()) == ("done", {B: 6})


def test_a_rejection_leaves_the_offers_and_ends_the_step(tenant: Tenant) -> None:
    request = waiting(tenant)
    affise_acts.reject(request.id, ANNA)
    tenant.work()
    assert (tenant.request().status, tenant.hosts(), tenant.step()[0]) == ("rejected", {A: 6}, "failed")
    assert "affise_approval" not in incidents()
    with pytest.raises(AlreadyChanged):
        affise_acts.approve(request.id, ANNA, request.items_sha256 or "")


def test_what_waits_longer_than_a_quarter_of_an_hour_for_a_blocked_domain_is_critical(tenant: Tenant) -> None:
    waiting(tenant)
    tenant.pass_time(840)
    assert incidents()["affise_approval"][0] == "warning"
    tenant.pass_time(120)
    severity, words = incidents()["affise_approval"]
    assert (severity, f"{A} is blocked" in words["happened"]) == ("critical", True)


def test_what_waits_for_a_domain_that_was_left_in_health_stays_quiet_and_expires_after_a_day(tenant: Tenant) -> None:
    tenant.add()
    tenant.pipeline(auto=False)
    tenant.switch(block=False)
    tenant.work()
    tenant.pass_time(3600, step=900)
    assert incidents()["affise_approval"][0] == "warning"
    tenant.pass_time(24 * 3600, step=7200)
    assert (tenant.request().status, tenant.step()[0], "affise_approval" in incidents()) == ("expired", "failed", False)
    assert tenant.writes() == []


def test_a_newer_switch_withdraws_what_waits(tenant: Tenant) -> None:
    request = waiting(tenant)
    tenant.switch()
    tenant.work()
    with pytest.raises(AlreadyChanged):
        affise_acts.approve(request.id, ANNA, request.items_sha256 or "")
    assert [one.id for one in rows.latest() if one.status is State.AWAITING_APPROVAL] == [tenant.request().id]


def test_a10_without_a_spare_a_person_must_agree_before_whole_addresses_are_replaced(tenant: Tenant) -> None:
    request = _exhausted(tenant)
    assert (request.whole_url, request.new, request.status) == (True, BACK, "awaiting_approval")
    assert (tenant.writes(), tenant.hosts(), tenant.statuses()) == ([], {A: 6}, ["planned"] * 3)
    affise_acts.approve(request.id, ANNA, request.items_sha256 or "")
    tenant.work()
    shown = {offer_id: raw["url"] for offer_id, raw in offers(tenant.sandbox).items() if offer_id >= FIRST}
    assert (set(shown.values()), tenant.step()) == ({BACK}, ("done", 3, 3))


def _exhausted(tenant: Tenant) -> rows.Request:
    tenant.add()
    tenant.pipeline(A, trafficback_url=BACK)
    tenant.switch()
    tenant.work()
    return tenant.request()


def test_a15_offers_of_an_exhausted_pipeline_get_their_addresses_back_with_the_next_domain(tenant: Tenant) -> None:
    request = _exhausted(tenant)
    before = {FIRST + n: f"https://{A}/c?x={FIRST + n}&clickid={{clickid}}" for n in range(3)}
    affise_acts.approve(request.id, ANNA, request.items_sha256 or "")
    tenant.work()
    with db.atomic():
        made = pipelines.extend("P", [B], ANNA)
        assert made is not None
        steps.follow(made)
    tenant.work()
    after = {offer_id: offers(tenant.sandbox)[offer_id]["url"] for offer_id in before}
    assert after == {offer_id: url.replace(A, B) for offer_id, url in before.items()}
    assert (read().active_domain, tenant.request().status, tenant.hosts()) == (B, "done", {B: 6})


def test_what_people_led_to_that_address_later_is_not_taken_for_ours(tenant: Tenant) -> None:
    request = _exhausted(tenant)
    affise_acts.approve(request.id, ANNA, request.items_sha256 or "")
    tenant.work()
    with db.atomic():
        made = pipelines.extend("P", [B, C], ANNA)
        assert made is not None
        steps.follow(made)
    tenant.work()
    tenant.sandbox.edit("affise", str(FIRST), url=BACK)
    tenant.switch()
    tenant.work()
    assert (offers(tenant.sandbox)[FIRST]["url"], tenant.request().status) == (BACK, "done")
    assert tenant.hosts() == {"back.example.test": 1, C: 5}


def test_what_is_only_named_elsewhere_is_reported_and_left_alone(tenant: Tenant) -> None:
    tenant.add(1)
    tenant.sandbox.edit("affise", str(FIRST), macro_url=f"https://x.example.test/?to=https%3A%2F%2F{A}%2Fx")
    tenant.pipeline()
    tenant.switch()
    tenant.work()
    assert f"offer {FIRST} macro_url" in incidents()["old_domain_named"][1]["left"]
    assert A in offers(tenant.sandbox)[FIRST]["macro_url"]


def test_addresses_that_no_database_holds_are_left_alone(tenant: Tenant) -> None:
    tenant.add()
    tenant.sandbox.edit("affise", str(FIRST), url=f"https://{A}/\0", title="A\0B")
    tenant.pipeline()
    tenant.switch()
    tenant.work()
    assert (tenant.request().status, tenant.hosts()) == ("done", {A: 1, B: 5})


def test_requests_that_are_not_there_or_elsewhere_are_refused_in_words(tenant: Tenant) -> None:
    request = tenant.moved(1)
    for act in (affise_acts.reject, affise_acts.retry):
        with pytest.raises(AlreadyChanged, match="is done, not"):
            act(request.id, ANNA)
    for unknown in ("x", "01936f2a-7c00-7000-8000-000000000001"):
        with pytest.raises(Refused, match="there is no"):
            affise_requests.get(unknown)
    execute("update affise_switch_request set status = 'partial'")
    with pytest.raises(Refused, match="nothing of"):
        affise_acts.retry(request.id, ANNA)


def test_no_number_of_items_lets_whole_addresses_approve_themselves(tenant: Tenant) -> None:
    request = _exhausted(tenant)
    assert not any(affise_planning.may_approve_itself(request, count) for count in (0, 1, 1000))


def test_without_an_account_the_request_waits_and_says_why(tenant: Tenant) -> None:
    tenant.use(None)
    tenant.moved()
    tenant.pass_time(60)
    assert [request.status for request in rows.latest()] == ["draft"]
    assert tenant.step()[0] == "pending"
