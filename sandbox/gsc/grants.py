"""Whether an assertion is a grant for Search Console: its shape, its times, and its signature when the key is known."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

SCOPE = "https://www.googleapis.com/auth/webmasters.readonly"
AUDIENCE = "/token"
LONGEST_SECONDS = 3600
SKEW_SECONDS = 300


class Refused(ValueError):
    """No token for this."""


def check(assertion: str, public_key: str | None, now: datetime) -> None:
    """Raise Refused unless this is signed, for us, short-lived, and asks to read Search Console."""
    parts = assertion.split(".")
    if len(parts) != 3:
        raise Refused("the assertion is no signed token")
    head, claims, signature = _document(parts[0]), _document(parts[1]), _bytes(parts[2])
    if head.get("alg") != "RS256":
        raise Refused("the assertion is not signed with RS256")
    if public_key is not None:
        _verify(public_key, signature, f"{parts[0]}.{parts[1]}".encode())
    _check_claims(claims, now)


def _check_claims(claims: dict[str, Any], now: datetime) -> None:
    issued, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(ends, int) or not 0 < ends - issued <= LONGEST_SECONDS:
        raise Refused("the assertion must live for an hour at most")
    if not issued - SKEW_SECONDS <= now.timestamp() < ends:
        raise Refused("the assertion is not of now")
    if SCOPE not in str(claims.get("scope", "")).split():
        raise Refused("the scope is not that of Search Console")
    if not claims.get("iss") or not str(claims.get("aud", "")).endswith(AUDIENCE):
        raise Refused("the assertion names no issuer, or another audience")


def _verify(public_key: str, signature: bytes, signed: bytes) -> None:
    key = load_pem_public_key(public_key.encode())
    assert isinstance(key, RSAPublicKey)
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise Refused("the signature is wrong") from None


def _document(part: str) -> dict[str, Any]:
    try:
        found = orjson.loads(_bytes(part))
    except orjson.JSONDecodeError:
        raise Refused("the assertion is no JSON") from None
    if not isinstance(found, dict):
        raise Refused("the assertion is no object")
    return found


def _bytes(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise Refused("the assertion is not base64") from None
