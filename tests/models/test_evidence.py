"""Answers about domains as rows: what stands after each, which ones get a row, and in how many statements."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine

from config.clock import now
from models import conflicts, evidence
from models.database import db, fetch
from models.domain_states import Source, Verdict
from models.domains import DomainEvidence, DomainState
from models.evidence import Finding, Stored
from models.fields import bind
from tests.together import together

pytestmark = pytest.mark.usefixtures("database")
SAFE, SUSPECT, UNSAFE, UNKNOWN = Verdict.SAFE, Verdict.SUSPECT, Verdict.UNSAFE, Verdict.UNKNOWN
SECOND = timedelta(seconds=1)


@pytest.fixture
def start() -> datetime:
    return now() - timedelta(hours=1)


def domains(number: int) -> list[int]:
    sql = "insert into tracking_domain (name, registrable, created_at) values (%s, %s, %s) returning id"
    return [int(fetch(sql, (f"d{each}.example", "x", bind(now())))[0][0]) for each in range(number)]


def answer(at: datetime, verdict: Verdict, domain_id: int = 1, **more: Any) -> Finding:
    values: dict[str, Any] = {"source": Source.GSB, "subject": "d.example", "live": True, "detail": {}}
    return Finding(
        domain_id=domain_id, verdict=verdict, provider="test", canary_ok=True, observed_at=at, expires_at=at,
        **(values | more),
    )  # fmt: skip


def keep(*findings: Finding) -> list[Stored]:
    return conflicts.transaction(lambda: evidence.store(findings))


def told(*findings: Finding) -> list[tuple[Verdict | None, Verdict, int]]:
    """(before, after, how many in a row) of each answer."""
    return [(one.before, one.verdict, one.streak) for one in keep(*findings)]


def rows() -> list[str]:
    return [each.verdict.value for each in DomainEvidence.select().order_by(DomainEvidence.id)]


def test_changes_and_bad_answers_get_a_row_and_good_ones_are_counted(start: datetime) -> None:
    domains(1)
    assert told(answer(start, SAFE), answer(start + SECOND, SAFE)) == [(None, SAFE, 1), (SAFE, SAFE, 2)]
    assert told(answer(start + 2 * SECOND, UNSAFE)) == [(SAFE, UNSAFE, 1)]
    assert told(answer(start + 40 * SECOND, UNSAFE)) == [(UNSAFE, UNSAFE, 2)]
    assert rows() == ["safe", "unsafe", "unsafe"]
    state = DomainState.get()
    assert (state.first_bad_at, state.changed_at) == (start + 2 * SECOND, start + 2 * SECOND)
    assert state.evidence_id == DomainEvidence.select().order_by(DomainEvidence.id.desc()).get().id


def test_the_same_answer_again_changes_nothing_and_has_the_same_row(start: datetime) -> None:
    domains(1)
    (first,), (again,) = keep(answer(start, UNSAFE)), keep(answer(start, UNSAFE))
    assert (first.evidence_id, first.streak) == (again.evidence_id, again.streak)
    assert rows() == ["unsafe"]


def test_an_older_answer_overwrites_nothing_unless_the_newer_one_is_from_the_future(start: datetime) -> None:
    domains(1)
    with time_machine.travel(start, tick=False):
        keep(answer(start, SAFE))
        (late,) = keep(answer(start - SECOND, UNSAFE))
        assert (late.verdict, late.evidence_id) == (SAFE, None)
        keep(answer(start + timedelta(days=1), SAFE))
        assert told(answer(start + SECOND, UNSAFE)) == [(SAFE, UNSAFE, 1)]


def test_a_suspicion_stands_while_nobody_can_tell(start: datetime) -> None:
    domains(1)
    keep(answer(start, SUSPECT))
    assert told(answer(start + SECOND, UNKNOWN)) == [(SUSPECT, SUSPECT, 1)]
    assert told(answer(start + 2 * SECOND, UNSAFE)) == [(SUSPECT, UNSAFE, 2)]
    assert rows() == ["suspect", "unsafe"]


def test_one_clean_answer_takes_back_what_was_said_once(start: datetime) -> None:
    domains(1)
    keep(answer(start, UNSAFE))
    assert told(answer(start + SECOND, SAFE, live=False)) == [(UNSAFE, UNSAFE, 1)]
    (taken,) = keep(answer(start + 2 * SECOND, SAFE))
    assert (taken.recovered, taken.verdict) == (True, SAFE)
    assert DomainState.get().first_bad_at is None


def test_what_was_confirmed_is_taken_back_by_two_clean_live_answers_a_minute_apart(start: datetime) -> None:
    domains(1)
    keep(answer(start, UNSAFE), answer(start + 30 * SECOND, UNSAFE))
    bad = DomainState.get().evidence_id
    for seconds, live in ((40, True), (99, True), (100, False)):
        (still,) = keep(answer(start + seconds * SECOND, SAFE, live=live))
        assert (still.recovered, still.verdict, DomainState.get().evidence_id) == (False, UNSAFE, bad)
    (last,) = keep(answer(start + 101 * SECOND, SAFE))
    assert (last.recovered, last.verdict) == (True, SAFE)
    assert rows() == ["unsafe", "unsafe", "safe", "safe"]


def test_a_bad_answer_on_the_way_back_starts_it_again(start: datetime) -> None:
    domains(1)
    keep(answer(start, SUSPECT), answer(start + SECOND, UNSAFE), answer(start + 2 * SECOND, SAFE))
    assert told(answer(start + 30 * SECOND, SUSPECT)) == [(UNSAFE, UNSAFE, 3)]
    assert told(answer(start + 65 * SECOND, SAFE)) == [(UNSAFE, UNSAFE, 3)]
    assert told(answer(start + 130 * SECOND, SAFE)) == [(UNSAFE, SAFE, 1)]


def test_a_fact_is_believed_at_once_where_an_opinion_is_not(start: datetime) -> None:
    domains(1)
    keep(*(answer(start + number * SECOND, UNSAFE, source=Source.TLS) for number in range(3)))
    assert told(answer(start + 4 * SECOND, SAFE, source=Source.TLS)) == [(UNSAFE, SAFE, 1)]


def test_sources_are_apart(start: datetime) -> None:
    domains(1)
    keep(answer(start, UNSAFE), answer(start, SAFE, source=Source.DNS))
    assert {state.source: state.verdict for state in DomainState.select()} == {Source.GSB: UNSAFE, Source.DNS: SAFE}


def test_what_no_database_can_hold_is_left_out(start: datetime) -> None:
    domains(1)
    keep(answer(start, UNSAFE, subject="d\x00.example", detail={"said": ["\x00\ud800"], "at": start}))
    keep(answer(start + SECOND, UNSAFE, detail={"said": "x" * 20_000}))
    first, second = DomainEvidence.select().order_by(DomainEvidence.id)
    assert (first.subject, first.detail["said"]) == ("d.example", ["?"])
    assert second.detail["left_out_bytes"] > 20_000


def test_rows_written_once_change_no_state(start: datetime) -> None:
    domains(1)
    found = [answer(start, UNSAFE, subject="https://page.example/"), answer(start + SECOND, UNSAFE)]
    assert [conflicts.transaction(lambda: evidence.write_once(found)) for _ in range(2)] == [2, 0]
    assert (len(rows()), DomainState.select().count()) == (2, 0)


def test_the_number_of_statements_does_not_depend_on_the_number_of_answers(
    start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = domains(300)
    real, asked, counts = db.obj.execute_sql, [], []

    def counted(*words: Any, **more: Any) -> Any:
        asked.append(words)
        return real(*words, **more)

    monkeypatch.setattr(db.obj, "execute_sql", counted)
    for size in (5, 300):
        asked.clear()
        keep(*(answer(start, UNSAFE, each) for each in ids[:size]))
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 6
    assert len(rows()) == 300


def test_answers_that_are_stored_at_once_are_all_counted(start: datetime) -> None:
    ids = domains(3)

    def work(number: int) -> None:
        order = ids if number % 2 else ids[::-1]
        keep(*(answer(start + number * SECOND, UNSAFE, each) for each in order))

    together(*(partial(work, number) for number in range(1, 5)))
    newest = start + 4 * SECOND
    assert {(state.verdict, state.observed_at) for state in DomainState.select()} == {(UNSAFE, newest)}
    assert all(state.streak == fetch(_COUNT, (state.domain_id,))[0][0] for state in DomainState.select())


_COUNT = "select count(*) from domain_evidence where domain_id = %s"
