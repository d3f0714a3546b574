"""Opinions are asked for once an hour and domain, handed to a checker within their time, and ended without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker

from core.domains import safety
from core.domains.persons import Refused
from models import safety as rows
from models.database import execute, fetch
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.domains.opinions import answers, blocks, incidents, opened, sent, statuses, words
from tests.core.domains.yard import ANNA, pipeline
from tests.together import together
from worker.domains import safety as tasks
from worker.domains.safety import (
    check_active_tracking_domains_via_gsc,
    dispatch_domain_safety_request,
    expire_domain_safety_requests,
)
from worker.failures import BadMessage, Busy

NOON = datetime(2026, 11, 21, 12, 0, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUESTIONS = "/v1/domain-safety-requests"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def area(clock: time_machine.Traveller, database: Any, stub_broker: StubBroker) -> StubBroker:
    """One pipeline, and a broker that only keeps what is sent."""
    pipeline("P", "a.example", "b.example")
    return stub_broker


@pytest.fixture
def checker(area: StubBroker, _sandbox: Sandbox, settings_env: SettingsEnv) -> Sandbox:
    """A checker that takes questions and keeps its answers to itself."""
    _sandbox.reset()
    _sandbox.edit("checker", "settings", silent=True)
    settings_env(SAFETY_CHECKER_URL=f"{_sandbox.url}/checker", WEB_URL="https://ops.example/")
    safety._checker.cache_clear()
    return _sandbox


def dispatch(domain: str = "a.example") -> str:
    request_id = str(opened(domain).id)
    dispatch_domain_safety_request(request_id)
    return request_id


def test_each_active_domain_of_an_enabled_pipeline_gets_one_request_with_its_message(area: StubBroker) -> None:
    pipeline("Q", "q.example", "r.example")
    pipeline("held", "h.example")
    pipeline("off", "o.example")
    execute("update tracking_domain_pipeline set held_at = created_at where name = 'held'")
    execute("update tracking_domain_pipeline set enabled = %s where name = 'off'", (False,))
    assert check_active_tracking_domains_via_gsc() == 3
    assert statuses() == {name: ["pending"] for name in ("a.example", "h.example", "q.example")}
    ids = {str(row[0]) for row in fetch("select id from domain_safety_request")}
    assert {one["args"][0] for one in sent(area, "dispatch_domain_safety_request")} == ids


def test_a7_the_task_twice_in_one_hour_on_two_workers_opens_one_request_per_active_domain(
    area: StubBroker, clock: time_machine.Traveller
) -> None:
    pipeline("Q", "q.example")
    assert sum(together(*[check_active_tracking_domains_via_gsc] * 4)) == 2
    clock.shift(timedelta(minutes=30))
    assert check_active_tracking_domains_via_gsc() == 0
    assert statuses() == {"a.example": ["pending"], "q.example": ["pending"]}
    assert len(sent(area, "dispatch_domain_safety_request")) == 2


def test_the_next_hour_asks_anew_and_ends_what_was_left(area: StubBroker, clock: time_machine.Traveller) -> None:
    check_active_tracking_domains_via_gsc()
    clock.shift(HOUR)
    assert check_active_tracking_domains_via_gsc() == 1
    assert statuses() == {"a.example": ["expired", "pending"]}


def test_a_death_before_the_commit_leaves_neither_request_nor_message(
    area: StubBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(dispatch_domain_safety_request, "send", die, raising=False)
        with pytest.raises(RuntimeError):
            check_active_tracking_domains_via_gsc()
    assert statuses() == {}
    assert check_active_tracking_domains_via_gsc() == 1


def test_a_checker_gets_the_question_once_under_the_id_of_the_request(checker: Sandbox) -> None:
    request_id = dispatch()
    dispatch_domain_safety_request(request_id)
    (row,) = checker.journal("checker")
    assert row["headers"]["idempotency-key"] == request_id
    [question] = checker.control("GET", "state/checker")["questions"]
    assert (question["domain"], question["urls"]) == ("a.example", ["https://a.example/"])
    assert question["callback_url"] == f"https://ops.example/callbacks/domain-safety/{request_id}"
    assert question["expires_at"] == "2026-11-21T12:55:02Z"
    assert len(question["nonce"]) >= 32
    assert statuses() == {"a.example": ["dispatched"]}


def test_a_refusal_fails_the_request_and_is_told_until_one_is_taken(checker: Sandbox) -> None:
    refusals = (400, 401, 404, 409, 302)
    for number, status in enumerate(refusals):
        checker.fault("checker", {"type": "status", "status": status}, times=1)
        pipeline(f"R{number}", f"r{number}.example")
        dispatch(f"r{number}.example")
        assert statuses()[f"r{number}.example"] == ["failed"]
    assert incidents(tasks.REFUSED) == [("checker", len(refusals), True)]
    dispatch()
    assert incidents(tasks.REFUSED) == [("checker", len(refusals), False)]


def test_a_checker_that_cannot_answer_is_asked_again_within_the_window(checker: Sandbox) -> None:
    troubles: list[tuple[dict[str, Any], float]] = [
        ({"type": "retry_after", "seconds": 7}, 7.0),
        ({"type": "status", "status": 503}, 5.0),
        ({"type": "drop"}, 5.0),
        ({"type": "commit_then_drop"}, 5.0),
    ]
    for number, (action, wait) in enumerate(troubles):
        checker.fault("checker", action, match={"path": QUESTIONS}, times=1)
        pipeline(f"T{number}", f"t{number}.example")
        request_id = str(opened(f"t{number}.example").id)
        with pytest.raises(Busy) as busy:
            dispatch_domain_safety_request(request_id)
        assert (busy.value.seconds, statuses()[f"t{number}.example"]) == (wait, ["pending"])
        # the limiter goes by the monotonic clock, which stands outside of the story
        safety._checker.cache_clear()
        dispatch_domain_safety_request(request_id)
        assert statuses()[f"t{number}.example"] == ["dispatched"]
    assert len(checker.control("GET", "state/checker")["questions"]) == len(troubles)


def test_after_the_window_nothing_is_asked(checker: Sandbox, clock: time_machine.Traveller) -> None:
    request_id = str(opened().id)
    clock.shift(timedelta(minutes=55))
    dispatch_domain_safety_request(request_id)
    assert checker.journal("checker") == []


def test_a_domain_that_is_in_use_no_more_is_not_asked_about(checker: Sandbox) -> None:
    request_id = str(opened().id)
    execute("update tracking_domain_pipeline set enabled = %s", (False,))
    dispatch_domain_safety_request(request_id)
    assert (statuses(), checker.journal("checker")) == ({"a.example": ["cancelled"]}, [])


def test_a_message_about_nothing_does_nothing_and_one_without_an_id_is_set_aside(area: StubBroker) -> None:
    dispatch_domain_safety_request("01936f2a-7c00-7000-8000-000000000001")
    with pytest.raises(BadMessage, match="request_id"):
        dispatch_domain_safety_request("seven")


def test_three_requests_in_a_row_without_an_answer_are_one_warning_until_one_comes(
    area: StubBroker, clock: time_machine.Traveller
) -> None:
    pipeline("Q", "q.example")
    for hour in range(3):
        assert incidents(tasks.SILENT) == []
        check_active_tracking_domains_via_gsc()
        clock.shift(timedelta(minutes=56))
        assert expire_domain_safety_requests() == 2
        assert expire_domain_safety_requests() == 0
        clock.move_to(NOON + (hour + 1) * HOUR)
    assert incidents(tasks.SILENT) == [("checker", 1, True)]
    for name in ("a.example", "q.example"):
        request = opened(name)
        tasks.take(str(request.id), words(request, "safe"))
    expire_domain_safety_requests()
    assert incidents(tasks.SILENT) == [("checker", 1, False)]
    assert blocks(area) == []


def test_an_answer_that_overtakes_the_note_of_its_dispatch_counts(area: StubBroker) -> None:
    request = opened()
    assert tasks.take(str(request.id), words(request, "safe")).result == "accepted"
    assert rows.dispatched(request.id, NOON) is False
    assert statuses() == {"a.example": ["safe"]}
    assert [piece["detail"] for piece in rows.last_pieces(request.domain_id)] == ["12:07"]


def test_a_person_may_answer_once_and_is_on_record(area: StubBroker) -> None:
    opened()
    taken = tasks.answer_by_hand("A.example", "unsafe", ANNA, "security issue mail")
    assert blocks(area) == [{"domain": "a.example", "reason": "GSC_UNSAFE", "evidence_id": taken.evidence_id}]
    assert answers() == [("gsc", "unsafe", "person:anna")]
    with pytest.raises(Refused, match=r"no request about a\.example"):
        tasks.answer_by_hand("a.example", "safe", ANNA, "looked again")
    told = fetch("select actor, object, reason from audit_log where action = 'domain.answer'")
    assert told == [("anna", "domain:a.example", "security issue mail")]


def test_a_person_who_says_too_little_is_told_what_is_missing(area: StubBroker) -> None:
    opened()
    for domain, verdict, reason, field in (
        ("a.example", "unknown", "x", "verdict"),
        ("a.example", "safe", " ", "reason"),
        ("10.0.0.1", "safe", "x", "domain"),
    ):
        with pytest.raises(Refused, match=f"{field}: "):
            tasks.answer_by_hand(domain, verdict, ANNA, reason)
    assert (statuses(), answers()) == ({"a.example": ["pending"]}, [])
