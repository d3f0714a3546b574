"""What is listed: hosts that tests decided about, names with a telling first label, or a share of everything."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sandbox.world import World

ZONES = ("sandbox.test", "canary.sandbox.test")
CLEAN_CANARY = "clean.canary.sandbox.test"
LANDING_PATHS = ("/landing", "/landing/")
_PHISHING = ["SOCIAL_ENGINEERING"]
LABELS: dict[str, dict[str, Any]] = {
    "malware": {"listed": ["MALWARE"]},
    "phish": {"listed": _PHISHING},
    "uws": {"listed": ["UNWANTED_SOFTWARE"]},
    "canary-only": {"listed": _PHISHING, "attributes": ["CANARY"]},
    "frameonly": {"listed": _PHISHING, "attributes": ["FRAME_ONLY"]},
    "collision": {"listed": _PHISHING, "collision": True},
    "flap": {"listed": _PHISHING, "flap": True},
    "landing": {"listed": _PHISHING, "path": LANDING_PATHS[0]},
}


class Listing(NamedTuple):
    """One entry of the list: `digest` is the full hash, `expression` what it is the hash of."""

    expression: str
    digest: bytes
    threats: list[str]
    attributes: list[str]
    flaps: bool


class Listings:
    """Looked up by prefix or by address; `share` percent of the known hosts are listed on top."""

    def __init__(self, world: World) -> None:
        self._hosts = world.hosts
        self._built: tuple[int, int] | None = None
        self._by_prefix: dict[bytes, list[Listing]] = {}
        self._asked: dict[str, int] = {}

    def under(self, prefix: bytes, share: int) -> list[Listing]:
        """The listings whose hash begins with these bytes."""
        if self._built != (self._hosts.version, share):
            self._build(share)
        return [one for one in self._by_prefix.get(prefix, ()) if self._shows(one)]

    def of(self, address: str, share: int) -> list[Listing]:
        """The listings of an address: of its host, or of exactly its path."""
        parts = urlsplit(address)
        host, path = parts.hostname or "", parts.path or "/"
        return [one for one in self._entries(host, share) if _concerns(one, host, path) and self._shows(one)]

    def _shows(self, one: Listing) -> bool:
        """A flapping entry is there at every other look."""
        if not one.flaps:
            return True
        self._asked[one.expression] = self._asked.get(one.expression, 0) + 1
        return self._asked[one.expression] % 2 == 1

    def _build(self, share: int) -> None:
        self._built = self._hosts.version, share
        self._by_prefix = {}
        for host in dict.fromkeys([*_telling_names(), CLEAN_CANARY, *(name for name, _ in self._hosts)]):
            for one in self._entries(host, share):
                self._by_prefix.setdefault(one.digest[:4], []).append(one)

    def _entries(self, host: str, share: int) -> Iterator[Listing]:
        facts = LABELS.get(host.partition(".")[0], {}) if host.endswith(".sandbox.test") else {}
        facts = facts | self._hosts.get(host)
        threats = facts.get("listed", [])
        if sha256(f"share {host}".encode()).digest()[0] * 100 < share * 256 and not threats:
            threats = _PHISHING
        for path in _paths(facts) if threats else ():
            yield _listing(host + path, threats, facts)


def _telling_names() -> list[str]:
    return [f"{label}.{zone}" for label in LABELS for zone in ZONES]


def _paths(facts: dict[str, Any]) -> tuple[str, ...]:
    path = facts.get("path", "/")
    return LANDING_PATHS if path == LANDING_PATHS[0] else (path,)


def _listing(expression: str, threats: list[str], facts: dict[str, Any]) -> Listing:
    digest = sha256(expression.encode()).digest()
    if facts.get("collision"):
        digest = digest[:4] + sha256(digest).digest()[4:]
    return Listing(expression, digest, threats, facts.get("attributes", []), facts.get("flap", False))


def _concerns(one: Listing, host: str, path: str) -> bool:
    real = one.digest == sha256(one.expression.encode()).digest()
    return real and not one.attributes and one.expression in (f"{host}/", host + path)
