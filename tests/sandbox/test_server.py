"""The sandbox as a whole: where it listens, how it ends, and that it keeps up."""

from __future__ import annotations

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from threading import enumerate as threads

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import ask, charge, click, port


def test_it_listens_on_loopback_only(sandbox: Sandbox) -> None:
    assert sandbox.url.startswith("http://127.0.0.1:")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("::1", port(sandbox)), timeout=1).close()


def test_a_taken_port_is_an_error_at_the_start(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=port(sandbox)).start()


def test_two_of_them_do_not_share_state(sandbox: Sandbox) -> None:
    with Sandbox() as other:
        charge(sandbox, click())
        assert other.ledger() == []


def test_stopping_cuts_hanging_clients_and_leaves_no_thread() -> None:
    before = set(threads())
    sandbox = Sandbox().start()
    sandbox.fault("adload", {"type": "hang"})
    with socket.create_connection(("127.0.0.1", port(sandbox)), timeout=60) as waiting:
        waiting.sendall(b"GET /adload/totals HTTP/1.1\r\n\r\n")
        while not sandbox.journal():
            time.sleep(0.001)
        sandbox.stop()
        assert waiting.recv(1) == b""
    # others may end meanwhile, which tests before this one have left
    assert set(threads()) <= before


def test_latency_delays_every_answer_of_a_service() -> None:
    with Sandbox(latency_ms=40) as sandbox:
        before = time.monotonic()
        ask(sandbox, "GET", "/adload/totals?day=2026-11-20")
        assert time.monotonic() - before >= 0.04


def test_many_connections_are_served_side_by_side_without_losing_a_request(sandbox: Sandbox) -> None:
    def client(number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port(sandbox), timeout=30)
        for _ in range(250):
            connection.request("GET", f"/adload/totals?day=2026-11-{number + 10}")
            connection.getresponse().read()
        connection.close()
        return number

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    assert [row["seq"] for row in sandbox.journal()] == list(range(1, 2001))


def test_a_hanging_client_does_not_hold_up_the_others(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "hang"}, times=1)
    with socket.create_connection(("127.0.0.1", port(sandbox)), timeout=60) as waiting:
        waiting.sendall(b"GET /adload/totals HTTP/1.1\r\n\r\n")
        while not sandbox.journal():
            time.sleep(0.001)
        assert ask(sandbox, "GET", "/adload/totals?day=2026-11-20").status == 200


def test_an_unknown_service_is_recorded_and_not_found(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/nobody/offer").status == 404
    assert sandbox.journal()[0]["service"] == ""
