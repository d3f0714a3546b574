"""Every fault action, seen from the other end of the socket."""

from __future__ import annotations

import http.client
import time
import zlib
from email.utils import parsedate_to_datetime
from typing import Any, get_args

import pytest

from config import clock
from sandbox.actions import AnyAction
from sandbox.server import Sandbox
from tests.sandbox.clients import Reply, ask, click, port, speak

BATCH = {"clicks": [click()]}
PASSING = {"latency_ms", "trickle", "truncate", "charset", "wrong_type", "commit_then_drop"}
SMALL: dict[str, dict[str, Any]] = {
    "latency_ms": {"ms": 1},
    "trickle": {"every_ms": 0.01},
    "status": {"status": 502},
    "huge": {"size": 1000},
    "gzip_bomb": {"mib": 1},
}
KINDS = [action.__struct_config__.tag for action in get_args(AnyAction)]


def faulty(sandbox: Sandbox, kind: str, **options: Any) -> Reply:
    """The answer to a charge under one fault."""
    sandbox.fault("adload", {"type": kind, **options}, times=1)
    return ask(sandbox, "POST", "/adload/clicks", BATCH)


def broken(sandbox: Sandbox, kind: str, **options: Any) -> None:
    """Send a charge under a fault that ends without an answer."""
    try:
        faulty(sandbox, kind, **options)
    except (ConnectionError, http.client.HTTPException):
        return
    raise AssertionError("there was an answer")


def test_latency_delays_the_answer_within_its_jitter(sandbox: Sandbox) -> None:
    before = time.monotonic()
    reply = faulty(sandbox, "latency_ms", ms=60, jitter_ms=20)
    assert time.monotonic() - before >= 0.06
    assert reply.json["results"][0]["status"] == "ok"


def test_trickle_sends_byte_after_byte(sandbox: Sandbox) -> None:
    before = time.monotonic()
    reply = faulty(sandbox, "trickle", every_ms=1, part="body")
    assert time.monotonic() - before >= 0.001 * len(reply.body)
    assert reply.json["results"][0]["status"] == "ok"


def test_trickle_of_all_delays_even_the_status_line(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "trickle", "every_ms": 3_600_000})
    with pytest.raises(TimeoutError):
        ask(sandbox, "POST", "/adload/clicks", BATCH, timeout=0.1)


def test_status_answers_with_any_status_and_body(sandbox: Sandbox) -> None:
    reply = faulty(sandbox, "status", status=502, body="<bad/>", content_type="text/xml")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (502, b"<bad/>", "text/xml")


def test_retry_after_gives_seconds(sandbox: Sandbox) -> None:
    reply = faulty(sandbox, "retry_after", form="seconds", seconds=7)
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")


def test_retry_after_gives_a_date_on_the_sandbox_clock(sandbox: Sandbox) -> None:
    sandbox.control("POST", "clock", {"offset_seconds": 86_400})
    reply = faulty(sandbox, "retry_after", form="date", seconds=60)
    assert (parsedate_to_datetime(reply.headers["retry-after"]) - clock.now()).total_seconds() > 80_000


def test_retry_after_can_be_absurd(sandbox: Sandbox) -> None:
    assert int(faulty(sandbox, "retry_after", form="absurd").headers["retry-after"]) > 10**15


def test_retry_after_can_be_missing(sandbox: Sandbox) -> None:
    assert "retry-after" not in faulty(sandbox, "retry_after", form="missing").headers


def test_drop_closes_without_a_byte(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "drop"})
    assert speak(sandbox, b"GET /adload/totals HTTP/1.1\r\n\r\n") == b""


def test_reset_ends_with_rst(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "reset"})
    with pytest.raises(ConnectionResetError):
        speak(sandbox, b"GET /adload/totals HTTP/1.1\r\n\r\n")


def test_hang_never_answers(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "hang"})
    with pytest.raises(TimeoutError):
        ask(sandbox, "GET", "/adload/totals", timeout=0.1)
    while not (rows := sandbox.journal()):
        time.sleep(0.001)
    assert rows[0]["status"] is None


def test_truncate_promises_more_than_it_sends(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "truncate"})
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(sandbox, "POST", "/adload/clicks", BATCH)
    assert cut.value.partial.startswith(b'{"results"')


def test_garbage_is_neither_text_nor_json(sandbox: Sandbox) -> None:
    reply = faulty(sandbox, "garbage", size=100)
    assert len(reply.body) == 100
    with pytest.raises(UnicodeDecodeError):
        reply.body.decode()


def test_garbage_is_the_same_for_the_same_seed(sandbox: Sandbox) -> None:
    with Sandbox() as twin:
        assert faulty(sandbox, "garbage").body == faulty(twin, "garbage").body


def test_html_is_a_login_page_with_status_200(sandbox: Sandbox) -> None:
    reply = faulty(sandbox, "html")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_empty_has_no_body(sandbox: Sandbox) -> None:
    reply = faulty(sandbox, "empty")
    assert (reply.status, reply.body) == (200, b"")


def test_charset_declares_another_encoding_than_it_uses(sandbox: Sandbox) -> None:
    reply = faulty(sandbox, "charset")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert '"results"' in reply.body.decode("utf-16")


def test_wrong_type_answers_json_with_protobuf(sandbox: Sandbox) -> None:
    assert faulty(sandbox, "wrong_type").headers["content-type"] == "application/x-protobuf"


def test_wrong_type_answers_anything_else_with_json(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "wrong_type"})
    call = b"<methodCall><methodName>campaign_check</methodName><params/></methodCall>"
    assert ask(sandbox, "POST", "/adload/rpc", call).json == {"wrong": "type"}


def test_deep_nests_ten_thousand_levels(sandbox: Sandbox) -> None:
    assert faulty(sandbox, "deep").body == b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize("declared", [True, False])
def test_huge_streams_what_it_says(sandbox: Sandbox, declared: bool) -> None:
    reply = faulty(sandbox, "huge", size=3_000_000, declared=declared)
    assert ("content-length" in reply.headers) is declared
    assert len(reply.json) == 3_000_000 - 2


def test_huge_is_not_built_in_memory(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "huge"})
    connection = http.client.HTTPConnection("127.0.0.1", port(sandbox), timeout=60)
    connection.request("GET", "/adload/totals")
    answer = connection.getresponse()
    assert (answer.length, answer.read(3)) == (1 << 30, b'"aa')
    connection.close()


def test_gzip_bomb_unpacks_to_a_thousand_times_its_size(sandbox: Sandbox) -> None:
    reply = faulty(sandbox, "gzip_bomb", mib=8)
    unpacked, packed = 0, reply.body
    while packed:
        member = zlib.decompressobj(31)
        unpacked += len(member.decompress(packed))
        packed = member.unused_data
    assert unpacked == 8 << 20
    assert len(reply.body) < 16_384


def test_redirect_to_another_host_can_be_followed_and_is_then_recorded(sandbox: Sandbox) -> None:
    location = faulty(sandbox, "redirect", to="host").headers["location"]
    assert location == f"http://localhost:{port(sandbox)}/elsewhere"
    ask(sandbox, "GET", "/elsewhere")
    assert sandbox.journal()[-1]["path"] == "/elsewhere"


def test_redirect_can_lead_to_a_file(sandbox: Sandbox) -> None:
    assert faulty(sandbox, "redirect", to="file").headers["location"].startswith("file:")


def test_redirect_can_lead_back_to_itself(sandbox: Sandbox) -> None:
    reply = faulty(sandbox, "redirect", to="loop", status=307)
    assert (reply.status, reply.headers["location"]) == (307, "/adload/clicks")


@pytest.mark.parametrize("reset", [True, False])
def test_commit_then_drop_charges_and_says_nothing(sandbox: Sandbox, reset: bool) -> None:
    broken(sandbox, "commit_then_drop", reset=reset)
    assert [line["click_id"] for line in sandbox.ledger()] == ["c1"]
    assert sandbox.journal()[0]["effect"] == {"charged": 1, "duplicate": 0, "refused": 0}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - PASSING - {"drop", "reset", "hang"}))
def test_an_action_that_makes_up_its_answer_charges_nothing(sandbox: Sandbox, kind: str) -> None:
    faulty(sandbox, kind, **SMALL.get(kind, {}))
    assert sandbox.ledger() == []


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_lost_request_charges_nothing(sandbox: Sandbox, kind: str) -> None:
    broken(sandbox, kind)
    assert sandbox.ledger() == []


def test_a_made_up_answer_charges_when_the_rule_says_apply(sandbox: Sandbox) -> None:
    assert faulty(sandbox, "status", status=502, apply=True).status == 502
    assert len(sandbox.ledger()) == 1


@pytest.mark.parametrize("kind", sorted(PASSING - {"truncate", "commit_then_drop"}))
def test_an_action_that_damages_the_true_answer_charges(sandbox: Sandbox, kind: str) -> None:
    faulty(sandbox, kind, **SMALL.get(kind, {}))
    assert len(sandbox.ledger()) == 1


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"drop", "reset", "hang", "truncate", "commit_then_drop"}))
def test_an_answer_and_its_row_name_the_fault(sandbox: Sandbox, kind: str) -> None:
    reply = faulty(sandbox, kind, **SMALL.get(kind, {}))
    assert reply.headers["x-sandbox-fault"] == kind
    assert sandbox.journal()[0]["fault"] == kind
