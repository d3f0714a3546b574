"""Answers to safety requests over HTTP: every row of the table of answers, and nothing follows from a wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker
from falcon.testing import Result, TestClient
from peewee import OperationalError

from config.clock import now
from core.domains import blocking, safety_answers
from core.domains.blocking import Call
from core.domains.brakes import Ignore, Switch
from models.database import fetch
from models.safety import Request
from tests.conftest import SettingsEnv
from tests.core.domains.opinions import (
    SECRETS,
    answers,
    blocks,
    incidents,
    opened,
    signed,
    statuses,
    together,
    words,
)
from tests.core.domains.yard import pipeline
from web.app import make_app
from web.safety import LARGEST_BODY
from worker.domains import safety as tasks
from worker.domains.blocking import block_active_tracking_domain

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UNKNOWN = "01936f2a-7c00-7000-8000-000000000001"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(
    clock: time_machine.Traveller, database: Any, stub_broker: StubBroker, settings_env: SettingsEnv
) -> TestClient:
    return TestClient(make_app(settings_env(SAFETY_CALLBACK_SECRETS=SECRETS)))


@pytest.fixture
def request_(client: TestClient) -> Request:
    """A request that waits for an answer."""
    pipeline("P", "a.example", "b.example")
    return opened()


def post(client: TestClient, number: UUID | str, body: bytes, headers: dict[str, str] | None = None) -> Result:
    given = signed(body) if headers is None else headers
    return client.simulate_post(f"/callbacks/domain-safety/{number}", body=body, headers=given)


def nothing_followed(broker: StubBroker) -> bool:
    return statuses() == {"a.example": ["pending"]} and not answers() and not blocks(broker)


def test_a_body_above_64_kib_is_refused_whoever_sends_it(
    client: TestClient, request_: Request, stub_broker: StubBroker
) -> None:
    body = words(request_, padding="x" * LARGEST_BODY)
    assert post(client, request_.id, body).status_code == 413
    assert post(client, request_.id, b"x" * LARGEST_BODY, {}).status_code == 401
    assert nothing_followed(stub_broker)


def test_a8_what_is_not_signed_by_one_of_ours_within_five_minutes_is_refused_without_a_word(
    client: TestClient, request_: Request, stub_broker: StubBroker
) -> None:
    body = words(request_)
    good = signed(body)["X-Signature"]
    forged: list[dict[str, str]] = [
        {},
        {"X-Signature": ""},
        {"X-Signature": "v1=" + good.rpartition("=")[2]},
        {"X-Signature": good + ",t=1"},
        {"X-Signature": good.replace("kid=k1", "kid=k9")},
        {"X-Signature": good.replace("kid=k1", "kid=k2")},
        {"X-Signature": good[:-1] + ("0" if good[-1] != "0" else "1")},
        signed(body, secret="another-secret-of-a-stranger"),
        signed(body + b" "),
        signed(body, at=now() - timedelta(seconds=301)),
        signed(body, at=now() + timedelta(seconds=302)),
    ]
    found = [post(client, request_.id, body, headers) for headers in forged]
    assert {(one.status_code, one.text) for one in found} == {(401, "")}
    assert nothing_followed(stub_broker)


@pytest.mark.parametrize("kid", [0, 1])
def test_two_secrets_are_good_while_they_change(client: TestClient, request_: Request, kid: int) -> None:
    name, _, secret = SECRETS.split(",")[kid].partition(":")
    body = words(request_, "safe")
    headers = signed(body, name, secret, at=now() - timedelta(seconds=299))
    assert post(client, request_.id, body, headers).status_code == 202


def test_without_secrets_nobody_is_believed(request_: Request, settings_env: SettingsEnv) -> None:
    client = TestClient(make_app(settings_env(SAFETY_CALLBACK_SECRETS="")))
    assert post(client, request_.id, words(request_)).status_code == 401


@pytest.mark.parametrize("number", [UNKNOWN, "seven", "%00", "a" * 3000, UNKNOWN.replace("-", "")])
def test_an_id_that_is_unknown_is_not_found(
    client: TestClient, request_: Request, stub_broker: StubBroker, number: str
) -> None:
    assert post(client, number, words(request_)).status_code == 404
    assert nothing_followed(stub_broker)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"domain": "b.example"}, "domain"),
        ({"request_id": UNKNOWN}, "request_id"),
        ({"verdict": "bad"}, "verdict"),
        ({"verdict": ["unsafe"]}, "verdict"),
        ({"verdict": None}, "verdict"),
        ({"observed_at": None}, "observed_at"),
        ({"observed_at": "2026-11-21T12:00:00"}, "observed_at"),
        ({"observed_at": "2026-11-21T12:05:01Z"}, "observed_at"),
        ({"observed_at": "0001-01-01T00:00:00+14:00"}, "observed_at"),
        ({"checker": ""}, "checker"),
        ({"checker": "a\nb"}, "checker"),
        ({"evidence": {}}, "evidence"),
        ({"evidence": ["x"]}, "evidence"),
        ({"evidence": [{"kind": "x", "detail": "y" * 17_000}]}, "evidence"),
        ({"evidence": [{"kind": "a\0b"}]}, "evidence"),
    ],
)
def test_a8_an_answer_that_does_not_fit_its_request_is_refused_with_the_field(
    client: TestClient, request_: Request, stub_broker: StubBroker, changes: dict[str, Any], field: str
) -> None:
    answer = post(client, request_.id, words(request_, **changes))
    assert (answer.status_code, answer.json["problem"].partition(":")[0]) == (422, field)
    assert request_.nonce not in answer.text
    assert nothing_followed(stub_broker)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 60_000, b'{"a":' * 100 + b"1" + b"}" * 100, b"NaN"])
def test_what_is_no_answer_at_all_is_refused(
    client: TestClient, request_: Request, stub_broker: StubBroker, body: bytes
) -> None:
    assert post(client, request_.id, body).status_code == 422
    assert nothing_followed(stub_broker)


@pytest.mark.parametrize(
    ("verdict", "kept"), [("safe", [("gsc", "safe", "mailbox-1")]), ("unknown", []), ("failed", [])]
)
def test_an_answer_that_is_not_unsafe_ends_the_request_and_blocks_nothing(
    client: TestClient, request_: Request, stub_broker: StubBroker, verdict: str, kept: list[Any]
) -> None:
    answer = post(client, request_.id, words(request_, verdict))
    assert (answer.status_code, answer.json) == (202, {"accepted": True})
    assert (statuses(), answers(), blocks(stub_broker)) == ({"a.example": [verdict]}, kept, [])


def test_a8_unsafe_is_stored_with_its_evidence_and_the_pipeline_switches(
    client: TestClient, request_: Request, stub_broker: StubBroker
) -> None:
    assert post(client, request_.id, words(request_)).status_code == 202
    ((number, detail),) = fetch("select id, detail from domain_evidence")
    assert "SOCIAL_ENGINEERING" in str(detail)
    [order] = blocks(stub_broker)
    assert order == {"domain": "a.example", "reason": "GSC_UNSAFE", "evidence_id": number}
    assert isinstance(blocking.judge(Call(**order)).decision, Switch)


def test_a8_what_was_seen_before_the_domain_became_active_is_ignored(
    client: TestClient, request_: Request, stub_broker: StubBroker
) -> None:
    body = words(request_, observed_at=(now() - timedelta(minutes=1)).isoformat())
    assert post(client, request_.id, body).status_code == 202
    assert blocking.judge(Call(**blocks(stub_broker)[0])).decision == Ignore("gone")


def test_the_same_answer_again_is_taken_once_and_so_is_one_by_many_at_once(
    client: TestClient, request_: Request, stub_broker: StubBroker
) -> None:
    body = words(request_)
    found = together(lambda: post(client, request_.id, body), 5)
    assert sorted(one.status_code for one in found) == [200, 200, 200, 200, 202]
    again = post(client, request_.id, body)
    assert (again.status_code, again.json) == (200, {"duplicate": True})
    assert (len(answers()), len(blocks(stub_broker))) == (1, 1)


@pytest.mark.parametrize("ended", ["time", "expired", "cancelled"])
def test_a8_a_late_answer_is_kept_and_nothing_follows(
    client: TestClient, request_: Request, stub_broker: StubBroker, clock: time_machine.Traveller, ended: str
) -> None:
    clock.shift(timedelta(minutes=55))
    if ended == "expired":
        tasks.expire_domain_safety_requests()
    elif ended == "cancelled":
        clock.shift(timedelta(minutes=-55))
        fetch("update domain_safety_request set status = 'cancelled' returning id")
    body = words(request_)
    assert [post(client, request_.id, body).status_code for _ in range(2)] == [410, 200]
    assert (answers(), blocks(stub_broker)) == ([("gsc", "unsafe", "mailbox-1")], [])
    assert fetch("select 1 from domain_state") == []
    [(number,)] = fetch("select id from domain_evidence")
    late = blocking.judge(Call("a.example", "GSC_UNSAFE", number))
    assert late.decision == Ignore("stale")


def test_another_verdict_after_the_first_is_refused_and_told(
    client: TestClient, request_: Request, stub_broker: StubBroker
) -> None:
    post(client, request_.id, words(request_, "safe"))
    assert post(client, request_.id, words(request_, "safe", checker="mailbox-2")).status_code == 200
    assert post(client, request_.id, words(request_, "unsafe")).status_code == 409
    assert (statuses(), blocks(stub_broker)) == ({"a.example": ["safe"]}, [])
    assert incidents(tasks.CONTRADICTED) == [("a.example", 1, True)]


def test_a_death_before_the_commit_leaves_the_request_open_for_the_next_try(
    client: TestClient, request_: Request, stub_broker: StubBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(**_: Any) -> None:
        raise RuntimeError("killed")

    body = words(request_)
    with monkeypatch.context() as patch:
        patch.setattr(block_active_tracking_domain, "send", die, raising=False)
        assert post(client, request_.id, body).status_code == 500
    assert nothing_followed(stub_broker)
    assert post(client, request_.id, body).status_code == 202
    assert len(blocks(stub_broker)) == 1


def test_without_a_database_the_checker_is_asked_to_come_again(
    client: TestClient, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise OperationalError("down")

    body = words(request_)
    with monkeypatch.context() as patch:
        patch.setattr(safety_answers, "take", down)
        answer = post(client, request_.id, body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert post(client, request_.id, body).status_code == 202


def test_nothing_but_post_is_answered(client: TestClient, request_: Request) -> None:
    assert client.simulate_get(f"/callbacks/domain-safety/{request_.id}").status_code == 405
    assert orjson.loads(words(request_))["nonce"] == request_.nonce
