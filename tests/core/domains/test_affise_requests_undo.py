"""Taking requests to Affise back, trying again what failed, and P9 by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domains import steps
from core.domains.persons import AlreadyChanged, Refused
from models.conflicts import transaction
from models.database import execute
from models.domain_states import Step
from tests.core.domains.yard import ANNA
from tests.integrations.platforms.made import offers
from tests.search import examples
from tests.worker.domains.tenant import FIRST, A, B, Tenant
from worker.domains import affise_acts
from worker.domains.steps import reopened

FIELDS = ("url", "trafficback_url")
MATCH = {"method": "POST", "path": f"/3.0/admin/offer/{FIRST}"}


def ours(tenant: Tenant) -> dict[int, dict[str, Any]]:
    """Our offers without the time of their last edit."""
    found = offers(tenant.sandbox).items()
    return {offer_id: raw | {"updated_at": ""} for offer_id, raw in found if offer_id >= FIRST}


def test_a_rollback_restores_what_was_written_and_nothing_moves_it_again(tenant: Tenant) -> None:
    tenant.add()
    before = ours(tenant)
    request = tenant.moved()
    undo = affise_acts.rollback(request.id, ANNA)
    with pytest.raises(AlreadyChanged):
        affise_acts.rollback(request.id, ANNA)
    tenant.work()
    assert (ours(tenant), undo.undo_of) == (before, request.id)
    assert (tenant.statuses(request), tenant.step()[0]) == (["rolled_back"] * 6, "partial")
    reopen(tenant)
    assert (ours(tenant), tenant.request().id, tenant.step()[0]) == (before, undo.id, "partial")


def reopen(tenant: Tenant) -> None:
    """As the look at the platforms does that finds a former domain."""
    transaction(lambda: reopened(steps.reopen(tenant.request().pipeline_id, Step.AFFISE)))
    tenant.work()


def test_what_was_refused_is_not_planned_again_by_itself(tenant: Tenant) -> None:
    request = tenant.moved(1, auto=False)
    affise_acts.reject(request.id, ANNA)
    tenant.work()
    reopen(tenant)
    assert (tenant.request().id, tenant.request().status, tenant.step()[0]) == (request.id, "rejected", "failed")
    assert tenant.hosts() == {A: 2}


def test_a_rollback_itself_cannot_be_rolled_back_or_retried(tenant: Tenant) -> None:
    request = tenant.moved(1)
    undo = affise_acts.rollback(request.id, ANNA)
    tenant.work()
    for act in (affise_acts.rollback, affise_acts.retry):
        with pytest.raises(Refused):
            act(undo.id, ANNA)


def test_after_a_newer_switch_an_older_request_is_not_rolled_back(tenant: Tenant) -> None:
    request = tenant.moved(1)
    tenant.switch()
    with pytest.raises(AlreadyChanged):
        affise_acts.rollback(request.id, ANNA)


def test_a_retry_tries_only_what_failed_for_a_passing_cause(tenant: Tenant) -> None:
    tenant.sandbox.edit_later("affise", str(FIRST + 1), "between_put_and_get", landings=[])
    request = tenant.moved()
    assert tenant.statuses() == ["verified", "verified", "failed", "failed", "failed", "failed"]
    assert (request.status, tenant.step()[0]) == ("partial", "partial")
    assert affise_acts.retry(request.id, ANNA).status == "applying"
    tenant.work()
    assert tenant.statuses() == ["verified", "verified", "failed", "verified", "verified", "verified"]
    assert (tenant.request().status, tenant.step(), tenant.hosts()) == ("partial", ("partial", 5, 6), {B: 6})


def test_a_request_that_failed_altogether_is_planned_anew_on_a_retry(tenant: Tenant) -> None:
    locked = '{"status":2,"error":"Offer is locked"}'
    lock = tenant.sandbox.fault("affise", {"type": "status", "status": 200, "body": locked}, match=MATCH)
    request = tenant.moved(1)
    assert (request.status, tenant.hosts()) == ("failed", {A: 2})
    tenant.sandbox.control("DELETE", f"faults/{lock}")
    again = affise_acts.retry(request.id, ANNA)
    tenant.work()
    assert (again.id != request.id, tenant.request().status, tenant.hosts()) == (True, "done", {B: 2})


EDITS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from([*FIELDS, "title", "macro_url"]),
        st.sampled_from(["https://stranger.example.test/{clickid}", "", f"https://{B}/c?a=1&b=%7B", "ÄÖ {pid}"]),
    ),
    max_size=4,
)  # fmt: skip


@given(edits=EDITS)
@settings(
    max_examples=examples(100, 8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.search
def test_p9_a_rollback_restores_every_field_that_nobody_else_touched(
    tenant: Tenant, edits: list[tuple[int, str, str]]
) -> None:
    _begin(tenant)
    before = ours(tenant)
    tenant.switch()
    tenant.work()
    for number, name, text in edits:
        tenant.sandbox.edit("affise", str(FIRST + number), **{name: text})
    touched = {(FIRST + number, name): text for number, name, text in edits}
    affise_acts.rollback(tenant.request().id, ANNA)
    tenant.pass_time(60)
    wanted = {
        offer_id: {name: touched.get((offer_id, name), value) for name, value in raw.items()}
        for offer_id, raw in before.items()
    }
    assert ours(tenant) == wanted


def _begin(tenant: Tenant) -> None:
    """A new pipeline and untouched offers for each example."""
    tenant.sandbox.reset()
    tenant.desk.lose()
    for table in ("platform_observation", "affise_switch_item"):
        execute("delete from " + table)
    execute("update affise_switch_request set undo_of = null")
    for table in ("affise_switch_request", "switch_step", "domain_switch", "pipeline_domain"):
        execute("delete from " + table)
    execute("delete from tracking_domain_pipeline")
    tenant.add()
    tenant.pipeline()
