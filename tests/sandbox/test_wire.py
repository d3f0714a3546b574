"""HTTP as it comes over the socket."""

from __future__ import annotations

import pytest

from sandbox.server import Sandbox
from sandbox.wire import MAX_HEAD
from tests.sandbox.clients import ask, speak

TOTALS = b"GET /adload/totals?day=2026-11-20 HTTP/1.1\r\nHost: x\r\n"


def test_requests_in_one_packet_are_answered_in_order(sandbox: Sandbox) -> None:
    many = (TOTALS + b"\r\n") * 300 + b"GET /adload/nothing HTTP/1.1\r\nConnection: close\r\n\r\n"
    received = speak(sandbox, many)
    assert received.count(b"HTTP/1.1 200") == 300
    assert b"HTTP/1.1 404" in received.rpartition(b'{"totals":[]}')[2]


def test_a_chunked_body_is_put_together(sandbox: Sandbox) -> None:
    head = b"PUT /adload/rates HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    received = speak(sandbox, head + b'9\r\n{"id":"EU\r\na;x=1\r\nR","rate":\r\n6\r\n"1.1"}\r\n0\r\n\r\n')
    assert received.endswith(b'{"id":"EUR","rate":"1.1"}')


def test_a_client_of_http_1_0_gets_its_answer_and_the_end(sandbox: Sandbox) -> None:
    received = speak(sandbox, b"GET /adload/totals?day=2026-11-20 HTTP/1.0\r\n\r\n")
    assert b"Connection: close" in received
    assert received.endswith(b'{"totals":[]}')


def test_head_gets_the_length_without_the_body(sandbox: Sandbox) -> None:
    received = speak(sandbox, b"HEAD /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 27" in received
    assert received.endswith(b"\r\n\r\n")


def test_a_percent_encoded_path_is_decoded(sandbox: Sandbox) -> None:
    ask(sandbox, "GET", "/adload/campaigns/a%20b")
    assert sandbox.journal()[0]["path"] == "/adload/campaigns/a b"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"G" * (MAX_HEAD + 1), 431),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(sandbox: Sandbox, data: bytes, status: int) -> None:
    assert speak(sandbox, data).startswith(b"HTTP/1.1 %d" % status)
