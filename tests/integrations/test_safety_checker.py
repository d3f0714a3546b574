"""The outside checker: one question under one key, and what each of its answers means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.errors import Conflict, OutsideError, RateLimited, Rejected, Unauthorized, Unavailable
from integrations.safety_checker import Question, SafetyChecker
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv

QUESTION = Question(
    "01936f2a-7c00-7000-8000-000000000001", "go.sandbox.test", ("https://go.sandbox.test/",), "bm9uY2U",
    datetime(2026, 11, 20, 12, 55, tzinfo=UTC), "https://ops.example/callbacks/domain-safety/1",
)  # fmt: skip


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Sandbox:
    _sandbox.reset()
    _sandbox.edit("checker", "settings", silent=True)
    return _sandbox


@pytest.fixture
def checker(sandbox: Sandbox) -> SafetyChecker:
    return SafetyChecker(f"{sandbox.url}/checker")


def test_a_question_is_accepted_once_and_known_afterwards(checker: SafetyChecker, sandbox: Sandbox) -> None:
    assert [checker.ask(QUESTION), checker.ask(QUESTION)] == [True, False]
    [question] = sandbox.control("GET", "state/checker")["questions"]
    assert question == {
        "request_id": QUESTION.request_id, "domain": "go.sandbox.test", "urls": ["https://go.sandbox.test/"],
        "nonce": "bm9uY2U", "expires_at": "2026-11-20T12:55:00Z", "callback_url": QUESTION.callback_url,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        ({"type": "status", "status": 400}, Rejected),
        ({"type": "status", "status": 401}, Unauthorized),
        ({"type": "status", "status": 409}, Conflict),
        ({"type": "redirect"}, Rejected),
        ({"type": "retry_after", "seconds": 9}, RateLimited),
        ({"type": "status", "status": 500}, Unavailable),
        ({"type": "status", "status": 503}, Unavailable),
        ({"type": "drop"}, Unavailable),
        ({"type": "hang"}, Unavailable),
        ({"type": "commit_then_drop"}, Unavailable),
    ],
    ids=lambda value: str(value.get("status") or value["type"]) if isinstance(value, dict) else None,
)
def test_each_trouble_is_the_outcome_of_a_keyed_call(
    checker: SafetyChecker, sandbox: Sandbox, action: dict[str, Any], outcome: type[OutsideError]
) -> None:
    sandbox.fault("checker", action, times=1)
    if action["type"] == "hang":
        checker.client.timeout, checker.client.deadline = (0.5, 0.5), 0.7
    with pytest.raises(outcome) as caught:
        checker.ask(QUESTION)
    assert type(caught.value) is outcome
    assert QUESTION.nonce not in str(caught.value)


def test_after_a_lost_answer_the_same_key_finds_the_question_known(checker: SafetyChecker, sandbox: Sandbox) -> None:
    sandbox.fault("checker", {"type": "commit_then_drop"}, times=1)
    with pytest.raises(Unavailable):
        checker.ask(QUESTION)
    assert checker.ask(QUESTION) is False
    assert [row["effect"] is not None for row in sandbox.journal("checker")] == [True, False]


def test_no_address_means_no_checker(settings_env: SettingsEnv) -> None:
    assert SafetyChecker.from_settings(settings_env()) is None
    made = SafetyChecker.from_settings(settings_env(SAFETY_CHECKER_URL="https://checker.example/x"))
    assert made is not None
    assert made.url == "https://checker.example/x"
