"""A plain client for the sandbox: it neither retries nor follows, and shows what came over the wire."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.server import Sandbox

OFFER = "11111111-1111-4111-8111-11111111aaaa"
CAMPAIGN = "22222222-2222-4222-8222-22222222aaaa"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


def port(sandbox: Sandbox) -> int:
    return int(sandbox.url.rpartition(":")[2])


def ask(
    sandbox: Sandbox,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: dict[str, str] | None = None,
    timeout: float = 60,
) -> Reply:
    """One request on a connection of its own; `body` is sent as JSON unless it is bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port(sandbox), timeout=timeout)
    payload = body if isinstance(body, bytes | None) else orjson.dumps(body)
    try:
        connection.request(method, path, payload, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def speak(sandbox: Sandbox, data: bytes, *, timeout: float = 60) -> bytes:
    """Send raw bytes and return everything until the sandbox closes."""
    with socket.create_connection(("127.0.0.1", port(sandbox)), timeout=timeout) as raw:
        raw.sendall(data)
        received = b""
        while piece := raw.recv(65536):
            received += piece
    return received


def click(click_id: str = "c1", **changes: Any) -> dict[str, Any]:
    """One item of a batch."""
    item = {"click_id": click_id, "offer": OFFER, "campaign": CAMPAIGN, "clicked_at": "2026-11-20T12:00:01.250Z"}
    return item | {"social": False, "percent_bp": 10000, "price_override": None} | changes


def charge(
    sandbox: Sandbox, *items: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """Send a batch; the results by click id."""
    reply = ask(sandbox, "POST", "/adload/clicks", {"clicks": list(items)}, headers=headers)
    return {result["click_id"]: result for result in reply.json["results"]}
