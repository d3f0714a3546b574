"""Both providers under every fault: an outage is an unknown verdict with a reason, never an exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from config.clock import monotonic
from integrations.errors import Malformed, OutsideError, RateLimited, Rejected, Unauthorized, Unavailable
from integrations.safe_browsing.port import Reputation, State
from integrations.safe_browsing.v5 import SafeBrowsing
from sandbox.server import Sandbox
from tests.integrations import peer as at
from tests.integrations.peer import SetClock, peer
from tests.integrations.safe_browsing.made import KEY, Memory, states, v5, web_risk

SAFE, UNKNOWN = State.SAFE, State.UNKNOWN
MAKERS: dict[str, Callable[..., Reputation]] = {"gsb": v5, "webrisk": web_risk}
SLOW = {"latency_ms", "trickle", "hang"}
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "status", "status": 500}, "unavailable"),
    ({"type": "status", "status": 503}, "unavailable"),
    ({"type": "status", "status": 404}, "rejected"),
    ({"type": "status", "status": 401}, "unauthorized"),
    ({"type": "status", "status": 403}, "unauthorized"),
    ({"type": "status", "status": 400}, "rejected"),
    ({"type": "status", "status": 400, "body": '{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}'}, "unauthorized"),
    ({"type": "retry_after", "form": "missing"}, "rate_limited"),
    ({"type": "retry_after", "form": "absurd"}, "rate_limited"),
    ({"type": "latency_ms", "ms": 60_000}, "unavailable"),
    ({"type": "trickle", "every_ms": 100}, "unavailable"),
    ({"type": "hang"}, "unavailable"),
    ({"type": "drop"}, "unavailable"),
    ({"type": "reset"}, "unavailable"),
    ({"type": "redirect"}, "rejected"),
    ({"type": "garbage"}, "malformed"),
    ({"type": "html"}, "malformed"),
    ({"type": "empty"}, "malformed"),
    ({"type": "deep"}, "malformed"),
    ({"type": "wrong_type"}, "malformed"),
    ({"type": "charset"}, "malformed"),
    ({"type": "huge", "size": 1 << 22}, "malformed"),
    ({"type": "gzip_bomb", "mib": 8}, "malformed"),
    ({"type": "truncate"}, "unavailable"),
]


@pytest.mark.parametrize("service", MAKERS)
@pytest.mark.parametrize(("action", "reason"), FAULTS, ids=lambda value: str(value)[:60])
def test_every_fault_makes_the_verdict_unknown_and_keeps_nothing(
    sandbox: Sandbox, service: str, action: dict[str, Any], reason: str
) -> None:
    memory = Memory()
    sandbox.edit(service, "settings", format="json" if action["type"] == "charset" else "accept")
    sandbox.fault(service, action)
    provider = MAKERS[service](sandbox, cache=memory, hasty=action["type"] in SLOW)
    found = provider.check(["malware.sandbox.test"])["malware.sandbox.test"]
    assert (found.state, found.reason, found.threats) == (UNKNOWN, reason, ())
    assert memory.entries == {}


def test_a_number_that_is_cut_off_makes_the_verdict_unknown(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", spoil="cut")
    assert v5(sandbox).check(["go.sandbox.test"])["go.sandbox.test"].reason == "malformed"


@pytest.mark.parametrize("service", MAKERS)
def test_a_refused_key_and_a_disabled_api_are_unauthorized(sandbox: Sandbox, service: str) -> None:
    sandbox.edit(service, "settings", key="another-key")
    assert MAKERS[service](sandbox).check(["a.test"])["a.test"].reason == "unauthorized"
    sandbox.edit(service, "settings", key=None, disabled=True)
    assert MAKERS[service](sandbox).check(["a.test"])["a.test"].reason == "unauthorized"


@pytest.mark.parametrize("service", MAKERS)
def test_nobody_keeps_knocking_after_the_key_was_refused(sandbox: Sandbox, service: str) -> None:
    sandbox.edit(service, "settings", key="another-key")
    found = MAKERS[service](sandbox).check([f"go.d{number}.test" for number in range(3000)])
    assert {verdict.reason for verdict in found.values()} == {"unauthorized"}
    assert len(sandbox.journal(service)) <= 8


@pytest.mark.parametrize("service", MAKERS)
def test_a_spent_quota_silences_us_for_a_minute(sandbox: Sandbox, service: str) -> None:
    sandbox.edit(service, "settings", quota=0)
    provider = MAKERS[service](sandbox, clock=SetClock())
    assert provider.check(["a.test"])["a.test"].reason == "rate_limited"
    asked = len(sandbox.journal(service))
    assert provider.check(["b.test"])["b.test"].reason == "rate_limited"
    assert len(sandbox.journal(service)) == asked


def test_a_long_outage_costs_few_requests(sandbox: Sandbox) -> None:
    sandbox.fault("gsb", {"type": "status", "status": 500})
    found = v5(sandbox).check([f"go.d{number}.test" for number in range(3000)])
    assert {verdict.reason for verdict in found.values()} == {"unavailable"}
    assert len(sandbox.journal("gsb")) <= 8


def test_one_failed_request_leaves_the_others_standing(sandbox: Sandbox) -> None:
    sandbox.fault("gsb", {"type": "drop"}, times=1)
    found = v5(sandbox).check([f"go.d{number}.test" for number in range(500)])
    assert set(states(found).values()) == {SAFE, UNKNOWN}


def test_a_check_ends_when_its_time_is_over(sandbox: Sandbox) -> None:
    for service, make in MAKERS.items():
        found = make(sandbox, seconds=0).check(["a.test"])
        assert found["a.test"].reason == "out_of_time"
        assert sandbox.journal(service) == []


@pytest.mark.parametrize("service", MAKERS)
def test_a_live_look_up_ends_when_its_caller_can_wait_no_longer(sandbox: Sandbox, service: str) -> None:
    sandbox.fault(service, {"type": "hang"})
    provider = MAKERS[service](sandbox)
    started_at = monotonic()
    assert provider.check_live(["a.test"], seconds=2.0)["a.test"].reason == "unavailable"
    assert monotonic() - started_at < 15


ERRORS: list[tuple[int, bytes, type[OutsideError]]] = [
    (400, b'{"error":{"code":400,"status":"INVALID_ARGUMENT"}}', Rejected),
    (400, b'{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}', Unauthorized),
    (400, b"\x08\x90\x03\x1a\x20\x0a\x0fAPI_KEY_INVALID", Unauthorized),
    (403, b'{"error":{"status":"PERMISSION_DENIED"}}', Unauthorized),
    (429, b'{"error":{"status":"RESOURCE_EXHAUSTED"}}', RateLimited),
    (500, b"", Unavailable),
    (502, b"<html>", Unavailable),
    (503, b"", Unavailable),
]


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS)
def test_a_status_is_named_as_the_table_says(status: int, body: bytes, kind: type[OutsideError]) -> None:
    with peer(at.answer(status, body)) as server:
        with pytest.raises(OutsideError) as by_hash:
            v5(server.url).search_hashes(["d51d47e8"])
        with pytest.raises(OutsideError) as by_name:
            web_risk(server.url).search_uri("http://a.test/")
    assert type(by_hash.value) is type(by_name.value) is kind
    if isinstance(by_hash.value, RateLimited):
        assert by_hash.value.retry_after == 60


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"cacheDuration":300}',
        b'{"cacheDuration":"-5s"}',
        b'{"cacheDuration":"300s","fullHashes":[{}]}',
        b'{"cacheDuration":"300s","fullHashes":[{"fullHash":"AAAA"}]}',
        b'{"cacheDuration":"300s","fullHashes":[{"fullHash":"?"}]}',
        b'{"cacheDuration":"300s","fullHashes":{}}',
        b'{"cacheDuration":"300s","fullHashes":[{"fullHash":"1R1H","fullHashDetails":[1]}]}',
    ],
)
def test_json_of_another_shape_is_malformed(body: bytes) -> None:
    with peer(at.answer(200, body, "Content-Type: application/json")) as server, pytest.raises(Malformed):
        v5(server.url).search_hashes(["d51d47e8"])


def test_the_documented_json_is_read() -> None:
    body = (
        b'{"fullHashes":[{"fullHash":"1R1H6KmFUmTxPyoOh5OTqO3wbtYOfIo5PFTld+d2LKU=",'
        b'"fullHashDetails":[{"threatType":"SOCIAL_ENGINEERING"}]}],"cacheDuration":"300s"}'
    )
    with peer(at.answer(200, body, "Content-Type: application/json; charset=UTF-8")) as server:
        found = v5(server.url).check(["go.sandbox.test"])["go.sandbox.test"]
    assert found.threats == ("SOCIAL_ENGINEERING",)


def test_the_key_is_in_no_error_and_in_no_representation() -> None:
    with peer(at.answer(400, f"the key {KEY} is wrong".encode())) as server:
        for provider in (v5(server.url), web_risk(server.url)):
            assert KEY not in repr(provider)
            assert KEY not in repr(provider.client)
            with pytest.raises(Rejected) as caught:
                provider.probe()
            assert KEY not in f"{caught.value!r} {caught.value}"
        assert all(KEY.encode() not in request.split(b"\r\n")[0] for request in server.requests)
        assert all(f"X-Goog-Api-Key: {KEY}".encode() in request for request in server.requests)


def test_the_address_of_the_provider_must_be_safe() -> None:
    with pytest.raises(ValueError, match="https"):
        SafeBrowsing("", "http://safebrowsing.example.com/v5")
