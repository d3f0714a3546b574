"""Answers that nobody meant: whatever arrives, there is no failure of ours, and no block but by a true answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker
from falcon.testing import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from config.clock import now
from core.domains import safety_signatures
from models.safety import Request
from tests.conftest import SettingsEnv
from tests.core.domains.opinions import KID, SECRET, SECRETS, blocks, signed, words
from tests.web.answering import post
from web.app import make_app


def _encoded(value: Any) -> bytes:
    """As JSON, also what our own encoder would not write."""
    return json.dumps(value).encode()


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = some.sampled_from(["request_id", "nonce", "domain", "verdict", "observed_at", "checker"])
FINE = {200, 202, 409, 422}


@pytest.fixture
def callbacks(sqlite_database: Any, stub_broker: StubBroker, settings_env: SettingsEnv) -> TestClient:
    """On one engine, for the sake of time."""
    return TestClient(make_app(settings_env(SAFETY_CALLBACK_SECRETS=SECRETS)))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(field=FIELDS, value=JSON, more=some.dictionaries(some.text(max_size=8), JSON, max_size=3), header=some.text())
def test_an_answer_with_a_field_of_chance_never_fails_us_and_blocks_nothing(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker, field: str, value: Any, more: Any, header: str
) -> None:
    # a name and an instant of chance may be true ones
    verdict = "safe" if field in ("checker", "observed_at") else "unsafe"
    body = _encoded({**more, **json.loads(words(asked, verdict)), field: value})
    assert post(callbacks, asked.id, body).status_code in (FINE if verdict == "safe" else {422})
    forged = {"X-Signature": "".join(filter(str.isprintable, header.encode("ascii", "ignore").decode()))}
    assert post(callbacks, asked.id, words(asked), forged).status_code == 401
    assert blocks(stub_broker) == []


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(body=some.binary(max_size=300) | JSON.map(_encoded))
def test_bytes_of_chance_that_are_signed_never_fail_us_and_block_nothing(
    callbacks: TestClient, asked: Request, stub_broker: StubBroker, body: bytes
) -> None:
    assert post(callbacks, asked.id, body, signed(body)).status_code == 422
    assert blocks(stub_broker) == []


def test_the_vector_of_the_contract_is_what_we_compute() -> None:
    body = b'{"request_id":"dsr_01","domain":"go.sandbox.test","verdict":"unsafe"}'
    expected = "610e587b61016ea3fbeac21ec4b5028f0987e4abeab57db8fcef47abb856bfe6"
    assert safety_signatures.sign("sandbox-secret", 1795200000, body) == expected


def test_no_flipped_bit_of_body_or_header_is_taken_for_genuine(asked: Request) -> None:
    at, body = now(), words(asked)
    header = signed(body, at=at)["X-Signature"]
    known = {KID: SECRET}
    assert safety_signatures.genuine(header, body, known, at)
    taken = [
        place for place in range(8 * len(body)) if safety_signatures.genuine(header, _flipped(body, place), known, at)
    ]
    raw = header.encode()
    taken += [
        place
        for place in range(8 * len(raw))
        if safety_signatures.genuine(_flipped(raw, place).decode("latin-1"), body, known, at)
    ]
    assert taken == []


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)
