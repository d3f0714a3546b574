"""An edit that Affise refuses needs a person: it is told once and not tried again before something has changed."""

from __future__ import annotations

from typing import Any

import pytest

from core.domains.persons import Refused
from models import affise_items
from models.database import execute, fetch
from tests.core.domains.yard import ANNA
from tests.integrations.platforms.made import affise_at
from tests.worker.domains.tenant import FIRST, A, B, C, Tenant, incidents
from worker.domains import affise_acts
from worker.domains.drift import check_platform_domains

LOCKED = FIRST + 1


@pytest.fixture
def locked(tenant: Tenant) -> Tenant:
    """One of three offers cannot be edited."""
    body = '{"status":2,"error":"Offer is locked"}'
    match = {"method": "POST", "path": f"/3.0/admin/offer/{LOCKED}"}
    tenant.sandbox.fault("affise", {"type": "status", "status": 200, "body": body}, match=match)
    assert tenant.moved().status == "partial"
    return tenant


def unlock(tenant: Tenant) -> None:
    for fault in tenant.sandbox.control("GET", "faults")["faults"]:
        tenant.sandbox.control("DELETE", f"faults/{fault['id']}")


def day(tenant: Tenant, hours: int) -> None:
    """Time goes by with the look at the platforms every ten minutes."""
    for _ in range(hours * 6):
        tenant.wait(600, step=120)
        check_platform_domains()
        tenant.work()


def posts(tenant: Tenant) -> int:
    return sum(row["method"] == "POST" for row in tenant.sandbox.journal("affise"))


def told() -> tuple[int, int]:
    """How often the failure was told, and how many incidents of drift there are."""
    rows = fetch("select count from alert where kind = 'step_failed'")
    return rows[0][0], fetch("select count(*) from alert where kind = 'drift'")[0][0]


def test_what_stays_refused_is_tried_and_told_once_however_often_drift_is_looked_for(locked: Tenant) -> None:
    request, before, words = locked.request(), posts(locked), incidents()["step_failed"]
    day(locked, 6)
    assert (posts(locked), locked.request().id, told()) == (before, request.id, (1, 0))
    assert (locked.step(), incidents()["step_failed"]) == (("partial", 4, 6), words)
    assert fetch("select count(*) from audit_log where action = 'pipeline.reopen'") == [(0,)]
    assert check_platform_domains() == 2


def test_an_offer_that_somebody_edits_is_tried_again(locked: Tenant) -> None:
    before = posts(locked)
    unlock(locked)
    day(locked, 1)
    assert posts(locked) == before
    locked.sandbox.edit("affise", str(LOCKED), title="Unlocked", updated_at="2026-11-21 05:00:00")
    day(locked, 1)
    assert (locked.hosts(), locked.step()[0], locked.request().status) == ({B: 6}, "done", "done")
    assert "step_failed" not in incidents()


def test_another_drift_beside_it_is_mended_without_a_try_at_what_is_refused(locked: Tenant) -> None:
    before = posts(locked)
    locked.sandbox.edit("affise", str(FIRST), url=f"https://{A}/c?x=1")
    day(locked, 1)
    assert (posts(locked), locked.hosts()) == (before + 1, {A: 2, B: 4})
    assert sorted(locked.statuses()) == ["failed", "failed", "verified"]
    assert (locked.step(), told()[0]) == (("partial", 1, 3), 2)
    day(locked, 3)
    assert (posts(locked), told()[0]) == (before + 1, 2)


def test_another_target_is_tried(locked: Tenant) -> None:
    before = posts(locked)
    locked.switch()
    locked.work()
    assert locked.hosts() == {A: 2, C: 4}
    assert posts(locked) == before + 6
    day(locked, 2)
    assert posts(locked) == before + 6


def test_a_person_may_try_again_what_was_refused(locked: Tenant) -> None:
    before = posts(locked)
    affise_acts.retry(locked.request().id, ANNA)
    locked.work()
    assert (posts(locked), locked.request().created_by, locked.statuses()) == (before + 2, "anna", ["failed"] * 2)
    day(locked, 2)
    assert posts(locked) == before + 2
    unlock(locked)
    affise_acts.retry(locked.request().id, ANNA)
    locked.work()
    assert (locked.hosts(), locked.request().status) == ({B: 6}, "done")


def test_a_look_that_was_ordered_for_another_reason_leaves_the_step_as_it_was(locked: Tenant) -> None:
    request, before = locked.request(), posts(locked)
    execute("update switch_step set look_again_at = lease_until, state = 'pending' where step = 'affise'")
    locked.pass_time(60)
    assert (locked.request().id, posts(locked), locked.step()) == (request.id, before, ("partial", 4, 6))
    assert told() == (1, 0)


def test_a_request_whose_rest_is_in_conflict_has_nothing_to_be_tried_again(tenant: Tenant) -> None:
    tenant.add(2)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    tenant.sandbox.edit("affise", str(FIRST), url="https://stranger.example.test/")
    tenant.pass_time(60)
    assert tenant.request().status == "partial"
    with pytest.raises(Refused, match="nothing of"):
        affise_acts.retry(tenant.request().id, ANNA)


def test_what_was_refused_waits_neither_for_approval_nor_in_its_text(locked: Tenant) -> None:
    locked.sandbox.edit("affise", str(FIRST), url=f"https://{A}/c?x=1")
    execute("update tracking_domain_pipeline set affise_auto_approve = %s", (False,))
    day(locked, 1)
    request: Any = locked.request()
    assert request.status == "awaiting_approval"
    assert "1 addresses of 1 offers" in incidents()["affise_approval"][1]["happened"]
    affise_acts.approve(request.id, ANNA, request.items_sha256)
    locked.work()
    assert (locked.hosts(), locked.request().status) == ({A: 2, B: 4}, "partial")
    assert [item.attempts for item in affise_items.of(request.id)] == [1, 1, 1]


def test_a_slow_line_is_no_refusal(tenant: Tenant) -> None:
    tenant.use(affise_at(f"{tenant.sandbox.url}/affise", timeout=(2.0, 5.0)))
    tenant.sandbox.fault("affise", {"type": "status", "status": 503}, match={"method": "POST"}, times=8)
    tenant.moved(1)
    tenant.pass_time(600)
    assert (tenant.hosts(), tenant.request().status) == ({B: 2}, "done")
