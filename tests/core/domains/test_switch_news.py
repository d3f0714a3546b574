"""The words of a switch: why and how sure, how far the platforms are, which switch; plain values in, texts out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core import alerts
from core.domains import pipelines, switch_news, switch_text
from models import alert_edits
from models.database import db, execute, fetch
from models.domain_states import Step, StepState, Trigger, Verdict
from models.switch_news import Made, Proof, StepFacts
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, answer, pipeline

AT = datetime(2026, 11, 21, 2, 12, 41, tzinfo=UTC)
MADE = Made(
    id=7, pipeline_id=1, pipeline="DE-sweeps", seq=18, newest=18, with_voluum=True, source_id=4, source="c4.example",
    to_id=5, to="c5.example", trigger=Trigger.CHECK, reason="GSB_UNSAFE", actor="system", decided_at=AT,
    unverified=False, announced_at=None, evidence_id=9,
)  # fmt: skip
LISTED = Proof("gsb", "https://c4.example/", "webrisk", {"threats": ["MALWARE"]}, answers=2, seconds=41)


def facts(step: Step, state: StepState, done: int = 0, total: int = 0, error: str | None = None) -> StepFacts:
    return StepFacts(step, state, 2, total, done, error)


@pytest.mark.parametrize(
    ("proof", "suspicion", "sureness"),
    [
        (LISTED, "MALWARE on https://c4.example/", "Google Web Risk, confirmed 2x, 41 s apart"),
        (replace(LISTED, detail={}, provider="x"), "unsafe on https://c4.example/", "x, confirmed 2x, 41 s apart"),
        (Proof("dns", "c4.example", "resolvers", {}, 2, 60), "not to resolve: c4.example",
         "resolvers, confirmed 2x, 60 s apart"),
        (Proof("gsc", "c4.example", "checker", {}, 1, 0), "unsafe on c4.example", "checker, signed answer"),
    ],
)  # fmt: skip
def test_the_reason_names_the_provider_how_sure_it_is_and_that_lists_can_err(
    proof: Proof, suspicion: str, sureness: str
) -> None:
    assert switch_text.reason(MADE, proof) == f"Reason: suspected {suspicion} ({sureness}; lists can err)"


def test_a_switch_that_was_ordered_names_who_did_it() -> None:
    ordered = replace(MADE, reason="looks burnt", actor="anna")
    assert switch_text.reason(ordered, None) == "Reason: looks burnt (by anna)"


@pytest.mark.parametrize(
    ("step", "waits", "text"),
    [
        (facts(Step.VOLUUM, StepState.DONE, 12, 12), False, "Voluum: 12/12 campaigns"),
        (facts(Step.VOLUUM, StepState.DONE), False, "Voluum: nothing to change"),
        (facts(Step.VOLUUM, StepState.RUNNING, 3, 12), False, "Voluum: 3/12 campaigns"),
        (facts(Step.AFFISE, StepState.PENDING, 3, 5, "503"), False, "Affise: 3/5 offers, retrying (2)"),
        (facts(Step.AFFISE, StepState.PENDING, 0, 5), True, "Affise: 5 offers wait for a person to agree"),
        (facts(Step.AFFISE, StepState.PARTIAL, 3, 5), False, "Affise: 3/5 offers, the rest failed"),
        (facts(Step.AFFISE, StepState.FAILED), False, "Affise: waiting, FAILED"),
        (facts(Step.AFFISE, StepState.SUPERSEDED), False, "Affise: waiting, left to the next switch"),
    ],
)
def test_the_course_of_a_platform_is_told_in_objects_that_were_proved(step: StepFacts, waits: bool, text: str) -> None:
    others = {Step.AFFISE, Step.VOLUUM} - {step.step}
    steps = {step.step: step} | {each: facts(each, StepState.NOT_NEEDED) for each in others}
    assert switch_text.platforms(MADE, steps, waits=waits) == [text]


def test_an_exhausted_pipeline_leaves_voluum_alone_and_says_so() -> None:
    empty = replace(MADE, to=None, to_id=None)
    assert switch_text.headline(empty) == "DE-sweeps: c4.example -> nothing left"
    assert switch_text.platforms(empty, {}, waits=False) == ["Voluum: left alone, there is nothing to point it at"]
    assert switch_text.platforms(replace(empty, with_voluum=False), {}, waits=False) == []


def test_the_footing_says_which_switch_it_was_and_until_when_it_may_be_undone() -> None:
    unsure = replace(MADE, unverified=True)
    ends = AT + timedelta(seconds=60)
    assert switch_text.footing(unsure, ends, "Europe/Paris") == (
        "switch #18 (check), c5.example is not proven yet, undo until 03:13:41"
    )


def open_incident(made: Any) -> Any:
    return alert_edits.latest("switched", f"{made.pipeline_id}:{made.seq}")


def test_a_note_that_says_nothing_new_changes_nothing(database: Any) -> None:
    pipeline()
    made = pipelines.switch("P", ANNA, "burnt")
    with time_machine.travel(now(), tick=False):
        switched = switch_news.find(made.id)
        assert switched is not None
        with db.atomic():
            assert switch_news.note(switched) == []
        first = open_incident(made)
        assert switch_news.note(switched) == []
        assert open_incident(made) == first
        execute("update switch_step set last_error = 'x' where switch_id = %s", (made.id,))
        assert switch_news.note(switched) == []
    assert fetch("select count(*) from telegram_button") == [(2,)]


def test_a_switch_that_is_over_is_never_opened_again(database: Any) -> None:
    pipeline()
    made = pipelines.switch("P", ANNA, "burnt")
    switched = switch_news.find(made.id)
    assert switched is not None
    switch_news.note(switched)
    alerts.resolve("switched", f"{made.pipeline_id}:{made.seq}")
    assert switch_news.note(switched) == []
    assert not open_incident(made).open


def test_undo_is_not_offered_when_the_old_domain_is_unsafe(database: Any) -> None:
    pipeline()
    made = pipelines.switch("P", ANNA, "burnt", block=True)
    switched = switch_news.find(made.id)
    assert switched is not None
    switch_news.note(switched)
    assert [one["text"] for one in open_incident(made).payload["buttons"][0]] == ["Hold failover", "Undo switch"]
    answer("a.example", Verdict.UNSAFE)
    assert switch_news.note(switched) == [open_incident(made).id]
    assert [one["text"] for one in open_incident(made).payload["buttons"][0]] == ["Hold failover"]


def test_a_switch_closes_only_when_it_was_told_and_its_undo_is_over(database: Any) -> None:
    pipeline()
    made = pipelines.switch("P", ANNA, "burnt")
    switched = switch_news.find(made.id)
    assert switched is not None
    switch_news.note(switched)
    execute("update switch_step set state = 'done' where switch_id = %s and step = 'telegram'", (made.id,))
    with time_machine.travel(now() + timedelta(seconds=61), tick=False):
        assert switch_news.close(switched) == []
    execute("update domain_switch set announced_at = decided_at where id = %s", (made.id,))
    assert switch_news.close(switched) == []
    with time_machine.travel(now() + timedelta(seconds=61), tick=False):
        assert switch_news.close(switched) == [open_incident(made).id]
    assert yard.steps(made.id)["telegram"] == "done"
