"""Answers to safety requests over HTTP, in tests."""

from __future__ import annotations

from uuid import UUID

from dramatiq.brokers.stub import StubBroker
from falcon.testing import Result, TestClient

from tests.core.domains.opinions import answers, blocks, signed, statuses


def post(client: TestClient, number: UUID | str, body: bytes, headers: dict[str, str] | None = None) -> Result:
    """Send an answer, well signed unless other headers are given."""
    given = signed(body) if headers is None else headers
    return client.simulate_post(f"/callbacks/domain-safety/{number}", body=body, headers=given)


def nothing_followed(broker: StubBroker) -> bool:
    """Whether the request still waits, with no evidence and no block."""
    return statuses() == {"a.example": ["pending"]} and not answers() and not blocks(broker)
