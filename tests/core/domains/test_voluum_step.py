"""One attempt at Voluum: what is changed, what is left alone, when it stops, and how it is taken back."""

from __future__ import annotations

import pytest

from core.domains import steps, voluum_rollback, voluum_step
from core.domains.persons import AlreadyChanged
from core.domains.step_outcomes import Outcome, Then
from models.database import fetch
from models.domain_states import Step, StepState
from tests.conftest import SettingsEnv
from tests.core.domains.yard import ANNA
from tests.worker.domains.campaigns import ALL, A, B, Stage, items, seen


def attempt(switch_id: int) -> Outcome:
    claim = steps.claim(switch_id, Step.VOLUUM)
    assert claim is not None
    return voluum_step.run(claim)


def test_only_the_domain_and_what_follows_from_it_changes(stage: Stage) -> None:
    before = {number: stage.raw(number) for number in ALL}
    switch = stage.switch()
    outcome = attempt(switch)
    assert (outcome.then, outcome.state, outcome.done, outcome.total) == (Then.END, StepState.DONE, 3, 3)
    for number in ALL:
        after = stage.raw(number)
        differing = {name for name in after if after[name] != before[number].get(name)}
        assert differing == {"preferredTrackingDomain", "url", "impressionUrl", "updatedTime"}
    assert seen() == dict.fromkeys(ALL, B)
    kept = fetch("select whole from platform_change where object_id = 'one'")[0][0]
    assert '"newInNextVersion"' in str(kept)


def test_campaigns_of_every_former_domain_follow_however_they_are_spelled_and_others_stay(stage: Stage) -> None:
    stage.campaign("old", domain="A.Example.")
    stage.campaign("gone", domain=A, deleted=True)
    stage.campaign("other", domain="stranger.example")
    stage.switch()
    stage.campaign("late", domain=B)
    second = stage.switch()
    assert attempt(second).state is StepState.DONE
    assert set(items(second)) == {"one", "two", "three", "old", "late"}
    assert stage.shown("gone", "other") == [A, "stranger.example"]


def test_without_a_campaign_the_step_is_done(stage: Stage) -> None:
    stage.campaign(*ALL, domain="stranger.example")
    outcome = attempt(stage.switch())
    assert (outcome.state, outcome.done, outcome.total) == (StepState.DONE, 0, 0)
    assert stage.writes() == []


def test_a_campaign_that_a_stranger_moved_since_the_plan_is_never_overwritten(stage: Stage) -> None:
    stage.sandbox.edit_later("voluum", "one", "between_get_and_put", preferredTrackingDomain="stranger.example")
    stage.sandbox.edit_later("voluum", "two", "between_get_and_put", preferredTrackingDomain=B)
    switch = stage.switch()
    outcome = attempt(switch)
    assert items(switch) == {"one": "conflict", "two": "skipped", "three": "verified"}
    assert stage.shown(*ALL) == ["stranger.example", B, B]
    assert outcome.state is StepState.PARTIAL
    assert "stranger.example" in outcome.troubles[0]


def test_a21_what_a_stranger_writes_between_our_reading_and_our_writing_survives(stage: Stage) -> None:
    stage.sandbox.edit_later("voluum", "one", "between_get_and_put", tags=["by a stranger"], strangersKey=[1])
    outcome = attempt(stage.switch())
    assert outcome.state is StepState.DONE
    after = stage.raw("one")
    assert (after["tags"], after["strangersKey"], after["preferredTrackingDomain"]) == (["by a stranger"], [1], B)
    assert [number for number, _ in stage.writes()] == list(ALL)


def test_a_write_that_changes_more_than_the_domain_stops_everything(stage: Stage) -> None:
    stage.sandbox.edit_later("voluum", "one", "between_put_and_get", costModel={"type": "FREE"})
    switch = stage.switch()
    outcome = attempt(switch)
    assert (outcome.then, outcome.state, outcome.stopped) == (Then.END, StepState.FAILED, True)
    assert "costModel" in outcome.error
    assert items(switch) == {"one": "failed", "two": "planned", "three": "planned"}
    assert len(stage.writes()) == 1


def test_a_refused_campaign_fails_and_the_others_go_on(stage: Stage) -> None:
    stage.fault({"type": "status", "status": 400, "body": "no"}, method="PUT", path="/campaign/one")
    stage.fault({"type": "status", "status": 403, "body": "not yours"}, path="/campaign/two")
    switch = stage.switch()
    outcome = attempt(switch)
    assert (outcome.then, outcome.state, outcome.done, outcome.total) == (Then.END, StepState.PARTIAL, 1, 3)
    assert items(switch) == {"one": "failed", "two": "failed", "three": "verified"}
    assert len(outcome.troubles) == 2


def test_until_one_campaign_is_proved_a_failure_ends_the_attempt(stage: Stage) -> None:
    stage.fault({"type": "status", "status": 500}, path="/campaign/one")
    switch = stage.switch()
    outcome = attempt(switch)
    assert outcome.then is Then.RETRY
    assert stage.writes() == []


def test_a_campaign_that_keeps_failing_does_not_keep_the_others(stage: Stage) -> None:
    stage.fault({"type": "status", "status": 500}, path="/campaign/one")
    switch = stage.switch()
    claim = steps.claim(switch, Step.VOLUUM)
    assert claim is not None
    assert [voluum_step.run(claim).then for _ in range(2)] == [Then.RETRY, Then.RETRY]
    assert stage.shown("two", "three") == [B, B]
    stage.sandbox.control("DELETE", "faults")
    assert voluum_step.run(claim).state is StepState.DONE


def test_other_places_that_name_an_old_domain_are_reported_and_not_touched(stage: Stage) -> None:
    stage.campaign("other", domain="stranger.example", redirectTarget={"link": f"https://{A}/x"})
    outcome = attempt(stage.switch())
    assert outcome.state is StepState.DONE
    assert len(outcome.mentions) == 1
    assert "redirectTarget" in outcome.mentions[0]


def test_without_keys_the_step_waits_for_them(stage: Stage, settings_env: SettingsEnv) -> None:
    switch = stage.switch()
    settings_env(SANDBOX_URL="", SAFE_BROWSING_PROVIDER="")
    outcome = attempt(switch)
    assert outcome.then is Then.REFUSED
    assert "VOLUUM_ACCESS_ID" in outcome.error


def test_switched_off_the_step_waits_as_without_keys_and_says_so(stage: Stage, settings_env: SettingsEnv) -> None:
    switch = stage.switch()
    settings_env(VOLUUM_ENABLED="false")
    outcome = attempt(switch)
    assert (outcome.then, outcome.error) == (Then.REFUSED, "switched off by VOLUUM_ENABLED")
    assert stage.sandbox.journal("voluum") == []


def test_taking_back_needs_the_newest_switch(stage: Stage) -> None:
    switch = stage.switch()
    assert attempt(switch).state is StepState.DONE
    with pytest.raises(ValueError, match="under way"):
        voluum_rollback.roll_back(switch, ANNA)
    stage.switch()
    with pytest.raises(AlreadyChanged):
        voluum_rollback.roll_back(switch, ANNA)
    assert stage.shown(*ALL) == [B] * 3
