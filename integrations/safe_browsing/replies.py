"""Reads answers of the providers, in whichever format they came, and names their refusals."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from integrations.body import Unreadable, parse_json
from integrations.errors import Malformed, Rejected, Unauthorized
from integrations.http import Reply
from integrations.redaction import excerpt
from integrations.safe_browsing.wire import HASH_BYTES, THREATS, Broken, Found, search_hashes

PROTOBUF = "application/x-protobuf"
EXTENDED = "SOCIAL_ENGINEERING_EXTENDED_COVERAGE"
_PROTOBUF_NAMES = frozenset({PROTOBUF, "application/protobuf", "application/vnd.google.protobuf"})
_KNOWN = frozenset(THREATS.values())
_SECONDS = re.compile(r"(?P<whole>[0-9]{1,12})(\.[0-9]{1,9})?s")
_INSTANT = re.compile(r"(?P<second>[0-9T:\-]{19})(?P<fraction>\.[0-9]{1,9})?Z")


class _Detail(msgspec.Struct, rename="camel"):
    threat_type: str = ""
    attributes: list[str] = []


class _FullHash(msgspec.Struct, rename="camel"):
    full_hash: str
    full_hash_details: list[_Detail] = []


class _Answer(msgspec.Struct, rename="camel"):
    cache_duration: str
    full_hashes: list[_FullHash] = []


class _Threat(msgspec.Struct, rename="camel"):
    threat_types: list[str]
    expire_time: str | None = None


class _Hit(msgspec.Struct):
    threat: _Threat


def hashes(reply: Reply, secrets: Sequence[str]) -> Found:
    """The answer of a hash search as protobuf or JSON, as its Content-Type says; raises Malformed."""
    content_type = reply.headers.get("Content-Type", "")
    with _shaped(reply, secrets):
        if content_type.partition(";")[0].strip().lower() in _PROTOBUF_NAMES:
            return search_hashes(reply.body)
        return _from_json(msgspec.convert(parse_json(reply.body, content_type), _Answer))


def listing(reply: Reply, secrets: Sequence[str]) -> tuple[tuple[str, ...], datetime | None]:
    """Threats of one URI and until when they hold; no threats when the answer is empty. Raises Malformed."""
    with _shaped(reply, secrets):
        if reply.json == {}:
            return (), None
        threat = msgspec.convert(reply.json, _Hit).threat
        if not threat.threat_types:
            raise ValueError("a hit without threats")
        counted = tuple(sorted(_KNOWN.union({EXTENDED}).intersection(threat.threat_types)))
        return counted, instant(threat.expire_time) if threat.expire_time else None


def instant(text: str) -> datetime:
    """An instant of up to nine decimals, cut to microseconds; raises ValueError."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("not an instant")
    return datetime.fromisoformat(found["second"] + (found["fraction"] or ".0")[:7].ljust(7, "0")).replace(tzinfo=UTC)


@contextmanager
def named() -> Iterator[None]:
    """A key that does not work is answered with 400; for us it is Unauthorized like any other refused key."""
    try:
        yield
    except Rejected as error:
        if error.status != 400 or "API_KEY_INVALID" not in error.detail:
            raise
        refused = Unauthorized(error.code, error.detail, status=error.status)
        refused.service, refused.request_id = error.service, error.request_id
    else:
        return
    raise refused


@contextmanager
def _shaped(reply: Reply, secrets: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except (Broken, Unreadable, ValueError) as problem:  # a wrong shape is a ValueError too
        text = str(problem)[:200]
    else:
        return
    malformed = Malformed(f"reputation: {text}", excerpt(reply.body, secrets))
    malformed.request_id = reply.request_id
    raise malformed


def _from_json(answer: _Answer) -> Found:
    threats: dict[bytes, frozenset[str]] = {}
    for one in answer.full_hashes:
        digest = _digest(one.full_hash)
        threats[digest] = threats.get(digest, frozenset()) | _counted(one.full_hash_details)
    return Found(threats, _duration(answer.cache_duration))


def _digest(text: str) -> bytes:
    try:
        digest = b64decode(text, validate=True)
    except NotBase64 as error:
        raise Broken("a full hash that is not base64") from error
    if len(digest) != HASH_BYTES:
        raise Broken("a full hash that is not 32 bytes long")
    return digest


def _counted(details: Sequence[_Detail]) -> frozenset[str]:
    """Threats we know of details without attributes; CANARY and FRAME_ONLY never make an address unsafe."""
    return frozenset(one.threat_type for one in details if one.threat_type in _KNOWN and not one.attributes)


def _duration(text: str) -> int:
    found = _SECONDS.fullmatch(text)
    if found is None:
        raise Broken("not a duration")
    return int(found["whole"])
