"""The fence around steps: one worker, the newest switch, waits that are rows, and what a sweep finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from config import clock
from config.clock import now
from core.domains import pauses, pipelines, steps
from core.domains.steps import Claim
from integrations.errors import Unavailable
from models import unfinished
from models.database import db, execute, fetch
from models.domain_states import Step, StepState
from models.fields import bind
from tests.core.domains.yard import ANNA, pipeline
from tests.core.domains.yard import steps as states
from tests.together import together

VOLUUM, AFFISE, TELEGRAM = Step.VOLUUM, Step.AFFISE, Step.TELEGRAM
DAY = timedelta(hours=24)


@pytest.fixture
def travel(database: Any) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 11, 21, 3, 12, tzinfo=UTC), tick=False) as traveller:
        pipeline("P", "a.example", "b.example", "c.example", with_update_voluum=True, with_update_affise=True)
        yield traveller


def switch(name: str = "P") -> int:
    return pipelines.switch(name, ANNA, "because").id


def taken(switch_id: int, step: Step = VOLUUM) -> Claim:
    claim = steps.claim(switch_id, step)
    assert claim is not None
    return claim


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({}, {"telegram"}),
        ({"with_update_voluum": True}, {"telegram", "voluum"}),
        ({"with_update_affise": True}, {"telegram", "affise"}),
        ({"with_update_voluum": True, "with_update_affise": True}, {"telegram", "voluum", "affise"}),
    ],
)
def test_a11_exactly_the_steps_that_the_flags_ask_for_wait(
    sqlite_database: Any, flags: dict[str, bool], wanted: set[str]
) -> None:
    pipeline("Q", "x.example", "y.example", **flags)
    made = switch("Q")
    assert {step for step, state in states(made).items() if state == "pending"} == wanted
    assert {due.step.value for due in steps.waiting([made])} == wanted
    assert all(due.request_id for due in steps.waiting([made]) if due.step is AFFISE)


def test_a_step_has_one_worker_until_its_lease_ends(travel: time_machine.Traveller) -> None:
    made = switch()
    first = taken(made)
    assert (first.source, first.target, first.seq) == ("a.example", "b.example", 2)
    assert steps.claim(made, VOLUUM) is None
    assert steps.busy(made, VOLUUM) == 60
    travel.shift(timedelta(seconds=61))
    second = taken(made)
    assert not steps.still_newest(first)
    assert not steps.finish(first, StepState.DONE)
    assert steps.still_newest(second)
    assert steps.finish(second, StepState.DONE, done=1, total=1)
    assert steps.claim(made, VOLUUM) is None
    assert steps.busy(made, VOLUUM) is None


def test_a_newer_switch_ends_the_right_to_write_and_waits_for_the_lease(travel: time_machine.Traveller) -> None:
    older = taken(switch())
    newer = switch()
    assert not steps.still_newest(older)
    assert steps.claim(newer, VOLUUM) is None
    assert steps.busy(newer, VOLUUM) == 60
    assert steps.give_way(older, wrote=False) == [(newer, VOLUUM)]
    assert states(older.switch_id)["voluum"] == "superseded"
    assert taken(newer).target == "c.example"


def test_the_announcement_of_an_overtaken_switch_is_still_owed(travel: time_machine.Traveller) -> None:
    older = switch()
    switch()
    assert steps.claim(older, TELEGRAM) is not None
    assert steps.claim(older, VOLUUM) is None


def test_two_workers_at_once_take_a_step_once(postgres_database: Any) -> None:
    pipeline("P", "a.example", "b.example", with_update_voluum=True)
    made = switch()
    found = together(*[lambda: steps.claim(made, VOLUUM)] * 4)
    assert [claim is not None for claim in found].count(True) == 1


def test_an_answer_that_took_long_is_asked_for_again(
    travel: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = taken(switch())
    readings = iter([0.0, 40.0, 40.0, 40.1])
    monkeypatch.setattr(clock, "monotonic", lambda: next(readings))
    assert steps.still_newest(claim)
    assert list(readings) == []
    slow = iter(range(0, 1000, 3))
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(slow)))
    with pytest.raises(Unavailable):
        steps.still_newest(claim)


def test_the_waits_of_a_step_that_keeps_failing() -> None:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    early = [steps.wait_after(tries, minute) for tries in range(6)]
    assert [wait and wait.total_seconds() for wait in early] == [5, 10, 20, 40, 45, 45]
    assert steps.wait_after(9, hour - minute) == timedelta(seconds=45)
    assert steps.wait_after(9, hour) == timedelta(minutes=5)
    assert steps.wait_after(0, DAY - minute) is not None
    assert steps.wait_after(0, DAY) is None


def test_a_step_that_was_put_off_is_taken_again_when_it_is_due(travel: time_machine.Traveller) -> None:
    made = switch()
    claim = taken(made)
    when = steps.next_try(claim, now())
    assert when == now() + timedelta(seconds=5)
    assert steps.later(claim, when, "x" * 600, costs=True)
    assert steps.claim(made, VOLUUM) is None
    assert not steps.later(claim, when, "twice", costs=True)
    travel.shift(timedelta(seconds=5))
    assert taken(made).tries == 1


def test_a_late_write_opens_the_newest_step_again_whatever_became_of_it(travel: time_machine.Traveller) -> None:
    older = taken(switch())
    travel.shift(timedelta(seconds=61))
    newer = switch()
    done = taken(newer)
    assert steps.finish(done, StepState.DONE, done=1, total=1)
    assert steps.give_way(older, wrote=True) == [(newer, VOLUUM)]
    again = taken(newer)
    assert steps.give_way(again, wrote=True) == []
    assert again.opened_at == now()


def test_only_steps_that_ended_are_opened_again(travel: time_machine.Traveller) -> None:
    made = switch()
    number = taken(made).pipeline_id
    assert steps.reopen(number) == []
    travel.shift(timedelta(seconds=61))
    steps.finish(taken(made), StepState.PARTIAL, done=1, total=2, error="one failed")
    travel.shift(DAY)
    assert steps.reopen(number, VOLUUM) == [(made, VOLUUM)]
    assert taken(made).opened_at == now()


def test_former_domains_are_those_left_here_last_and_in_use_nowhere(travel: time_machine.Traveller) -> None:
    made = switch()
    number = taken(made).pipeline_id
    assert steps.former(number) == {"a.example"}
    switch()
    assert steps.former(number) == {"a.example", "b.example"}
    pipelines.park("P", "a.example", "elsewhere now", ANNA)
    pipeline("Q", "a.example", "q.example")
    assert steps.former(number) == {"b.example"}
    travel.shift(timedelta(minutes=1))
    switch("Q")
    pipelines.park("Q", "a.example", "nobody's", ANNA)
    assert steps.former(number) == {"b.example"}
    assert steps.former(fetch("select id from tracking_domain_pipeline where name = 'Q'")[0][0]) == {"a.example"}


def test_the_sweep_finds_what_nobody_works_on(travel: time_machine.Traveller) -> None:
    older = switch()
    taken(older)
    travel.shift(timedelta(seconds=31))
    newer = switch()
    with db.atomic():
        found = steps.sweep()
    assert {(due.switch_id, due.step) for due in found.steps} == {(newer, VOLUUM), (newer, AFFISE)}
    assert list(found.untold) == [older]
    assert (found.ages[VOLUUM], found.ages[TELEGRAM]) == (31, 31)
    travel.shift(timedelta(seconds=31))
    with db.atomic():
        found = steps.sweep()
    assert list(found.untold) == [older, newer]
    assert states(older)["voluum"] == "superseded"
    assert unfinished.close_overtaken(now()) == 0


def test_a_step_in_somebodys_hands_or_not_due_yet_is_left_alone(travel: time_machine.Traveller) -> None:
    made = switch()
    taken(made)
    steps.later(taken(made, AFFISE), now() + timedelta(seconds=90), "waits")
    execute("update domain_switch set announced_at = %s", (bind(now()),))
    with db.atomic():
        assert list(steps.sweep().steps) == []
    travel.shift(timedelta(seconds=91))
    with db.atomic():
        assert {due.step for due in steps.sweep().steps} == {VOLUUM, AFFISE}


def test_a_service_that_refuses_us_is_looked_at_once_in_five_minutes(travel: time_machine.Traveller) -> None:
    assert pauses.wait("voluum") is None
    assert pauses.pause("voluum", "wrong key")
    assert not pauses.pause("voluum", "wrong key")
    assert (pauses.paused("voluum"), pauses.paused("affise")) == (True, False)
    assert pauses.wait("voluum") == timedelta(minutes=5)
    travel.shift(timedelta(minutes=5))
    assert pauses.wait("voluum") is None
    assert pauses.wait("voluum") == timedelta(minutes=5)
    assert pauses.resume("voluum")
    assert not pauses.resume("voluum")
    assert pauses.wait("voluum") is None
