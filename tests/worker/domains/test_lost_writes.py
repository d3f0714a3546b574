"""A worker that stood still in the midst of a write and was killed: its write may land after others have proved all.

Who takes over looks once more when that write can land no longer, a minute later; nobody waits for the drift check.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.domains import steps
from integrations.http import Client
from models.database import fetch
from models.domain_states import Step
from models.unfinished import LONGEST_CALL
from tests.integrations.platforms.made import affise_at
from tests.worker.domains.campaigns import B, C, Stage, step
from tests.worker.domains.places import Open
from tests.worker.domains.tenant import FIRST, Tenant
from worker.domains.steps import sweep_unfinished_switches

ALL = ("one", "two", "three")
LEASE, CALL = steps.LEASE.total_seconds(), LONGEST_CALL.total_seconds()


class Killed(BaseException):
    """The process is gone; what it had sent is on its way."""


@pytest.fixture
def stage(database: Any, open_stage: Open) -> Iterator[Stage]:
    with open_stage() as found:
        yield found


def lost_in_a_write(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> int:
    """A switch from a to b whose worker dies with its first write under way; its id."""
    real: Any = Client.call

    def call(self: Client, method: str, path: str, **options: Any) -> Any:
        if method == "PUT":
            raise Killed
        return real(self, method, path, **options)

    made = stage.switch()
    with monkeypatch.context() as death:
        death.setattr(Client, "call", call)
        with pytest.raises(Killed):
            stage.work()
    return made


def looked_at() -> list[tuple[int, str]]:
    """The steps that are to be looked at once more."""
    return fetch("select switch_id, state from switch_step where look_again_at is not null and state <> 'superseded'")


def seconds_until(stage: Stage, domain: str, most: int) -> int:
    """How long it takes until every campaign is on this domain."""
    for second in range(most):
        if stage.shown(*ALL) == [domain] * 3:
            return second
        stage.pass_time(1)
    raise AssertionError(f"still {stage.shown(*ALL)} after {most} s")


def test_a_write_that_lands_after_the_newer_switch_was_proved_is_put_right_within_a_minute(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_in_a_write(stage, monkeypatch)
    newer = stage.switch()
    stage.pass_time(LEASE + 1)
    assert (step(newer)["state"], stage.shown(*ALL)) == ("done", [C] * 3)
    stage.campaign("one", domain=B)  # the last moment is a minute after the newer one took over
    assert seconds_until(stage, C, 90) <= CALL + 4
    assert (step(newer)["state"], step(newer)["items_done"], looked_at()) == ("done", 3, [])


def test_a_write_that_never_lands_costs_one_reading_and_no_second_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_in_a_write(stage, monkeypatch)
    newer = stage.switch()
    stage.pass_time(LEASE + 1)
    written, proved = stage.writes(), step(newer)["attempts"]
    assert stage.pass_time(CALL + 4) == ["update_voluum_campaigns"]
    assert (stage.writes(), step(newer)["attempts"], step(newer)["state"]) == (written, proved + 1, "done")
    stage.pass_time(600)
    stage.sweep()
    assert (step(newer)["attempts"], looked_at()) == (proved + 1, [])


def test_when_the_message_is_lost_too_the_sweep_looks_in_its_place(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_in_a_write(stage, monkeypatch)
    newer = stage.switch()
    stage.pass_time(LEASE + 1)
    stage.campaign("two", domain=B)
    stage.lose_messages()
    stage.sweep()
    assert stage.shown("two") == [B]
    stage.pass_time(CALL)
    stage.sweep()
    assert (stage.shown(*ALL), step(newer)["state"]) == ([C] * 3, "done")


def test_whoever_was_closed_by_the_sweep_is_remembered_by_the_newer_switch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = lost_in_a_write(stage, monkeypatch)
    newer = stage.switch()
    stage.lose_messages()
    stage.pass_time(LEASE + 1)
    stage.sweep()
    assert (step(older)["state"], step(newer)["state"]) == ("superseded", "done")
    stage.campaign("three", domain=B)
    assert seconds_until(stage, C, 90) <= CALL + 4


def test_a_doubt_outlives_the_switch_whose_worker_took_over(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken over for the same switch, and then a newer one comes: the lost write is older than both."""
    made = lost_in_a_write(stage, monkeypatch)
    stage.pass_time(LEASE + 1)
    stage.sweep()
    assert (step(made)["state"], stage.shown(*ALL)) == ("done", [B] * 3)
    newer = stage.switch()
    stage.pass_time(10)
    assert (step(newer)["state"], stage.shown(*ALL)) == ("done", [C] * 3)
    stage.campaign("one", domain=B)
    assert seconds_until(stage, C, 90) <= CALL - 10 + 4


def test_a_worker_that_gives_its_step_back_leaves_no_doubt(stage: Stage) -> None:
    stage.fault({"type": "status", "status": 503}, method="PUT", times=1)
    stage.switch()
    stage.pass_time(30)
    stage.switch()
    stage.pass_time(10)
    assert (stage.shown(*ALL), looked_at()) == ([C] * 3, [])


def test_an_edit_at_affise_that_lands_late_is_put_right_too(tenant: Tenant) -> None:
    tenant.add(2)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    tenant.begun()  # and gone: a write of b may be on its way
    tenant.switch()
    tenant.wait(LEASE + 5)
    assert (tenant.hosts(), tenant.step()) == ({"c.sandbox.test": 4}, ("done", 4, 4))
    request, words = tenant.request(), f"https://b.sandbox.test/c?x={FIRST}&clickid={{clickid}}"
    tenant.sandbox.edit("affise", str(FIRST), url=words)
    tenant.wait(CALL + 10)
    assert (tenant.hosts(), tenant.step()[0]) == ({"c.sandbox.test": 4}, "done")
    assert tenant.request().id != request.id


def test_what_was_proved_before_the_write_could_land_is_looked_at_however_long_the_rest_takes(tenant: Tenant) -> None:
    tenant.add(2)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    tenant.begun()
    tenant.switch()
    later = {"method": "POST", "path": f"/3.0/admin/offer/{FIRST + 1}"}
    fault = tenant.sandbox.fault("affise", {"type": "status", "status": 503}, match=later)
    tenant.wait(LEASE + 5)
    assert tenant.hosts() == {"a.sandbox.test": 2, "c.sandbox.test": 2}
    tenant.sandbox.edit("affise", str(FIRST), url=f"https://b.sandbox.test/c?x={FIRST}&clickid={{clickid}}")
    tenant.pass_time(2 * CALL)
    tenant.sandbox.control("DELETE", f"faults/{fault}")
    tenant.pass_time(CALL)
    assert (tenant.hosts(), tenant.step()[0]) == ({"c.sandbox.test": 4}, "done")


def test_at_affise_a_look_that_finds_all_well_changes_and_tells_nothing(tenant: Tenant) -> None:
    tenant.add(1)
    tenant.pipeline()
    tenant.switch()
    tenant.desk.work("plan_affise_switch_request")
    tenant.begun()
    tenant.switch()
    tenant.wait(LEASE + 5)
    sweep_unfinished_switches()
    tenant.work()
    request, writes = tenant.request(), tenant.writes()
    tenant.use(affise_at(f"{tenant.sandbox.url}/affise"))
    reads = len(tenant.sandbox.journal("affise"))
    tenant.wait(CALL + 10)
    assert len(tenant.sandbox.journal("affise")) > reads
    assert (tenant.request().id, tenant.writes(), tenant.step()) == (request.id, writes, ("done", 2, 2))
    assert fetch("select count(*) from alert where kind = 'step_failed'") == [(0,)]
    assert steps.once_more(tenant.request().switch_id, Step.AFFISE) is None
    assert set(tenant.hosts()) == {"c.sandbox.test"}
