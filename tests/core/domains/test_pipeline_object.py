"""The pipeline as an object: it blocks its active domain once, moves on, and takes domains back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.clock import now
from core.domains import pipelines
from core.domains.persons import AlreadyChanged
from models import database as connections
from models import roles, switches
from models.database import db
from models.domain_states import Source, Verdict
from models.domains import TrackingDomainPipeline
from models.switches import Overtaken
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, MINUTE, answer, drafts, everything, pipeline, read, steps
from tests.together import together


def test_a_new_pipeline_has_one_active_domain_and_a_switch_that_nothing_follows(database: Any) -> None:
    made = pipeline(with_update_voluum=True, with_update_affise=True)
    assert (made.active_domain, made.next_domain, made.blocked_domains) == ("a.example", "b.example", [])
    [first] = yard.switches()
    assert (first.seq, str(first.trigger), first.actor, first.announced_at is not None) == (1, "create", "anna", True)
    assert set(steps(first.id).values()) == {"not_needed"}
    assert drafts() == []


def test_blocking_moves_to_the_next_spare_and_records_the_evidence(database: Any) -> None:
    made = pipeline()
    evidence = answer("a.example", Verdict.UNSAFE)
    assert made.block_active_domain("GSB_UNSAFE", evidence=evidence) is True
    assert (made.active_domain, made.next_domain, made.blocked_domains) == ("b.example", "c.example", ["a.example"])
    last = yard.switches()[-1]
    assert (last.seq, str(last.trigger), last.reason, last.actor) == (2, "check", "GSB_UNSAFE", "system")
    assert (last.evidence_id, last.observed_at, last.unverified) == (evidence.id, evidence.observed_at, True)


def test_blocking_twice_switches_once(database: Any) -> None:
    made = pipeline()
    assert [made.block_active_domain("MANUAL"), made.block_active_domain("MANUAL")] == [True, False]
    assert read().active_domain == "b.example"


def test_a_worker_that_decided_on_an_older_switch_changes_nothing(database: Any) -> None:
    made = pipeline()
    assert made.block_active_domain("MANUAL")
    before = everything()
    assert read().block_active_domain("MANUAL", seq=1) is False
    assert everything() == before
    assert read().block_active_domain("MANUAL", seq=2) is True


def test_evidence_about_another_domain_or_from_before_the_activation_is_ignored(database: Any) -> None:
    made = pipeline()
    other = answer("b.example", Verdict.UNSAFE)
    early = answer("a.example", Verdict.UNSAFE, at=now() - MINUTE)
    before = everything()
    assert [made.block_active_domain("GSB_UNSAFE", evidence=each) for each in (other, early)] == [False, False]
    assert everything() == before


def test_blocking_without_a_spare_exhausts_the_pipeline(database: Any) -> None:
    made = pipeline("P", "a.example", with_update_voluum=True, with_update_affise=True)
    assert made.block_active_domain("MANUAL", actor="anna") is True
    assert (read().active_domain, str(read().status), read().blocked_domains) == (None, "exhausted", ["a.example"])
    last = yard.switches()[-1]
    assert (last.to_domain_id, steps(last.id)) == (
        None, {"voluum": "not_needed", "affise": "not_needed", "telegram": "pending"},
    )  # fmt: skip
    assert (drafts(), read().block_active_domain("MANUAL")) == ([], False)


def test_an_exhausted_pipeline_asks_for_its_own_address_at_affise_as_a_draft(database: Any) -> None:
    made = pipeline("P", "a.example", with_update_affise=True, trafficback_url="https://back.example/")
    assert made.block_active_domain("MANUAL")
    assert drafts() == [("a.example", "https://back.example/", "draft")]


@pytest.mark.parametrize(
    ("voluum", "affise"), [(False, False), (True, False), (False, True), (True, True)]
)  # fmt: skip
def test_the_flags_say_which_steps_follow_a_switch(database: Any, voluum: bool, affise: bool) -> None:
    made = pipeline(with_update_voluum=voluum, with_update_affise=affise)
    assert made.block_active_domain("MANUAL")
    word = {True: "pending", False: "not_needed"}
    assert steps(yard.switches()[-1].id) == {"voluum": word[voluum], "affise": word[affise], "telegram": "pending"}
    assert drafts() == ([("a.example", "b.example", "draft")] if affise else [])


def test_a_newer_switch_takes_over_what_an_older_one_has_not_begun(database: Any) -> None:
    made = pipeline(with_update_voluum=True, with_update_affise=True)
    assert made.block_active_domain("MANUAL")
    assert read().block_active_domain("MANUAL")
    _, second, third = yard.switches()
    assert steps(second.id) == {"voluum": "superseded", "affise": "superseded", "telegram": "pending"}
    assert (second.superseded_at is not None, third.superseded_at) == (True, None)
    assert drafts() == [("a.example", "b.example", "superseded"), ("b.example", "c.example", "draft")]


def test_spares_that_pass_every_gate_go_before_unproven_ones_and_bad_ones_never_go(database: Any) -> None:
    made = pipeline("P", "a.example", "b.example", "c.example", "d.example")
    assert made.next_domain == "b.example"
    answer("b.example", Verdict.UNSAFE, Source.TLS)
    assert made.next_domain == "c.example"
    yard.ready("d.example")
    assert made.next_domain == "d.example"
    answer("d.example", Verdict.SAFE, at=now() - timedelta(seconds=601))
    assert made.next_domain == "c.example"
    yard.ready("d.example")
    assert made.block_active_domain("MANUAL")
    last = yard.switches()[-1]
    assert (read().active_domain, last.unverified) == ("d.example", False)
    assert [each["domain"] for each in last.skipped] == ["b.example", "c.example"]


def test_a_spare_that_turns_unsafe_is_blocked_without_a_switch(database: Any) -> None:
    made = pipeline()
    bad = [(made.id, yard.domain(name).id, "GSB_UNSAFE", None) for name in ("a.example", "b.example")]
    with db.atomic():
        assert roles.block_spares(bad, now()) == {yard.domain("b.example").id}
        assert roles.block_spares(bad, now()) == set()
    assert (made.active_domain, made.next_domain, made.blocked_domains) == ("a.example", "c.example", ["b.example"])
    assert len(yard.switches()) == 1


def test_a_domain_returns_as_the_last_spare_or_is_parked(database: Any) -> None:
    assert pipeline("P", return_to_work=True).block_active_domain("MANUAL")
    assert pipeline("Q", "x.example", "y.example").block_active_domain("MANUAL")
    assert [read().unblock_domain("a.example"), read().unblock_domain("a.example")] == [True, False]
    assert read("Q").unblock_domain("x.example") is True
    assert yard.roles() == {"a.example": "backup", "b.example": "active", "c.example": "backup"}
    assert [place.name for place in pipelines.get("P").spares] == ["c.example", "a.example"]
    assert yard.roles("Q") == {"x.example": "parked", "y.example": "active"}


def test_a_domain_that_three_pipelines_blocked_returns_to_the_first_and_is_parked_elsewhere(database: Any) -> None:
    for name, back in (("P", True), ("Q", True), ("R", False)):
        pipeline(name, f"{name}1.example", return_to_work=back)
        pipelines.extend(name, [f"{name}2.example"], ANNA)
    shared = yard.domain("p1.example").id
    assert read("P").block_active_domain("MANUAL")
    for name in ("Q", "R"):
        with db.atomic():
            roles.place([(read(name).id, shared, "blocked", 9, "GSB_UNSAFE", now())], now())
    done = pipelines.return_to_work("p1.example")
    assert [(each.pipeline_id, str(each.role)) for each in done] == [
        (read("P").id, "backup"), (read("Q").id, "parked"), (read("R").id, "parked"),
    ]  # fmt: skip
    assert pipelines.return_to_work("p1.example") == []


def test_a_return_into_an_exhausted_pipeline_is_a_switch_that_platforms_follow(database: Any) -> None:
    made = pipeline("P", "a.example", return_to_work=True, with_update_voluum=True, with_update_affise=True)
    assert made.block_active_domain("MANUAL")
    assert read().unblock_domain("a.example") is True
    last = yard.switches()[-1]
    assert (str(last.trigger), read().active_domain, str(read().status)) == ("return", "a.example", "active")
    assert steps(last.id) == {"voluum": "pending", "affise": "pending", "telegram": "pending"}


class Crash(Exception):
    """Stands for a process that dies."""


def test_a_crash_between_any_two_statements_changes_nothing(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pipeline(with_update_affise=True)
    before = everything()
    real = connections.db.obj.execute_sql
    died = limit = left = 0

    def failing(*words: Any, **more: Any) -> Any:
        nonlocal left
        if left == 0 and not str(words[0]).lower().startswith(("rollback", "begin", "commit")):
            raise Crash
        left -= 1
        return real(*words, **more)

    while True:
        limit, left = limit + 1, limit
        with monkeypatch.context() as patch:
            patch.setattr(connections.db.obj, "execute_sql", failing)
            try:
                assert made.block_active_domain("MANUAL")
                break
            except Crash:
                died += 1
        assert everything() == before
    assert died >= 12
    assert read().active_domain == "b.example"


def test_a_row_that_is_not_as_it_was_read_undoes_the_whole_switch(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pipeline()
    before = everything()
    monkeypatch.setattr(switches, "_ENTER", switches._ENTER + " and 1 = 0")
    with pytest.raises(Overtaken):
        made.block_active_domain("MANUAL")
    assert everything() == before


def test_workers_that_block_at_the_same_instant_switch_once(database: Any) -> None:
    made = pipeline(with_update_affise=True)
    assert sorted(together(*[lambda: made.block_active_domain("MANUAL")] * 6)) == [False] * 5 + [True]
    assert [row.seq for row in yard.switches()] == [1, 2]


def test_a_person_and_a_task_at_the_same_instant_make_one_switch_of_each_number(database: Any) -> None:
    made: TrackingDomainPipeline = pipeline("P", *(f"d{number}.example" for number in range(8)))

    def by_hand() -> bool:
        try:
            return bool(pipelines.switch("P", ANNA, "test", seq=made.switch_seq))
        except AlreadyChanged:
            return False

    works = [lambda: made.block_active_domain("MANUAL"), by_hand] * 3
    assert sum(together(*works)) == 1
    assert [row.seq for row in yard.switches()] == [1, 2]
