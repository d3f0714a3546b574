"""What is forgotten, and what is kept however old it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from config.clock import now
from config.ids import new_id
from models import retention
from models.database import execute, fetch
from models.fields import bind
from models.retention import forget_old

pytestmark = pytest.mark.usefixtures("database")


def ago(days: float) -> datetime:
    return now() - timedelta(days=days)


def task_run(started_at: datetime) -> None:
    execute("insert into task_run (task, started_at) values ('a', %s)", (bind(started_at),))


def dead_letter(state: str, resolved_at: datetime | None) -> None:
    sql = """
    insert into dead_letter
        (message_id, task, queue, body, reason, fingerprint, first_seen_at, state, resolved_at)
    values (%s, 'a', 'q', %s, 'poison', 'f', %s, %s, %s)
    """
    execute(sql, [bind(value) for value in (new_id(), b"x", ago(400), state, resolved_at)])


def count(table: str) -> int:
    return int(fetch(f"select count(*) from {table}")[0][0])


def test_runs_are_kept_for_thirty_days() -> None:
    task_run(ago(31))
    task_run(ago(29))
    assert forget_old(90) == 1
    assert count("task_run") == 1


def test_many_old_runs_go_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_STEP", 2)
    for _ in range(5):
        task_run(ago(40))
    assert forget_old(90) == 5


def test_due_times_are_kept_longer_than_their_runs() -> None:
    for days in (89, 91):
        sql = "insert into schedule_run (task, due_at, state) values ('a', %s, 'done')"
        execute(sql, (bind(ago(days)),))
    assert forget_old(90) == 1


@pytest.mark.parametrize(
    ("table", "columns"),
    [("message_cancel", "message_id, cancelled_by, at"), ("poison", "message_id, crashes, at")],
)
def test_marks_of_old_messages_go(table: str, columns: str) -> None:
    for days in (29, 31):
        execute(f"insert into {table} ({columns}) values (%s, %s, %s)", (str(new_id()), "1", bind(ago(days))))
    assert forget_old(90) == 1


def test_settled_dead_letters_go_when_the_setting_says_so_and_open_ones_never() -> None:
    cases: list[tuple[str, Any]] = [
        ("dead", None),
        ("replayed", ago(11)),
        ("discarded", ago(11)),
        ("discarded", ago(9)),
    ]
    for state, resolved_at in cases:
        dead_letter(state, resolved_at)
    assert forget_old(10) == 2
    assert sorted(state for (state,) in fetch("select state from dead_letter")) == ["dead", "discarded"]


def domain(name: str) -> int:
    sql = "insert into tracking_domain (name, registrable, created_at) values (%s, %s, %s) returning id"
    return int(fetch(sql, (name, name, bind(ago(400))))[0][0])


def evidence(domain_id: int, seen_at: datetime) -> int:
    sql = """
    insert into domain_evidence (domain_id, source, verdict, subject, provider, live, detail, observed_at, expires_at)
    values (%s, 'gsb', 'unsafe', 'x', 'x', true, '{}', %s, %s) returning id
    """
    return int(fetch(sql, (domain_id, bind(seen_at), bind(seen_at)))[0][0])


def test_answers_about_domains_and_sweeps_are_kept_for_thirty_days() -> None:
    number = domain("a.example")
    young = [evidence(number, ago(days)) for days in (31, 29)][1]
    for days in (31, 29):
        execute("insert into check_cycle (source, started_at) values ('gsb', %s)", (bind(ago(days)),))
    assert forget_old(90) == 2
    assert (fetch("select id from domain_evidence"), count("check_cycle")) == ([(young,)], 1)


def test_an_answer_that_something_rests_on_is_never_forgotten() -> None:
    number = domain("a.example")
    kept = [evidence(number, ago(400)) for _ in range(4)]
    sql = "insert into tracking_domain_pipeline (name, created_at) values ('P', %s) returning id"
    pipeline = int(fetch(sql, (bind(ago(400)),))[0][0])
    switch = """
    insert into domain_switch (pipeline_id, seq, trigger, reason, actor, decided_at, evidence_id)
    values (%s, 1, 'check', 'GSB_UNSAFE', 'system', %s, %s)
    """
    execute(switch, (pipeline, bind(ago(400)), kept[0]))
    role = """
    insert into pipeline_domain (pipeline_id, domain_id, role, role_since, blocked_at, block_evidence_id)
    values (%s, %s, 'blocked', %s, %s, %s)
    """
    execute(role, (pipeline, number, bind(ago(400)), bind(ago(400)), kept[1]))
    proposal = """
    insert into switch_proposal (pipeline_id, domain_id, reason, evidence_id, expected_seq, expires_at, created_at)
    values (%s, %s, 'GSB_UNSAFE', %s, 1, %s, %s)
    """
    execute(proposal, (pipeline, number, kept[2], bind(ago(400)), bind(ago(400))))
    state = """
    insert into domain_state (domain_id, source, verdict, evidence_id, observed_at, changed_at)
    values (%s, 'gsb', 'unsafe', %s, %s, %s)
    """
    execute(state, (number, kept[3], bind(ago(400)), bind(ago(400))))
    evidence(number, ago(31))
    assert forget_old(90) == 1
    assert [row for (row,) in fetch("select id from domain_evidence order by id")] == kept
