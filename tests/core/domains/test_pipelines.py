"""What people do with pipelines: each act is on record, and what cannot be done names the field and the fix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import time_machine

from config.clock import now
from core.domains import cases, holds, pipelines
from core.domains.brake_facts import Answer
from core.domains.brakes import Defer, Hold, Ignore, Switch
from core.domains.persons import AlreadyChanged, NoPipeline, Refused
from models import audit, pipeline_writes, returns
from models.database import fetch
from models.domain_states import Mode, Source, Verdict
from models.pipeline_writes import Settings
from tests.conftest import SettingsEnv
from tests.core.domains import patrol, yard
from tests.core.domains.yard import ANNA, MINUTE, answer, everything, pipeline, read

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REFUSALS: list[tuple[Callable[[], Any], str]] = [
    (lambda: pipelines.create("P", ["x.example"], ANNA), "pipeline: 'P' exists already"),
    (lambda: pipelines.create(" ", ["x.example"], ANNA), "pipeline: write 1 to 100"),
    (lambda: pipelines.create("Q", [], ANNA), "domain: name at least one"),
    (lambda: pipelines.create("Q", ["x.example", "10.0.0.1"], ANNA), "domain: "),
    (lambda: pipelines.create("Q", ["b.example"], ANNA), "domain: b.example is backup in 'P'"),
    (lambda: pipelines.create("Q", ["z.example"], ANNA), "unblock it first"),
    (lambda: pipelines.extend("P", ["z.example"], ANNA), "unblock it first"),
    (lambda: pipelines.switch("P", ANNA, " "), "reason: write"),
    (lambda: pipelines.switch("P", ANNA, "x", to="z.example"), "to: z.example is no spare"),
    (lambda: pipelines.switch("P", ANNA, "x", to="bad.example"), "to: bad.example is known to be bad"),
    (lambda: pipelines.switch("OFF", ANNA, "x"), "add a spare instead"),
    (lambda: pipelines.park("P", "a.example", "x", ANNA), "domain: a.example is active in 'P', not backup"),
    (lambda: pipelines.put_back("P", "z.example", "x", ANNA), "not there"),
    (lambda: pipelines.unblock("z.example", "x", ANNA), "--force unblocks it anyway"),
    (lambda: holds.release("P", ANNA), "is not held"),
    (lambda: holds.release_all(ANNA), "failover is not held"),
    (lambda: holds.hold("P", "x", ANNA, until=now()), "for: the hold would be over"),
]


@pytest.fixture
def made(database: Any) -> None:
    """A pipeline with a bad spare, and one that is exhausted because its domain is bad."""
    pipeline("P", "a.example", "b.example", "bad.example")
    assert pipeline("OFF", "z.example").block_active_domain("GSB_UNSAFE")
    answer("z.example", Verdict.UNSAFE)
    answer("bad.example", Verdict.UNSAFE)


@pytest.mark.parametrize(("work", "text"), REFUSALS)
def test_what_cannot_be_done_names_the_field_and_changes_nothing(
    made: None, work: Callable[[], Any], text: str
) -> None:
    before = everything()
    with pytest.raises(Refused) as refused:
        work()
    assert text in str(refused.value)
    assert everything() == before


def test_a_pipeline_that_does_not_exist_is_told(database: Any) -> None:
    for work in (lambda: pipelines.get("X"), lambda: holds.hold("X", "x", ANNA), lambda: holds.release("X", ANNA)):
        with pytest.raises(NoPipeline, match="there is no 'X'"):
            work()


def test_every_act_of_a_person_is_on_record_once(made: None) -> None:
    pipelines.extend("P", ["n.example"], ANNA, Settings(with_update_voluum=True))
    pipelines.switch("P", ANNA, "slow")
    pipelines.park("P", "n.example", "later", ANNA)
    assert pipelines.park("P", "n.example", "again", ANNA) is False
    pipelines.put_back("P", "n.example", "now", ANNA)
    assert pipelines.put_back("P", "n.example", "again", ANNA) is False
    assert (holds.mode("P", Mode.WATCH, ANNA), holds.mode("P", Mode.WATCH, ANNA)) == (True, False)
    holds.hold("P", "why", ANNA)
    holds.release("P", ANNA)
    pipelines.unblock("z.example", "clean", ANNA, force=True)
    actions = [(row.action, row.object) for row in reversed(audit.page())][2:]
    assert actions == [
        ("pipeline.change", "pipeline:P"), ("pipeline.switch", "pipeline:P"), ("domain.parked", "domain:n.example"),
        ("domain.backup", "domain:n.example"), ("pipeline.mode", "pipeline:P"), ("pipeline.hold", "pipeline:P"),
        ("pipeline.release", "pipeline:P"), ("domain.unblock", "domain:z.example"),
    ]  # fmt: skip
    assert {row.actor for row in audit.page()} == {"anna"}


def test_a_switch_by_hand_keeps_a_healthy_domain_as_the_last_spare_or_blocks_it(database: Any) -> None:
    pipeline()
    done = pipelines.switch("P", ANNA, "slow", to="c.example")
    assert (done.source, done.to, done.seq) == ("a.example", "c.example", 2)
    assert [place.name for place in pipelines.get("P").spares] == ["b.example", "a.example"]
    pipelines.switch("P", ANNA, "listed", block=True)
    assert (read().active_domain, read().blocked_domains) == ("b.example", ["c.example"])
    assert [str(row.trigger) for row in yard.switches()] == ["create", "manual", "manual"]


def test_who_has_looked_at_an_older_state_is_told_that_it_changed(database: Any) -> None:
    pipeline()
    pipelines.switch("P", ANNA, "first", seq=1)
    with pytest.raises(AlreadyChanged, match="already changed"):
        pipelines.switch("P", ANNA, "second", seq=1)
    with pytest.raises(AlreadyChanged, match="not blocked anywhere"):
        pipelines.unblock("a.example", "x", ANNA)


def test_the_first_spare_added_to_an_exhausted_pipeline_becomes_active(made: None) -> None:
    done = pipelines.extend("OFF", ["n1.example", "n2.example"], ANNA)
    assert done is not None
    assert (done.to, done.seq, read("OFF").next_domain) == ("n1.example", 3, "n2.example")
    assert pipelines.extend("OFF", ["n1.example"], ANNA) is None


def test_a_hold_ends_by_itself_or_by_a_release_that_names_what_is_still_unsafe(database: Any) -> None:
    with time_machine.travel(NOON, tick=False) as time:
        pipeline()
        time.shift(MINUTE)
        answer("a.example", Verdict.UNSAFE)
        holds.hold("P", "partner", ANNA, until=now() + 2 * HOUR)
        assert holds.hold_by_itself(read().id, "fix_the_cause") is False
        time.shift(2 * HOUR)
        assert holds.hold_by_itself(read().id, "fix_the_cause") is True
        [unsafe] = holds.release("P", ANNA)
        assert (unsafe.domain, unsafe.reason.value) == ("a.example", "GSB_UNSAFE")
        assert pipelines.get("P").pipeline.blast_radius_exempt_until == now() + HOUR


def test_a_hold_on_all_stands_once_and_its_release_is_remembered_for_an_hour(database: Any) -> None:
    assert (holds.hold_all_by_itself("blast_radius"), holds.hold_all_by_itself("other")) == (True, False)
    assert pipeline_writes.control().reason == "blast_radius"
    holds.release_all(ANNA)
    control = pipeline_writes.control()
    assert control.held_at is None
    assert control.released_until is not None
    assert HOUR - MINUTE < control.released_until - now() <= HOUR


def test_holds_and_releases_are_on_record_with_what_they_changed(database: Any) -> None:
    pipeline()
    holds.hold_all("partner", ANNA)
    holds.release_all(ANNA)
    holds.hold("P", "partner", ANNA)
    holds.release("P", ANNA)
    assert holds.mode("P", Mode.WATCH, ANNA)
    assert not holds.mode("P", Mode.WATCH, ANNA)
    said = [
        (actor, action, about, reason, _facts(before), _facts(after))
        for actor, action, about, reason, before, after in fetch(
            "select actor, action, object, reason, before, after from audit_log order by id"
        )
    ]
    held = {"held_by": "anna", "reason": "partner"}
    assert said[1:] == [
        ("anna", "failover.hold", "failover", "partner", None, {"held": True}),
        ("anna", "failover.release", "failover", "", held, {"held": False}),
        ("anna", "pipeline.hold", "pipeline:P", "partner", None, {"held": True, "until": None}),
        ("anna", "pipeline.release", "pipeline:P", "", held, {"held": False}),
        ("anna", "pipeline.mode", "pipeline:P", "", {"mode": "auto"}, {"mode": "watch"}),
    ]


def _facts(found: Any) -> Any:
    return orjson.loads(found) if isinstance(found, str | bytes) else found


def case_of(name: str, source: Source = Source.GSB) -> Any:
    """The decision about a domain that was bad 40 seconds ago and still is."""
    row = answer(name, Verdict.UNSAFE, source, at=now() - timedelta(seconds=40))
    both = [
        Answer(domain_id=row.domain_id, source=source, verdict=Verdict.UNSAFE, observed_at=at, canary_ok=True)
        for at in (row.observed_at, now())
    ]
    found = cases.gather(name, *both)
    return found and found.decide(now())


@pytest.mark.parametrize(("minutes", "listed"), [(0, True), (29, True), (31, False)])
def test_a_page_counts_as_listed_for_half_an_hour(database: Any, minutes: int, listed: bool) -> None:
    with time_machine.travel(NOON, tick=False) as time:
        patrol.destination(pipeline().name, "https://page.example/")
        answer("a.example", Verdict.UNSAFE, subject="https://page.example/")
        time.shift(minutes * MINUTE)
        found = cases.gather("a.example", None)
        assert found is not None
        assert found.standing.destination_listed is listed


def test_the_facts_of_a_decision_are_read_as_they_stand(database: Any, settings_env: SettingsEnv) -> None:
    with time_machine.travel(NOON, tick=False) as time:
        made = pipeline()
        assert case_of("c.example") is None
        assert case_of("a.example") == Ignore("gone")
        time.shift(HOUR)
        assert case_of("a.example", Source.DNS) == Switch()
        holds.hold("P", "x", ANNA)
        assert case_of("a.example", Source.DNS) == Hold("held")
        holds.release("P", ANNA)
        evidence = answer("a.example", Verdict.UNSAFE)
        assert made.block_active_domain("GSB_UNSAFE", evidence=evidence)
        time.shift(5 * MINUTE)
        answer("b.example", Verdict.SAFE)
        assert case_of("b.example", Source.DNS) == Defer(now() + 5 * MINUTE)
        time.shift(HOUR)
        assert case_of("b.example") == Hold("fix_the_cause", "pipeline")
        settings_env(MAX_SWITCHES_PER_DAY="1")
        assert case_of("b.example", Source.DNS) == Hold("too_many_switches", "pipeline")


def test_ten_of_twenty_bad_domains_hold_everything_and_nobody_switches(database: Any) -> None:
    with time_machine.travel(NOON, tick=False) as time:
        for number in range(20):
            pipeline(f"P{number}", f"a{number}.example", f"b{number}.example")
        time.shift(HOUR)
        for number in range(10):
            answer(f"a{number}.example", Verdict.UNSAFE)
        assert case_of("a3.example") == Hold("blast_radius", "all")
        assert holds.hold_all_by_itself("blast_radius") is True
        assert case_of("a4.example") == Hold("held_everywhere")


def test_a_domain_is_safe_again_after_two_clean_answers_apart_and_six_quiet_hours(database: Any) -> None:
    with time_machine.travel(NOON, tick=False) as time:
        pipeline("P", "a.example", "b.example", "c.example")
        assert read().block_active_domain("GSB_UNSAFE")
        assert read().block_active_domain("moved away", actor="anna")
        ids = [number for number, _ in returns.watched()]
        due = []
        for _ in range(6):
            time.shift(115 * MINUTE)
            returns.note(ids, [], now())
            returns.note(ids, [], now())
            due.append(returns.safe_again(now(), 6 * HOUR))
        assert due == [[], [], [], ["a.example"], ["a.example"], ["a.example"]]
        returns.note([], ids, now())
        assert returns.safe_again(now(), 6 * HOUR) == []
