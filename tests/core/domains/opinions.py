"""Requests for opinions as the tests need them: opened, answered in a checker's words, and what was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from dramatiq.brokers.stub import StubBroker

from config.clock import now
from core.domains import safety as core
from core.domains import safety_signatures
from models import safety
from models.database import fetch
from models.safety import Request

KID, SECRET = "k1", "first-secret-of-the-tests"
SECRETS = f"{KID}:{SECRET},k2:second-secret-of-the-tests"


def opened(domain: str = "a.example") -> Request:
    """The request about a domain that waits for an answer, asked for if there is none."""
    if safety.open_about(domain) is None:
        core.open_requests()
    found = safety.open_about(domain)
    assert found is not None
    return found


def words(request: Request, verdict: str = "unsafe", **changes: Any) -> bytes:
    """An answer to a request; a change to None leaves the field out."""
    answer = {
        "request_id": str(request.id), "nonce": request.nonce, "domain": request.domain, "verdict": verdict,
        "observed_at": now().isoformat(), "checker": "mailbox-1",
        "evidence": [{"kind": "gsc_security_issue_email", "category": "SOCIAL_ENGINEERING", "detail": "12:07"}],
    } | changes  # fmt: skip
    return orjson.dumps({name: value for name, value in answer.items() if value is not None})


def signed(body: bytes, kid: str = KID, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """The header that goes with a body."""
    second = int((at or now()).timestamp())
    return {safety_signatures.HEADER: safety_signatures.header(kid, secret, second, body)}


def sent(broker: StubBroker, task: str) -> list[dict[str, Any]]:
    """The arguments of the messages of a task that wait, in order; they stay."""
    found = [orjson.loads(body) for name in broker.queues for body in list(broker.queues[name].queue)]
    return [one["kwargs"] or {"args": one["args"]} for one in found if one["actor_name"] == task]


def blocks(broker: StubBroker) -> list[dict[str, Any]]:
    """The blocks that were ordered."""
    return sent(broker, "block_active_tracking_domain")


def statuses() -> dict[str, list[str]]:
    """The states of the requests about each domain, oldest first."""
    found: dict[str, list[str]] = {}
    query = (
        "select d.name, r.status from domain_safety_request r join tracking_domain d on d.id = r.domain_id "
        "order by d.name, r.bucket"
    )
    for name, status in fetch(query):
        found.setdefault(name, []).append(status)
    return found


def answers() -> list[tuple[str, str, str]]:
    """Source, verdict and provider of the evidence, in order."""
    return fetch("select source, verdict, provider from domain_evidence order by id")


def incidents(kind: str) -> list[tuple[str, int, bool]]:
    """Key, count and whether it is open of each incident of a kind."""
    query = "select dedupe_key, count, resolved_at is null from alert where kind = %s order by id"
    return [(key, count, bool(is_open)) for key, count, is_open in fetch(query, (kind,))]
