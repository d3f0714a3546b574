"""Planning requests to Affise when the offers cannot be read, or somebody is faster meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.domains import affise_planning, pauses
from integrations.affise import Affise
from models import affise_requests
from models.conflicts import transaction
from tests.core.domains.yard import ANNA
from tests.worker.domains.places import Open
from tests.worker.domains.tenant import A, B, C, Tenant, incidents
from worker.domains import affise_acts
from worker.domains.affise import plan_affise_switch_request
from worker.domains.affise_news import follow
from worker.domains.steps import claimed

LIST = {"path": "/3.0/offers"}


@pytest.fixture
def tenant(sqlite_database: Any, open_tenant: Open) -> Iterator[Tenant]:
    """On one engine: the statements are tried on both elsewhere."""
    with open_tenant() as made:
        yield made


class Meanwhile:
    """A client that lists the offers while something else happens."""

    def __init__(self, affise: Affise, happens: Callable[[], object]) -> None:
        self._affise, self._happens = affise, happens

    def offers(self) -> list[dict[str, Any]]:
        found = list(self._affise.offers())
        self._happens()
        return found


def plan(tenant: Tenant, happens: Callable[[], object]) -> None:
    """Plan the newest request while something happens, and store what was found."""
    request = tenant.request()
    assert tenant.affise is not None
    found = affise_planning.look(request.id, claimed, Meanwhile(tenant.affise, happens))  # type: ignore[arg-type]
    transaction(lambda: follow(affise_planning.keep(found)))


def test_a_key_that_is_refused_while_planning_pauses_the_service_and_nobody_asks_meanwhile(tenant: Tenant) -> None:
    tenant.sandbox.edit("affise", "settings", key="another")
    tenant.moved()
    tenant.pass_time(900, step=30)
    assert (pauses.paused("affise"), incidents()["integration_paused"][0]) == (True, "critical")
    assert (tenant.request().status, len(tenant.sandbox.journal("affise")) <= 5) == ("draft", True)
    tenant.sandbox.edit("affise", "settings", key=None)
    tenant.pass_time(360, step=30)
    assert (pauses.paused("affise"), tenant.request().status, tenant.hosts()) == (False, "done", {B: 6})
    assert "integration_paused" not in incidents()


def test_while_the_service_is_paused_planning_waits_without_a_call(tenant: Tenant) -> None:
    transaction(lambda: pauses.pause("affise", "refused elsewhere"))
    tenant.moved()
    assert (tenant.sandbox.journal("affise"), tenant.request().status, tenant.step()[0]) == ([], "draft", "pending")
    tenant.pass_time(360, step=30)
    assert (pauses.paused("affise"), tenant.request().status) == (False, "done")


def test_being_asked_to_wait_while_planning_is_obeyed(tenant: Tenant) -> None:
    action = {"type": "retry_after", "form": "seconds", "seconds": 90}
    tenant.sandbox.fault("affise", action, match=LIST, times=1)
    tenant.moved()
    tenant.wait(80)
    assert (len(tenant.sandbox.journal("affise")), tenant.request().status) == (1, "draft")
    tenant.wait(20)
    assert (tenant.request().status, tenant.hosts()) == ("done", {B: 6})


def test_a_list_that_is_refused_fails_the_request_loudly_and_a_retry_plans_anew(tenant: Tenant) -> None:
    fault = tenant.sandbox.fault("affise", {"type": "status", "status": 400}, match=LIST)
    failed = tenant.moved()
    assert (failed.status, tenant.step()[0], incidents()["step_failed"][0]) == ("failed", "failed", "critical")
    assert "the offers could not be read" in incidents()["step_failed"][1]["left"]
    tenant.sandbox.control("DELETE", f"faults/{fault}")
    affise_acts.retry(failed.id, ANNA)
    tenant.work()
    assert (tenant.request().status, tenant.hosts(), "step_failed" in incidents()) == ("done", {B: 6}, False)


def test_a_switch_while_the_offers_are_read_leaves_the_work_to_the_newer_one(tenant: Tenant) -> None:
    tenant.add()
    tenant.pipeline()
    tenant.switch()
    first = tenant.request()
    plan(tenant, tenant.switch)
    assert (affise_requests.get(first.id).status, tenant.statuses(first)) == ("superseded", [])  # type: ignore[union-attr]
    tenant.work()
    assert (tenant.hosts(), tenant.request().status, tenant.step()) == ({C: 6}, "done", ("done", 6, 6))


def test_two_workers_that_plan_at_once_plan_once(tenant: Tenant) -> None:
    tenant.add()
    tenant.pipeline()
    tenant.switch()

    def another_plans_after_the_lease() -> None:
        tenant.desk.pass_time(61, "nothing")
        plan_affise_switch_request(str(tenant.request().id))

    plan(tenant, another_plans_after_the_lease)
    assert (tenant.statuses(), tenant.hosts()) == (["planned"] * 6, {A: 6})
    tenant.pass_time(120)
    assert (tenant.hosts(), tenant.step(), len(tenant.writes())) == ({B: 6}, ("done", 6, 6), 6)
