"""Campaigns follow switches at a sandbox that misbehaves: retries, refused keys, overtaken writers, crashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from config.clock import now
from core.domains import steps
from models.database import db, execute, fetch
from models.domain_states import Step
from tests.core.domains.yard import pipeline
from tests.worker.domains.campaigns import ALL, A, B, Stage, items, seen, step, waits
from tests.worker.domains.field import incidents
from tests.worker.domains.places import Open
from tests.worker.postroom import sent
from worker.actor import ACTORS
from worker.domains.steps import reopened, sweep_unfinished_switches
from worker.domains.voluum import update_voluum_campaigns


@pytest.fixture
def on_both(database: Any, open_stage: Open) -> Iterator[Stage]:
    with open_stage() as found:
        yield found


def test_every_campaign_follows_is_read_back_and_the_switch_is_announced_again(on_both: Stage) -> None:
    switch = on_both.switch()
    assert on_both.work() == ["update_voluum_campaigns"]
    assert on_both.shown(*ALL) == [B] * 3
    found = step(switch)
    assert (found["state"], found["items_done"], found["items_total"], found["last_error"]) == ("done", 3, 3, None)
    assert found["proved_at"] is not None
    assert items(switch) == dict.fromkeys(ALL, "verified")
    assert seen() == dict.fromkeys(ALL, B)
    assert len(sent("announce_pipeline_switch")) == 2


def test_a_message_that_comes_twice_or_late_changes_nothing(stage: Stage) -> None:
    switch = stage.switch()
    stage.work()
    before = stage.writes()
    update_voluum_campaigns(switch)
    update_voluum_campaigns(switch + 999)
    assert stage.writes() == before


def test_while_voluum_is_down_the_step_waits_longer_and_longer_and_then_follows_at_once(on_both: Stage) -> None:
    switch = on_both.switch()
    on_both.fault({"type": "status", "status": 502})
    on_both.work()
    planned = []
    for _ in range(6):
        planned.append(waits(switch))
        on_both.pass_time(waits(switch))
    assert planned == [5, 10, 20, 40, 45, 45]
    assert (step(switch)["state"], step(switch)["tries"]) == ("pending", 7)
    assert "502" in step(switch)["last_error"] or "breaker" in step(switch)["last_error"]


def test_a19_after_half_an_hour_without_voluum_the_campaigns_follow_within_a_minute(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = now()
    monkeypatch.setattr("integrations.breaker.FIRST_PAUSE", 0.0)
    switch = stage.switch()
    stage.fault({"type": "status", "status": 503})
    stage.work()
    while now() - began < timedelta(minutes=30):
        stage.pass_time(15)
    stage.sandbox.control("DELETE", "faults")
    for _ in range(4):
        stage.pass_time(15)
    assert step(switch)["state"] == "done"
    assert stage.shown(*ALL) == [B] * 3


def test_a_step_that_fails_for_a_day_is_given_up_loudly(stage: Stage) -> None:
    switch = stage.switch()
    stage.fault({"type": "status", "status": 500})
    stage.work()
    stage.pass_time(3600 * 24)
    assert step(switch)["state"] == "failed"
    assert [(key, severity) for key, severity, _ in incidents("step_failed")] == [("1:voluum", "critical")]


def test_a19_a_refused_key_pauses_voluum_with_one_alert_and_a_success_wakes_every_step(stage: Stage) -> None:
    pipeline("Q", "x.example", "y.example", with_update_voluum=True)
    stage.fault({"type": "status", "status": 401}, path="/*")
    first, second = stage.switch(), stage.switch("Q")
    stage.work()
    assert incidents("integration_paused") == [("voluum", "critical", 1)]
    calls = len(stage.sandbox.journal("voluum"))
    stage.pass_time(120)
    assert len(stage.sandbox.journal("voluum")) == calls
    stage.sandbox.control("DELETE", "faults")
    stage.pass_time(300)
    assert incidents("integration_paused") == []
    assert fetch("select count(*) from integration_pause") == [(0,)]
    assert [step(each)["state"] for each in (first, second)] == ["done", "done"]
    assert stage.shown(*ALL) == [B] * 3


def test_a_limit_of_voluum_costs_no_try(stage: Stage) -> None:
    switch = stage.switch()
    stage.fault({"type": "retry_after", "seconds": 17}, method="GET", path="/campaign", times=1)
    stage.work()
    assert (step(switch)["tries"], waits(switch)) == (0, 17)
    stage.shift(timedelta(seconds=17))
    execute("delete from rate_bucket")  # while the time stands still, it would never fill again
    stage.work()
    assert step(switch)["state"] == "done"


@pytest.mark.parametrize("fault", ["commit_then_drop", "drop", "hang", "garbage"])
def test_a21_a_write_whose_answer_got_lost_is_read_back_and_made_once(stage: Stage, fault: str) -> None:
    stage.account.client.timeout = (1.0, 0.3)
    switch = stage.switch()
    stage.fault({"type": fault}, method="PUT", path="/campaign/*", times=1)
    stage.work()
    assert step(switch)["state"] == "done"
    assert sorted(stage.writes()) == sorted((each, B) for each in ALL)


def test_lost_messages_are_sent_again_by_the_sweep(on_both: Stage) -> None:
    switch = on_both.switch()
    on_both.lose_messages()
    assert sweep_unfinished_switches() == 1
    on_both.work()
    assert step(switch)["state"] == "done"
    on_both.lose_messages()
    on_both.shift(timedelta(seconds=31))
    assert sweep_unfinished_switches() == 1
    assert sent("announce_pipeline_switch") == [{"switch_id": switch}]


def test_the_button_has_the_campaigns_put_back(stage: Stage) -> None:
    switch = stage.switch()
    stage.work()
    stage.campaign("two", domain="elsewhere.example")
    ACTORS["update_voluum_campaigns"].fn(switch_id=switch, roll_back_by="anna")
    assert stage.shown(*ALL) == [A, "elsewhere.example", A]
    assert items(switch) == {"one": "rolled_back", "two": "verified", "three": "rolled_back"}
    assert fetch("select actor, action from audit_log where action = 'voluum.rollback'") == [
        ("anna", "voluum.rollback")
    ]


def test_a_step_that_was_stopped_is_told_with_a_button_and_a_later_success_closes_the_incident(stage: Stage) -> None:
    stage.sandbox.edit_later("voluum", "one", "between_put_and_get", costModel={"type": "FREE"})
    switch = stage.switch()
    stage.work()
    [(key, severity, _)] = incidents("step_failed")
    assert (key, severity, step(switch)["state"]) == ("1:voluum", "critical", "failed")
    payload = fetch("select payload from alert where kind = 'step_failed'")[0][0]
    assert fetch("select action, object from telegram_button") == [("rollback_voluum", str(switch))]
    assert "costModel" in payload
    assert "Roll back" in payload
    with db.atomic():
        reopened(steps.reopen(1, Step.VOLUUM))
    stage.work()
    assert (step(switch)["state"], stage.shown(*ALL), incidents("step_failed")) == ("done", [B] * 3, [])


def test_a_campaign_that_failed_is_named_and_tried_again_only_when_the_step_is_opened_again(stage: Stage) -> None:
    stage.fault({"type": "status", "status": 400, "body": "no"}, method="PUT", path="/campaign/one")
    switch = stage.switch()
    stage.work()
    assert [(key, severity) for key, severity, _ in incidents("step_failed")] == [("1:voluum", "warning")]
    assert (step(switch)["state"], step(switch)["items_done"], step(switch)["items_total"]) == ("partial", 2, 3)
    assert stage.sweep() == []
    stage.sandbox.control("DELETE", "faults")
    with db.atomic():
        reopened(steps.reopen(1))
    stage.work()
    assert (step(switch)["state"], items(switch)["one"], incidents("step_failed")) == ("done", "verified", [])


def test_how_long_a_switch_takes_and_how_old_the_oldest_open_step_is_can_be_read(stage: Stage) -> None:
    stages = [{"trigger": "manual", "stage": name} for name in ("voluum", "total")]
    before = [value("domain_switch_seconds_count", **labels) for labels in stages]
    stage.switch()
    stage.shift(timedelta(seconds=40))
    sweep_unfinished_switches()
    assert value("steps_unfinished_age_seconds", step="voluum") == 40
    stage.work()
    sweep_unfinished_switches()
    assert value("steps_unfinished_age_seconds", step="voluum") == 0
    assert [value("domain_switch_seconds_count", **labels) for labels in stages] == [count + 1 for count in before]


def value(name: str, **labels: str) -> float:
    """A number as Prometheus reads it."""
    return REGISTRY.get_sample_value(f"signalbox_{name}", labels) or 0.0
