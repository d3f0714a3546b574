"""Campaigns that vanish, never stand still or take too long, and taking back what was written, at a sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from core.domains import steps, voluum_rollback, voluum_step
from core.domains.persons import Refused
from core.domains.step_outcomes import Outcome, Then
from core.domains.voluum_step import run
from integrations.http import Client
from models import steps as rows
from models.domain_states import Step, StepState
from tests.conftest import SettingsEnv
from tests.core.domains.yard import ANNA
from tests.worker.domains.campaigns import ALL, A, B, Stage, items, step
from worker.domains.endings import conclude


def attempt(switch_id: int) -> Outcome:
    """One attempt and what it leads to."""
    claim = steps.claim(switch_id, Step.VOLUUM)
    assert claim is not None
    outcome = run(claim)
    conclude(claim, outcome)
    return outcome


def test_a_campaign_that_was_deleted_since_the_plan_is_left_alone(stage: Stage) -> None:
    stage.sandbox.edit_later("voluum", "one", "between_get_and_put", deleted=True)
    switch = stage.switch()
    assert attempt(switch).state is StepState.DONE
    assert items(switch)["one"] == "skipped"
    assert stage.shown("one") == [A]


def test_a_campaign_that_never_stands_still_is_tried_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = Client.call

    def call(self: Client, method: str, path: str, **options: Any) -> Any:
        reply = real(self, method, path, **options)
        if (method, path) == ("GET", "/campaign/one"):
            stage.campaign("one", tags=["again"])
        return reply

    switch = stage.switch()
    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", call)
        outcome = attempt(switch)
    assert (outcome.then, "keeps changing" in outcome.error) == (Then.RETRY, True)
    assert stage.writes() == []
    stage.pass_time(5)
    assert step(switch)["state"] == "done"


def test_what_one_attempt_has_no_time_for_is_the_next_ones(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = stage.switch()
    monkeypatch.setattr(voluum_step, "SECONDS", -1.0)
    assert attempt(switch).then is Then.WAIT
    assert (step(switch)["state"], step(switch)["tries"]) == ("pending", 0)
    monkeypatch.setattr(voluum_step, "SECONDS", 200.0)
    assert attempt(switch).state is StepState.DONE


def test_three_failures_in_a_row_end_an_attempt_that_had_begun_well(stage: Stage) -> None:
    stage.campaign("four", "five")
    for number in ("two", "three", "four"):
        stage.fault({"type": "status", "status": 500}, path=f"/campaign/{number}")
    switch = stage.switch()
    claim = steps.claim(switch, Step.VOLUUM)
    assert claim is not None
    assert run(claim).then is Then.RETRY
    proved = [number for number, state in items(switch).items() if state == "verified"]
    assert 1 <= len(proved) <= 2
    assert run(claim).then is Then.RETRY
    assert set(stage.shown("one", "five")) == {B}


def test_a_lost_answer_while_taking_back_is_read_back_and_a_strangers_edit_wins(stage: Stage) -> None:
    switch = stage.switch()
    attempt(switch)
    stage.fault({"type": "commit_then_drop"}, method="PUT", path="/campaign/one", times=1)
    stage.fault({"type": "drop"}, method="PUT", path="/campaign/two", times=1)
    stage.sandbox.edit_later("voluum", "three", "between_get_and_put", tags=["by a stranger"])
    assert voluum_rollback.roll_back(switch, ANNA) == (1, 3)
    assert stage.shown(*ALL) == [A, B, B]
    assert voluum_rollback.roll_back(switch, ANNA) == (2, 2)
    assert stage.shown(*ALL) == [A] * 3
    assert attempt_again(switch).state is StepState.PARTIAL
    assert stage.shown(*ALL) == [A] * 3


def attempt_again(switch_id: int) -> Outcome:
    """What was taken back stays so, also when the step is opened again."""
    assert steps.reopen(1, Step.VOLUUM) == [(switch_id, Step.VOLUUM)]
    return attempt(switch_id)


def test_without_an_account_nothing_is_taken_back(stage: Stage, settings_env: SettingsEnv) -> None:
    switch = stage.switch()
    settings_env(SANDBOX_URL="", SAFE_BROWSING_PROVIDER="")
    with pytest.raises(Refused, match="VOLUUM_ACCESS_ID"):
        voluum_rollback.roll_back(switch, ANNA)
    settings_env(VOLUUM_ENABLED="false")
    with pytest.raises(Refused, match=r"^voluum: switched off by VOLUUM_ENABLED$"):
        voluum_rollback.roll_back(switch, ANNA)
    with pytest.raises(LookupError):
        rows.standing(switch + 999, Step.VOLUUM)


def test_a_list_that_is_refused_ends_the_step(stage: Stage) -> None:
    stage.fault({"type": "status", "status": 404, "body": "no"}, path="/campaign")
    switch = stage.switch()
    outcome = attempt(switch)
    assert (outcome.then, outcome.state, step(switch)["state"]) == (Then.END, StepState.FAILED, "failed")
