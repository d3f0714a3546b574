"""A result says in a word what the run proved, and "no verdict" never looks like a pass."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from bench.chaos.__main__ import BROKEN_INVARIANT, GOAL_MISSED, NO_VERDICT, OK, _code
from bench.chaos.checker import COUNTED, Row, Verdict
from bench.chaos.nemesis import Deed
from bench.chaos.plan import Do
from bench.chaos.profiles import Size
from bench.chaos.results import Result, save, show
from bench.chaos.run import NoVerdict, Trial
from bench.chaos.scenarios import SCENARIOS
from bench.chaos.story import stories
from bench.journal import Answer, Record
from bench.world import DESTINATION

HOLDS = Result("a", valid=True)
MISSED = Result("b", valid=True, missed_goals=["redirect p99 301 ms, goal 300 ms"])
BROKEN = Result("c", valid=True, violations={"I1 lost": ["7"]}, invariants={"I1 lost": 1}, stories=["LOST visit 7"])
FAILED = Result("d", valid=False, error="NoVerdict: 10 faults were planned, 9 found a target")


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([HOLDS], OK),
        ([HOLDS, MISSED], GOAL_MISSED),
        ([HOLDS, MISSED, FAILED], NO_VERDICT),
        ([HOLDS, MISSED, FAILED, BROKEN], BROKEN_INVARIANT),
    ],
)
def test_the_exit_code_tells_the_worst_that_was_found(results: list[Result], code: int) -> None:
    assert _code(results) == code


def test_each_result_has_a_word_of_its_own() -> None:
    assert [result.word() for result in (HOLDS, MISSED, BROKEN, FAILED)] == [
        "holds", "goal missed", "BROKEN", "NO VERDICT",
    ]  # fmt: skip


def test_a_finished_run_can_be_read_by_machines_and_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = [HOLDS, BROKEN, FAILED]
    save(tmp_path, results, 42, "quick", 1.0)
    show(results, "chaos")
    document = orjson.loads((tmp_path / "result.json").read_bytes())
    assert (document["schema"], document["seed"], document["valid"]) == ("signalbox.chaos/1", 42, False)
    report = (tmp_path / "report.md").read_text()
    assert "LOST visit 7" in report
    assert "9 found a target" in report
    assert "LOST visit 7" in capsys.readouterr().out


def trial(tmp_path: Path, deeds: list[Deed]) -> Trial:
    # the parts under test touch no ground
    found = Trial("clicks-kill9", 1, Size(10, 1), None, tmp_path)  # type: ignore[arg-type]
    found.deeds = deeds
    return found


def test_fewer_faults_than_planned_are_no_verdict(tmp_path: Path) -> None:
    from bench.chaos.plan import Act

    ran = trial(tmp_path, [Deed(1.0, Do.KILL9, "worker-1", found=False)])
    with pytest.raises(NoVerdict, match="1 faults were planned, 0 found"):
        ran.require_faults([Act(1.0, Do.KILL9, ("worker-1",))])


def answered(late: float) -> Record:
    answers = {number: Answer(1.0, 302, "x", late) for number in range(100)}
    return Record(attempts=dict.fromkeys(range(100), 0.5), answers=answers)


def test_a_visitor_without_an_answer_misses_the_goal_where_the_redirect_is_left_alone(tmp_path: Path) -> None:
    record = answered(0.01)
    del record.answers[3]
    assert SCENARIOS["clicks-kill9"].goals(trial(tmp_path, []), record) == ["1 visitors got no answer"]
    assert SCENARIOS["embedded-kill9"].goals(trial(tmp_path, []), record) == []


@pytest.mark.parametrize(("late", "missed"), [(0.299, 0), (0.301, 1)])
def test_an_outage_may_not_make_visitors_wait(tmp_path: Path, late: float, missed: int) -> None:
    assert len(SCENARIOS["broker-outage"].goals(trial(tmp_path, []), answered(late))) == missed


def test_a_story_tells_what_the_visitor_saw_what_was_killed_around_it_and_what_is_stored() -> None:
    record = Record(attempts={7: 12.401, 8: 13.0}, answers={7: Answer(12.417, 302, DESTINATION.format(7), 0.016)})
    deeds = [Deed(12.431, Do.KILL9, "worker-1", found=True), Deed(40.0, Do.KILL9, "worker-2", found=True)]
    told = stories(Verdict(lost=[7], duplicated=[8]), record, [Row("id", COUNTED, DESTINATION.format(8))] * 2, deeds)
    assert [line.split(" | ") for line in told] == [
        [
            "LOST visit 7: attempt 12.401", f"ack 12.417 302 {DESTINATION.format(7)}", "kill9 worker-1 12.431",
            "stored: NEVER",
        ],
        [
            "DUPLICATED visit 8: attempt 13.000", "no answer (still open)", "kill9 worker-1 12.431",
            "stored counted id", "stored counted id",
        ],
    ]  # fmt: skip
