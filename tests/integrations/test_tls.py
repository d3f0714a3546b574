"""Certificates are checked, never bypassed, and the deadline holds over TLS as well."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from integrations.errors import OutcomeUnknown, Unavailable
from integrations.http import Client, Effect
from tests.integrations import peer as at
from tests.integrations.peer import peer


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def client(url: str, bundle: Path | None = None, deadline: float = 30.0) -> Client:
    return Client(
        "vendor", url, timeout=(deadline, deadline), deadline=deadline, ca_bundle=str(bundle) if bundle else None
    )


def test_a_trusted_certificate_is_accepted_and_its_connection_kept(tls: ssl.SSLContext, certificate: Path) -> None:
    with peer(at.answer(200, b"[1]"), tls=tls) as server:
        caller = client(server.url, certificate)
        assert [caller.call("GET", "/", effect=Effect.READ).json for _ in range(3)] == [[1]] * 3
        caller.close()
    assert server.connections == 1


def test_an_invalid_certificate_is_unavailable_with_one_alert_and_nothing_sent(tls: ssl.SSLContext) -> None:
    with peer(at.answer(200, b"[1]"), tls=tls) as server, capture_logs() as logs:
        caller = client(server.url)
        for effect in (Effect.READ, Effect.ONCE):
            with pytest.raises(Unavailable) as caught:
                caller.call("GET", "/", effect=effect)
            assert not caught.value.sent
    assert [entry["event"] for entry in logs] == ["certificate_refused"]
    assert (server.connections, server.requests) == (2, [])


def test_the_deadline_holds_for_bytes_that_trickle_over_tls(tls: ssl.SSLContext, certificate: Path) -> None:
    began = time.monotonic()
    with peer(at.trickle(at.http(200, b" " * 500), at_once=5), tls=tls) as server, pytest.raises(OutcomeUnknown):
        client(server.url, certificate, 2.0).call("POST", "/", effect=Effect.ONCE, json={})
    assert time.monotonic() - began < 15


def test_a_handshake_that_never_ends_runs_into_the_deadline() -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(Unavailable) as caught:
        client(f"https://127.0.0.1:{listener.getsockname()[1]}", deadline=0.5).call(
            "POST", "/", effect=Effect.ONCE, json={}
        )
    assert time.monotonic() - began < 15
    assert (caught.value.sent, caught.value.timed_out) == (False, True)
