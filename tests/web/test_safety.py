"""Answers to safety requests over HTTP: every row of the table of answers, and nothing follows from a wrong one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

from dramatiq.brokers.stub import StubBroker
from falcon.testing import TestClient

from config.clock import now
from core.domains import blocking
from core.domains.blocking import Call
from core.domains.brakes import Ignore, Switch
from models.database import fetch
from models.safety import Request
from tests.conftest import SettingsEnv
from tests.core.domains.opinions import (
    SECRETS,
    answers,
    blocks,
    opened,
    signed,
    statuses,
    words,
)
from tests.core.domains.yard import pipeline
from tests.together import together
from tests.web.answering import nothing_followed, post
from web.app import make_app
from web.safety import LARGEST_BODY
from web.serve import make_embedded_server

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UNKNOWN = "01936f2a-7c00-7000-8000-000000000001"


def test_a_body_above_64_kib_is_refused_whoever_sends_it(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker
) -> None:
    body = words(asked, padding="x" * LARGEST_BODY)
    assert post(callbacks, asked.id, body).status_code == 413
    assert post(callbacks, asked.id, b"x" * LARGEST_BODY, {}).status_code == 401
    assert nothing_followed(stub_broker)


def test_a8_what_is_not_signed_by_one_of_ours_within_five_minutes_is_refused_without_a_word(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker
) -> None:
    body = words(asked)
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
    found = [post(callbacks, asked.id, body, headers) for headers in forged]
    assert {(one.status_code, one.text) for one in found} == {(401, "")}
    assert nothing_followed(stub_broker)


def test_two_secrets_are_good_while_they_change(callbacks: TestClient, asked: Request) -> None:
    body = words(asked, "safe")
    pairs = [pair.partition(":") for pair in SECRETS.split(",")]
    headers = [signed(body, kid, secret, now() - timedelta(seconds=299)) for kid, _, secret in pairs]
    assert [post(callbacks, asked.id, body, one).status_code for one in headers] == [202, 200]


def test_without_secrets_nobody_is_believed(asked: Request, settings_env: SettingsEnv) -> None:
    callbacks = TestClient(make_app(settings_env(SAFETY_CALLBACK_SECRETS="")))
    assert post(callbacks, asked.id, words(asked)).status_code == 401


def test_an_id_that_is_unknown_is_not_found(callbacks: TestClient, asked: Request, stub_broker: StubBroker) -> None:
    numbers = [UNKNOWN, "seven", "%00", "a" * 3000, UNKNOWN.replace("-", "")]
    assert {post(callbacks, number, words(asked)).status_code for number in numbers} == {404}
    assert nothing_followed(stub_broker)


WRONG: list[tuple[dict[str, Any], str]] = [
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
]


def test_a8_an_answer_that_does_not_fit_its_request_is_refused_with_the_field(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker
) -> None:
    found = [post(callbacks, asked.id, words(asked, **changes)) for changes, _ in WRONG]
    assert {one.status_code for one in found} == {422}
    assert [one.json["problem"].partition(":")[0] for one in found] == [field for _, field in WRONG]
    assert not any(asked.nonce in one.text for one in found)
    assert nothing_followed(stub_broker)


def test_what_is_no_answer_at_all_is_refused(callbacks: TestClient, asked: Request, stub_broker: StubBroker) -> None:
    bodies = [b"", b"[]", b"{", b"\xff", b"[" * 60_000, b'{"a":' * 100 + b"1" + b"}" * 100, b"NaN"]
    assert {post(callbacks, asked.id, body).status_code for body in bodies} == {422}
    assert nothing_followed(stub_broker)


def test_an_answer_that_is_not_unsafe_ends_the_request_and_blocks_nothing(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker
) -> None:
    for verdict in ("safe", "unknown", "failed"):
        pipeline(verdict, f"{verdict}.example")
        request = opened(f"{verdict}.example")
        answer = post(callbacks, request.id, words(request, verdict))
        assert (answer.status_code, answer.json) == (202, {"accepted": True})
        assert statuses()[request.domain] == [verdict]
    assert (answers(), blocks(stub_broker)) == ([("gsc", "safe", "mailbox-1")], [])


def test_a8_unsafe_is_stored_with_its_evidence_and_the_pipeline_switches(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker
) -> None:
    assert post(callbacks, asked.id, words(asked)).status_code == 202
    ((number, detail),) = fetch("select id, detail from domain_evidence")
    assert "SOCIAL_ENGINEERING" in str(detail)
    [order] = blocks(stub_broker)
    assert order == {"domain": "a.example", "reason": "GSC_UNSAFE", "evidence_id": number}
    assert isinstance(blocking.judge(Call(**order)).decision, Switch)


def test_a8_what_was_seen_before_the_domain_became_active_is_ignored(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker
) -> None:
    body = words(asked, observed_at=(now() - timedelta(minutes=1)).isoformat())
    assert post(callbacks, asked.id, body).status_code == 202
    assert blocking.judge(Call(**blocks(stub_broker)[0])).decision == Ignore("gone")


def test_the_same_answer_again_is_taken_once_and_so_is_one_by_many_at_once(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker
) -> None:
    body = words(asked)
    found = together(*[lambda: post(callbacks, asked.id, body)] * 5)
    assert sorted(one.status_code for one in found) == [200, 200, 200, 200, 202]
    again = post(callbacks, asked.id, body)
    assert (again.status_code, again.json) == (200, {"duplicate": True})
    assert (len(answers()), len(blocks(stub_broker))) == (1, 1)


def test_a_body_in_chunks_is_read_no_further_than_any_other(
    sqlite_database: Any, stub_broker: StubBroker, settings_env: SettingsEnv
) -> None:
    server = make_embedded_server(make_app(settings_env(SAFETY_CALLBACK_SECRETS=SECRETS)), 0)
    server.start()
    try:
        found = []
        for size in (LARGEST_BODY, LARGEST_BODY + 1):
            body = b"x" * size
            connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
            path = f"/callbacks/domain-safety/{UNKNOWN}"
            connection.request("POST", path, iter([body[:9], body[9:]]), signed(body), encode_chunked=True)
            found.append(connection.getresponse().status)
            connection.close()
    finally:
        server.stop()
    assert found == [404, 413]
