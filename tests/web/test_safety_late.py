"""Answers that come late, again, otherwise, or in the middle of an outage: what stands is decided once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker
from falcon.testing import TestClient
from peewee import OperationalError

from core.domains import blocking, safety_answers
from core.domains.blocking import Call
from core.domains.brakes import Ignore
from models.database import fetch
from models.safety import Request
from tests.core.domains.opinions import (
    answers,
    blocks,
    incidents,
    statuses,
    words,
)
from tests.web.answering import nothing_followed, post
from worker.domains import safety as tasks
from worker.domains.blocking import block_active_tracking_domain


@pytest.mark.parametrize("ended", ["time", "expired", "cancelled"])
def test_a8_a_late_answer_is_kept_and_nothing_follows(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker, noon: time_machine.Traveller, ended: str
) -> None:
    noon.shift(timedelta(minutes=55))
    if ended == "expired":
        tasks.expire_domain_safety_requests()
    elif ended == "cancelled":
        noon.shift(timedelta(minutes=-55))
        fetch("update domain_safety_request set status = 'cancelled' returning id")
    body = words(asked)
    assert [post(callbacks, asked.id, body).status_code for _ in range(2)] == [410, 200]
    assert (answers(), blocks(stub_broker)) == ([("gsc", "suspect", "mailbox-1")], [])
    assert fetch("select 1 from domain_state") == []
    [(number,)] = fetch("select id from domain_evidence")
    late = blocking.judge(Call("a.example", "GSC_UNSAFE", number))
    assert late.decision == Ignore("unconfirmed")


def test_another_verdict_after_the_first_is_refused_and_told(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker
) -> None:
    post(callbacks, asked.id, words(asked, "safe"))
    assert post(callbacks, asked.id, words(asked, "safe", checker="mailbox-2")).status_code == 200
    assert post(callbacks, asked.id, words(asked, "unsafe")).status_code == 409
    assert (statuses(), blocks(stub_broker)) == ({"a.example": ["safe"]}, [])
    assert incidents(tasks.CONTRADICTED) == [("a.example", 1, True)]


def test_a_death_before_the_commit_leaves_the_request_open_for_the_next_try(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(**_: Any) -> None:
        raise RuntimeError("killed")

    body = words(asked)
    with monkeypatch.context() as patch:
        patch.setattr(block_active_tracking_domain, "send", die, raising=False)
        assert post(callbacks, asked.id, body).status_code == 500
    assert nothing_followed(stub_broker)
    assert post(callbacks, asked.id, body).status_code == 202
    assert len(blocks(stub_broker)) == 1


def test_without_a_database_the_checker_is_asked_to_come_again(
    callbacks: TestClient, asked: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise OperationalError("down")

    body = words(asked)
    with monkeypatch.context() as patch:
        patch.setattr(safety_answers, "take", down)
        answer = post(callbacks, asked.id, body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert post(callbacks, asked.id, body).status_code == 202


def test_nothing_but_post_is_answered(callbacks: TestClient, asked: Request) -> None:
    assert callbacks.simulate_get(f"/callbacks/domain-safety/{asked.id}").status_code == 405
    assert orjson.loads(words(asked))["nonce"] == asked.nonce
