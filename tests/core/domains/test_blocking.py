"""Leaving a domain survives death at any point and happens once, whoever else is at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import OperationalError

from core.domains import blocking, pipelines, proposals
from core.domains.blocking import Call, Judged
from core.domains.brakes import Ignore, Switch
from core.domains.persons import AlreadyChanged
from models import database as connections
from models.database import fetch
from models.domain_states import Mode, Verdict
from models.proposals import open_of
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains import yard
from tests.core.domains.plain_model import Died
from tests.core.domains.yard import ANNA, pipeline, read
from tests.together import outcomes
from tests.worker.domains.duty import A, B, C, Duty, incident
from tests.worker.domains.field import watched
from tests.worker.domains.places import Open
from tests.worker.postroom import sent
from worker.domains import blocking as worker

DECIDED = "select count(*) from audit_log where action in ('proposal.accept', 'proposal.ignore')"


@pytest.fixture
def duty(go_on_duty: Open) -> Iterator[Duty]:
    with go_on_duty(CONFIRM_AFTER="0") as made:
        yield made


def judged(duty: Duty, name: str = A) -> Judged:
    """A decision that has not been carried out yet."""
    found = blocking.judge(Call(name, "GSB_UNSAFE", duty.suspected(name).id))
    assert isinstance(found.decision, Switch)
    return found


def test_nobody_who_could_tell_is_told_as_just_that(duty: Duty) -> None:
    pipeline("P", A, B)
    duty.sandbox.fault("gsb", {"type": "status", "status": 503})
    assert blocking.judge(Call(A, "GSB_UNSAFE")).decision == Ignore("unknown", incident="unknown")


def alerts() -> list[Any]:
    return fetch("select kind, dedupe_key, count from alert")


def test_a_death_at_any_statement_of_the_switch_changes_nothing_and_the_next_run_makes_it(
    duty: Duty, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline("P", A, B, with_update_affise=True)
    found = judged(duty)
    before, real = (yard.everything(), alerts()), connections.db.obj.execute_sql
    died = limit = left = 0

    def failing(*words: Any, **more: Any) -> Any:
        nonlocal left
        if left == 0 and not str(words[0]).lower().startswith(("rollback", "begin", "commit", "savepoint", "release")):
            raise Died
        left -= 1
        return real(*words, **more)

    while True:
        limit, left = limit + 1, limit
        with monkeypatch.context() as patch:
            patch.setattr("core.domains.preflight.prove", lambda line: None)
            patch.setattr(connections.db.obj, "execute_sql", failing)
            try:
                worker.act(found)
                break
            except Died:
                died += 1
        assert (yard.everything(), alerts()) == before
    assert died >= 20
    assert (read().active_domain, [row.seq for row in yard.switches()]) == (B, [1, 2])


@pytest.mark.parametrize("place", ["core.domains.preflight.prove", "core.domains.confirming.keep"])
def test_a_death_between_the_transactions_is_made_good_by_the_same_message(
    duty: Duty, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    pipeline("P", A, B)
    row = duty.suspected()

    def die(*_: Any, **__: Any) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(place, die)
        with pytest.raises(Died):
            worker.block_active_tracking_domain(A, "GSB_UNSAFE", row.id)
    assert read().active_domain == A
    for _ in range(2):
        worker.block_active_tracking_domain(A, "GSB_UNSAFE", row.id)
    assert (read().active_domain, len(yard.switches())) == (B, 2)


def test_a_lost_answer_to_the_commit_is_looked_up_and_never_repeated_blindly(
    duty: Duty, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline("P", A, B, C)
    found, real = judged(duty), connections.db.obj.commit
    lost = OperationalError("the server closed the connection unexpectedly")

    def cut(*, made: bool) -> Callable[[], None]:
        def commit() -> None:
            if made:
                real()
            raise lost

        return commit

    monkeypatch.setattr("core.domains.preflight.prove", lambda line: None)
    with monkeypatch.context() as patch:
        patch.setattr(connections.db.obj, "commit", cut(made=False))
        with pytest.raises(OperationalError):
            worker.act(found)
    assert read().active_domain == A
    with monkeypatch.context() as patch:
        patch.setattr(connections.db.obj, "commit", cut(made=True))
        worker.act(found)
    assert (read().active_domain, len(yard.switches())) == (B, 2)


def together(*works: Callable[[], Any]) -> None:
    """At the same instant; whoever comes too late may be told so."""
    found = outcomes(*works)
    assert [one for one in found if isinstance(one, BaseException) and not isinstance(one, AlreadyChanged)] == []


def test_what_is_to_be_asked_later_waits_as_one_row(
    database: Any, sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pipeline("P", A, B)
    with watched(sandbox, settings_env, monkeypatch, tmp_path):
        row = yard.answer(A, Verdict.UNSAFE)
        for _ in range(3):
            worker.block_active_tracking_domain(A, "GSB_UNSAFE", row.id)
        order = {"domain": A, "reason": "GSB_UNSAFE", "evidence_id": row.id}
        assert sent("block_active_tracking_domain") == [order]


def test_workers_with_the_same_message_switch_once(duty: Duty) -> None:
    pipeline("P", A, B, C)
    found = judged(duty)
    together(*[lambda: worker.act(found)] * 3)
    assert (read().active_domain, [row.seq for row in yard.switches()]) == (B, [1, 2])


def test_a24_a_person_and_a_task_at_the_same_instant_make_one_switch_of_each_number(duty: Duty) -> None:
    made = pipeline("P", A, B, C)
    found = judged(duty)
    together(lambda: worker.act(found), lambda: pipelines.switch("P", ANNA, "slow", seq=made.switch_seq))
    assert [row.seq for row in yard.switches()] == [1, 2]
    assert read().active_domain == B


def test_two_people_who_press_at_the_same_instant_decide_once(duty: Duty) -> None:
    pipeline("P", A, B, mode=Mode.SUGGEST)
    duty.block(evidence=duty.suspected())
    number = open_of(read().id)
    assert number is not None
    together(lambda: proposals.accept(number.id, ANNA), lambda: proposals.ignore(number.id, ANNA))
    assert fetch(DECIDED)[0][0] == 1
    assert incident("unsafe", A) is not None
