"""Connecting within one connect timeout, however slow the name lookup and however many addresses."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from integrations.errors import Unavailable
from integrations.http import Client, Effect
from tests.integrations import peer as at
from tests.integrations.peer import peer

real_lookup = socket.getaddrinfo


def looking_up(monkeypatch: pytest.MonkeyPatch, *answers: Any, wait: float = 0) -> threading.Event:
    """Let names resolve to these addresses or fail with this error; numbers resolve as ever."""
    stop = threading.Event()

    def lookup(host: str, port: int, *args: Any, **options: Any) -> Any:
        if options.get("flags"):
            return real_lookup(host, port, *args, **options)
        stop.wait(wait)
        if answers and isinstance(answers[0], Exception):
            raise answers[0]
        return [entry for answer in answers for entry in real_lookup(answer, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return stop


def client(url: str, connect: float = 30.0) -> Client:
    return Client("vendor", url, timeout=(connect, 30.0), deadline=30.0)


def test_a_name_is_looked_up_and_its_second_address_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with peer(at.answer(200, b"[1]")) as server:
        looking_up(monkeypatch, "::1", "127.0.0.1")
        url = server.url.replace("127.0.0.1", "api.sandbox.test")
        assert client(url).call("GET", "/", effect=Effect.READ).json == [1]


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_is_unavailable(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    looking_up(monkeypatch, error)
    with pytest.raises(Unavailable) as caught:
        client("http://api.sandbox.test").call("POST", "/", effect=Effect.ONCE)
    assert (caught.value.sent, caught.value.timed_out) == (False, False)


def test_a_name_lookup_that_hangs_runs_into_the_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = looking_up(monkeypatch, wait=30)
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        client("http://api.sandbox.test", connect=0.3).call("POST", "/", effect=Effect.ONCE)
    stop.set()
    assert time.monotonic() - began < 15
    assert (caught.value.sent, caught.value.timed_out) == (False, True)
