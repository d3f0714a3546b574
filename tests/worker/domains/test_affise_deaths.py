"""Requests to Affise when messages come twice, workers work side by side, or die at any line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.domains import affise_planning
from models import affise_items
from models.database import fetch
from models.domain_states import Step
from tests.together import together
from tests.worker.domains.tenant import A, B, Tenant
from worker.domains.affise import apply_affise_switch_item, plan_affise_switch_request
from worker.domains.steps import claimed


def test_every_message_twice_and_out_of_order_leaves_what_once_leaves(tenant: Tenant) -> None:
    tenant.add()
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    request = tenant.request()
    for item in reversed(affise_items.of(request.id) * 2):
        apply_affise_switch_item(item.id)
        plan_affise_switch_request(str(request.id))
    tenant.work()
    assert (tenant.hosts(), tenant.request().status, tenant.step()) == ({B: 6}, "done", ("done", 6, 6))
    assert len(tenant.writes()) == 6


def test_two_workers_at_once_write_each_address_once(tenant: Tenant) -> None:
    tenant.add(2)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    request = tenant.request()
    numbers = [item.id for item in affise_items.of(request.id)]

    def worker() -> None:
        for number in numbers:
            apply_affise_switch_item(number)

    together(*[worker] * 3)
    tenant.pass_time(120)
    assert (tenant.hosts(), tenant.request().status, tenant.step()) == ({B: 4}, "done", ("done", 4, 4))
    assert len(tenant.writes()) == 4


def test_a_success_ends_a_row_of_failures(tenant: Tenant) -> None:
    tenant.sandbox.fault("affise", {"type": "status", "status": 502}, match={"method": "POST"}, times=1)
    tenant.add(1)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    found = []
    for item in affise_items.of(tenant.request().id):
        apply_affise_switch_item(item.id)
        found.append(fetch("select max(tries) from switch_step where step = 'affise'")[0][0])
        tenant.desk.pass_time(5, "nothing")
    assert (found, tenant.hosts()) == ([1, 0], {A: 1, B: 1})


def planned_and_lost(tenant: Tenant) -> None:
    """Dies with the offers read and nothing stored."""
    affise_planning.look(tenant.request().id, claimed, tenant.affise)


def applied_and_lost(tenant: Tenant) -> None:
    """Dies with an address written and nothing stored."""
    tenant.desk.work("plan_affise_switch_request")
    tenant.begun()


def stored_and_unsent(tenant: Tenant) -> None:
    """Dies with everything stored and the next message lost with the broker."""
    tenant.desk.work("plan_affise_switch_request")
    apply_affise_switch_item(affise_items.of(tenant.request().id)[0].id)


def taken_and_lost(tenant: Tenant) -> None:
    """Dies with the item begun and nothing written."""
    tenant.desk.work("plan_affise_switch_request")
    item = affise_items.of(tenant.request().id)[0]
    assert claimed(tenant.request().switch_id, Step.AFFISE)
    assert affise_items.start(item.id)


@pytest.mark.parametrize("death", [planned_and_lost, applied_and_lost, stored_and_unsent, taken_and_lost])
def test_a_worker_that_dies_is_resumed_to_the_same_end(tenant: Tenant, death: Callable[[Tenant], None]) -> None:
    tenant.add(2)
    tenant.pipeline()
    tenant.switch()
    death(tenant)
    tenant.desk.lose()
    tenant.pass_time(240)
    assert (tenant.hosts(), tenant.request().status, tenant.step()) == ({B: 4}, "done", ("done", 4, 4))
    assert sorted(tenant.writes()) == sorted(set(tenant.writes()))
