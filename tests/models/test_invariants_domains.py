"""Each invariant of pipelines finds what was tampered with, and nothing in pipelines that are right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from models import invariants_domains
from models.database import execute
from models.domain_states import Verdict
from models.fields import bind
from tests.core.domains.yard import answer, pipeline, read

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def made(database: Any) -> Any:
    """A pipeline that switched twice by itself, hours apart, and one that stands still."""
    with time_machine.travel(NOON, tick=False) as time:
        pipeline("P", "a.example", "b.example", "c.example", "d.example")
        pipeline("Q", "x.example")
        for name in ("a.example", "b.example"):
            time.shift(timedelta(hours=3))
            assert read().block_active_domain("GSB_UNSAFE", evidence=answer(name, Verdict.UNSAFE))
        time.shift(timedelta(hours=3))
        yield time


def found() -> set[str]:
    return {check.name for check in invariants_domains.CHECKS if check.find(NOON.date())}


def test_right_pipelines_violate_nothing(made: Any) -> None:
    assert found() == set()


CHANGES = {
    "update tracking_domain_pipeline set status = 'exhausted' where name = 'Q'": "status wrong",
    "update tracking_domain_pipeline set switch_seq = 7 where name = 'Q'": "numbers broken",
    "update domain_switch set seq = 9 where seq = 3": "numbers broken",
    "update domain_switch set reason = '' where seq = 3": "switches unexplained",
    "update domain_switch set evidence_id = null where seq = 3": "switches unexplained",
    "update tracking_domain_pipeline set max_switches_per_day = 1": "over the cap",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_behind_the_back_of_the_pipeline_is_found(made: Any, change: str) -> None:
    execute(change)
    assert found() == {CHANGES[change]}


def test_a_domain_at_work_in_two_pipelines_is_found(made: Any) -> None:
    execute("drop index pipeline_domain_one_work")
    execute("update pipeline_domain set role = 'backup', blocked_at = null where role = 'blocked'")
    execute("update pipeline_domain set pipeline_id = pipeline_id where role = 'backup'")
    execute(
        "insert into pipeline_domain (pipeline_id, domain_id, role, role_since) "
        "select q.id, d.id, 'backup', %s from tracking_domain_pipeline q, tracking_domain d "
        "where q.name = 'Q' and d.name = 'c.example'",
        (bind(now()),),
    )
    assert found() == {"roles shared"}


def test_a_return_within_the_cool_down_without_a_person_is_found(made: Any) -> None:
    execute("update tracking_domain_pipeline set cool_down_s = 86400")
    execute(
        "update domain_switch set to_domain_id = (select from_domain_id from domain_switch where seq = 2) where seq = 3"
    )
    assert found() == {"back and forth"}


def test_an_unsafe_verdict_that_nothing_came_of_is_found_unless_the_pipeline_is_held(made: Any) -> None:
    answer("c.example", Verdict.UNSAFE)
    assert found() == set()
    made.shift(timedelta(hours=1))
    assert found() == {"verdicts lost"}
    execute("update tracking_domain_pipeline set held_at = %s where name = 'P'", (bind(now()),))
    assert found() == set()
    execute("update tracking_domain_pipeline set held_at = null, mode = 'watch'")
    assert found() == set()
