"""Signatures of answers from outside: HMAC-SHA256 over the raw bytes, with a time, and two keys while they change."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

HEADER = "X-Signature"
SKEW_SECONDS = 300
LONGEST_HEADER = 256
_PARTS = {
    "t": re.compile(r"[0-9]{1,11}"),
    "kid": re.compile(r"[A-Za-z0-9._-]{1,64}"),
    "v1": re.compile(r"[0-9a-f]{64}"),
}
# what an unknown key id is checked with, so that it takes as long as a known one
_NOBODY = secrets.token_hex(32)


def sign(secret: str, at: int, body: bytes) -> str:
    """The signature of a body at a Unix time, in hex."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()


def header(kid: str, secret: str, at: int, body: bytes) -> str:
    """The whole header."""
    return f"t={at},kid={kid},v1={sign(secret, at, body)}"


def genuine(given: str | None, body: bytes, known: Mapping[str, str], at: datetime) -> bool:
    """Whether one of ours signed these bytes within the last or next five minutes."""
    parts = _read(given or "")
    if parts is None:
        return False
    secret = known.get(parts["kid"])
    right = sign(secret or _NOBODY, int(parts["t"]), body)
    fits = hmac.compare_digest(right, parts["v1"])
    return fits and secret is not None and abs(at.timestamp() - int(parts["t"])) <= SKEW_SECONDS


def _read(given: str) -> dict[str, str] | None:
    """The three parts, each once and well formed."""
    pairs = [item.strip().partition("=") for item in given.split(",")] if len(given) <= LONGEST_HEADER else []
    parts = {name: value for name, _, value in pairs}
    if len(pairs) != len(_PARTS) or parts.keys() != _PARTS.keys():
        return None
    return parts if all(form.fullmatch(parts[name]) for name, form in _PARTS.items()) else None
