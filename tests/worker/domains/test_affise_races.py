"""Requests to Affise against newer switches, strangers' edits and workers that were frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from core.domains import affise_applying
from core.domains import steps as fence
from integrations.affise import Affise
from models import affise_items, affise_requests
from models.affise_requests import AT_WORK
from models.conflicts import transaction
from models.domain_states import Step
from tests.core.domains.yard import steps, switches
from tests.integrations.platforms.made import offers
from tests.worker.domains.tenant import FIRST, A, B, C, Tenant
from worker.domains.affise import apply_affise_switch_item, plan_affise_switch_request
from worker.domains.affise_news import follow
from worker.domains.steps import reopened
from worker.failures import Busy


class Slow:
    """A client whose process is frozen just before it writes, while something else happens."""

    def __init__(self, affise: Affise, meanwhile: Callable[[], None]) -> None:
        self._affise, self._meanwhile = affise, meanwhile

    def offer(self, offer_id: int) -> dict[str, Any]:
        return self._affise.offer(offer_id)

    def edit_offer(
        self, offer_id: int, changes: Mapping[str, str], *, before_write: Callable[[], None] = lambda: None
    ) -> None:
        before_write()
        self._meanwhile()
        self._affise.edit_offer(offer_id, changes)


def planned(tenant: Tenant) -> affise_items.Item:
    """A switch whose request for one offer is planned; its first item."""
    tenant.add(1)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    return affise_items.of(tenant.request().id)[0]


def test_a20_a_switch_during_another_leads_every_offer_to_the_last_domain(tenant: Tenant) -> None:
    tenant.add()
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    first = tenant.request()
    for item in affise_items.of(first.id)[:3]:
        apply_affise_switch_item(item.id)
    tenant.switch()
    tenant.work()
    assert (tenant.hosts(), tenant.step(), tenant.request().status) == ({C: 6}, ("done", 6, 6), "done")
    assert tenant.statuses(first).count("superseded") == 3
    assert (affise_requests.get(first.id).status, steps(switches()[1].id)["affise"]) == ("superseded", "superseded")  # type: ignore[union-attr]


def test_p7_a_worker_that_meets_a_newer_switch_right_before_its_write_writes_nothing(tenant: Tenant) -> None:
    tenant.add(1)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    assert tenant.affise is not None
    first, reading = tenant.request(), tenant.affise
    item = affise_items.of(first.id)[0]

    class Late(Slow):
        def offer(self, offer_id: int) -> dict[str, Any]:
            raw = reading.offer(offer_id)
            if tenant.request().old == A:
                tenant.switch()
            return raw

    tried = affise_applying.change(item.id, Late(reading, lambda: None))  # type: ignore[arg-type]
    assert tenant.writes() == []
    transaction(lambda: follow(affise_applying.keep(tried)))
    assert tenant.statuses(first) == ["superseded", "superseded"]
    tenant.work()
    assert (tenant.hosts(), tenant.step()) == ({C: 2}, ("done", 2, 2))


def test_p7_what_a_frozen_worker_writes_too_late_is_put_right_at_once(tenant: Tenant) -> None:
    item = planned(tenant)
    assert tenant.affise is not None

    def a_newer_switch_is_done() -> None:
        tenant.switch()
        tenant.wait(70)
        assert tenant.hosts() == {C: 2}

    tried = affise_applying.change(item.id, Slow(tenant.affise, a_newer_switch_is_done))  # type: ignore[arg-type]
    assert tenant.hosts() == {B: 1, C: 1}
    transaction(lambda: follow(affise_applying.keep(tried)))
    tenant.work()
    assert (tenant.hosts(), tenant.step()[0], tenant.request().status) == ({C: 2}, "done", "done")


def test_p7_what_a_frozen_worker_writes_under_a_newer_request_is_seen_when_that_is_through(tenant: Tenant) -> None:
    item = planned(tenant)
    assert tenant.affise is not None

    def a_newer_switch_is_under_way() -> None:
        tenant.switch()
        tenant.desk.pass_time(70, "plan_affise_switch_request")
        apply_affise_switch_item(affise_items.of(tenant.request().id)[0].id)
        assert tenant.hosts() == {C: 1, A: 1}

    tried = affise_applying.change(item.id, Slow(tenant.affise, a_newer_switch_is_under_way))  # type: ignore[arg-type]
    assert tenant.hosts() == {B: 1, A: 1}
    transaction(lambda: follow(affise_applying.keep(tried)))
    tenant.pass_time(60)
    assert (tenant.hosts(), tenant.step()[0], tenant.request().status) == ({C: 2}, "done", "done")


def test_a_newer_switch_waits_for_the_write_that_is_under_way(tenant: Tenant) -> None:
    item = planned(tenant)
    assert tenant.affise is not None

    def a_newer_switch_begins() -> None:
        tenant.switch()
        with pytest.raises(Busy):
            plan_affise_switch_request(str(tenant.request().id))

    tried = affise_applying.change(item.id, Slow(tenant.affise, a_newer_switch_begins))  # type: ignore[arg-type]
    transaction(lambda: follow(affise_applying.keep(tried)))
    tenant.pass_time(60)
    assert (tenant.hosts(), tenant.request().status) == ({C: 2}, "done")
    assert [offer for offer, _ in tenant.writes()] == [FIRST] * 3


def test_a_step_that_was_opened_again_plans_from_what_the_offers_say_now(tenant: Tenant) -> None:
    done = tenant.moved(1)
    tenant.sandbox.edit("affise", str(FIRST), url=f"https://{A}/by-a-stranger?x={{clickid}}")
    transaction(lambda: reopened(fence.reopen(done.pipeline_id, Step.AFFISE)))
    tenant.work()
    assert offers(tenant.sandbox)[FIRST]["url"] == f"https://{B}/by-a-stranger?x={{clickid}}"
    assert (tenant.request().id != done.id, tenant.request().status, tenant.step()) == (True, "done", ("done", 1, 1))


def test_a_newer_switch_without_offers_to_follow_leaves_nothing_to_try(tenant: Tenant) -> None:
    tenant.add(1)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    old = tenant.request()
    tenant.switch()
    apply_affise_switch_item(affise_items.of(old.id)[0].id)
    plan_affise_switch_request(str(old.id))
    assert (tenant.statuses(old), tenant.writes()) == (["superseded"] * 2, [])
    assert all(request.status not in AT_WORK for request in affise_requests.latest() if request.id == old.id)


def test_a_frozen_worker_whose_step_was_taken_by_another_changes_nothing_of_the_books(tenant: Tenant) -> None:
    item = planned(tenant)
    assert tenant.affise is not None

    def another_worker_does_it_all() -> None:
        tenant.pass_time(180)
        assert (tenant.request().status, tenant.step()) == ("done", ("done", 2, 2))

    tried = affise_applying.change(item.id, Slow(tenant.affise, another_worker_does_it_all))  # type: ignore[arg-type]
    transaction(lambda: follow(affise_applying.keep(tried)))
    tenant.work()
    assert (tenant.request().status, tenant.step(), tenant.hosts()) == ("done", ("done", 2, 2), {B: 2})
    assert tenant.statuses() == ["verified", "verified"]


def test_what_a_stranger_writes_over_our_edit_is_a_conflict_and_stays(tenant: Tenant) -> None:
    tenant.sandbox.edit("affise", str(FIRST), status="active")
    tenant.sandbox.edit_later("affise", str(FIRST), "between_put_and_get", url="https://stranger.example.test/")
    request = tenant.moved(1)
    assert (tenant.statuses(), request.status) == (["conflict", "verified"], "partial")
    assert offers(tenant.sandbox)[FIRST]["url"] == "https://stranger.example.test/"
