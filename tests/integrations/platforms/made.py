"""Clients and shortcuts as the tests of the platforms need them."""

from __future__ import annotations

from typing import Any

from integrations.affise import Affise
from integrations.errors import Conflict, Malformed, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.voluum import Voluum
from sandbox.server import Sandbox

ACCESS_ID, ACCESS_KEY, API_KEY = "canary-access-id", "canary-access-key", "canary-api-key"
CAMPAIGN, OLD, NEW = "0c9a", "c4.sandbox.test", "c5.sandbox.test"
# what a status of an answer means to whoever reads, and to whoever writes
MEANINGS = [
    (400, Rejected, Rejected),
    (404, Rejected, Rejected),
    (409, Conflict, Conflict),
    (302, Rejected, Rejected),
    (429, RateLimited, RateLimited),
    (500, Unavailable, OutcomeUnknown),
    (502, Unavailable, OutcomeUnknown),
    (503, Unavailable, OutcomeUnknown),
    (504, Unavailable, OutcomeUnknown),
    (408, Unavailable, OutcomeUnknown),
]
# how an answer gets lost, what that means to whoever reads, and whether a write was made all the same
LOST: list[tuple[dict[str, Any], type, bool]] = [
    ({"type": "commit_then_drop"}, Unavailable, True),
    ({"type": "commit_then_drop", "reset": True}, Unavailable, True),
    ({"type": "drop"}, Unavailable, False),
    ({"type": "reset"}, Unavailable, False),
    ({"type": "hang"}, Unavailable, False),
    ({"type": "truncate"}, Unavailable, True),
    ({"type": "trickle", "every_ms": 50, "part": "body"}, Unavailable, True),
    ({"type": "garbage"}, Malformed, False),
    ({"type": "html"}, Malformed, False),
    ({"type": "empty"}, Malformed, False),
    ({"type": "charset"}, Malformed, True),
    ({"type": "wrong_type"}, Malformed, True),
    ({"type": "deep"}, Malformed, False),
    ({"type": "huge", "size": 34 << 20}, Malformed, False),
    ({"type": "redirect"}, Rejected, False),
]
PATIENT: dict[str, Any] = {"timeout": (5.0, 20.0), "deadline": 20.0}


def voluum_at(url: str, **options: Any) -> Voluum:
    return Voluum(url, ACCESS_ID, ACCESS_KEY, **PATIENT | {"rate": None} | options)


def affise_at(url: str, **options: Any) -> Affise:
    return Affise(url, API_KEY, **PATIENT | {"rates": (None, None)} | options)


def campaigns(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """What Voluum really holds, by id."""
    return {row["id"]: row for row in sandbox.control("GET", "state/voluum")["campaigns"]}


def offers(sandbox: Sandbox) -> dict[int, dict[str, Any]]:
    """What Affise really holds, by id."""
    return {row["id"]: row for row in sandbox.control("GET", "state/affise")["offers"]}


def calls(sandbox: Sandbox, service: str) -> list[str]:
    """Method and path of every request so far."""
    return [f"{row['method']} {row['path'].removeprefix('/' + service)}" for row in sandbox.journal(service)]


def effects(sandbox: Sandbox, service: str) -> list[dict[str, Any]]:
    """What requests changed, without sessions."""
    found = [row["effect"] for row in sandbox.journal(service) if row["effect"]]
    return [effect for effect in found if "session" not in effect]


def put(voluum: Voluum, raw: dict[str, Any], **changes: Any) -> None:
    """Move a campaign that was read to the new domain."""
    voluum.replace_campaign(raw["id"], {**raw, "preferredTrackingDomain": NEW, **changes})
