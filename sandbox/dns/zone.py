"""What each of the three resolvers says about a name: the truth, or what its labels or the control plane ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from sandbox.dns.wire import AAAA, CNAME, NOERROR, NS, NXDOMAIN, REFUSED, SERVFAIL, A, Record
from sandbox.hosts import Hosts

APEX = "sandbox.test"
ADDRESSES = {A: "192.0.2.10", AAAA: "2001:db8::10"}
SERVER = f"ns1.{APEX}"
SLOW_MS = 500.0
EVERYTHING = "*"


class Say(msgspec.Struct, frozen=True):
    """One answer before it is written; `silent` means none at all, `tcp_only` an empty truncated one over UDP."""

    rcode: int = NOERROR
    records: tuple[Record, ...] = ()
    delay_ms: float = 0
    silent: bool = False
    tcp_only: bool = False


def _plain(name: str, kind: int) -> Say:
    address = ADDRESSES.get(kind)
    return Say(records=(Record(name, kind, address),) if address else ())


def _sinkhole(name: str, kind: int) -> Say:
    address = {A: "127.0.0.66", AAAA: "::ffff:10.0.0.66"}.get(kind)
    return Say(records=(Record(name, kind, address),) if address else ())


def _alias(*chain: str) -> Callable[[str, int], Say]:
    def say(name: str, kind: int) -> Say:
        links = tuple(Record(one, CNAME, other) for one, other in zip((name, *chain), chain, strict=False))
        return Say(records=links + _plain(chain[-1], kind).records)

    return say


BEHAVIOURS: dict[str, Callable[[str, int], Say]] = {
    "ok": _plain,
    "nx": lambda name, kind: Say(NXDOMAIN),
    "empty": lambda name, kind: Say(),
    "servfail": lambda name, kind: Say(SERVFAIL),
    "refused": lambda name, kind: Say(REFUSED),
    "silent": lambda name, kind: Say(silent=True),
    "slow": lambda name, kind: msgspec.structs.replace(_plain(name, kind), delay_ms=SLOW_MS),
    "sink": _sinkhole,
    "cname": _alias(f"alias.{APEX}", f"edge.{APEX}"),
    "wrongcname": _alias(f"parked.{APEX}"),
    # as the name server of a zone answers that does not serve the zone it points into
    "outofzone": lambda name, kind: Say(records=(Record(name, CNAME, f"edge.{APEX}"),)),
    "trunc": lambda name, kind: msgspec.structs.replace(_plain(name, kind), tcp_only=True),
}
_SAME = {"nxdomain": "nx", "timeout": "silent", "sinkhole": "sink", "truncated": "trunc"}


class Zone:
    """The names of the sandbox, as resolvers 1 to 3 and, number 0, its own name server know them.

    A fact `dns` is a behaviour, everywhere or at the fact's `upstream`; or one for each, such as `1=nx,3=servfail`.
    That of the host `*` is how a resolver treats every name about which nothing else was decided there.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._above: set[str] = set()
        self._version = -1

    def say(self, upstream: int, name: str, kind: int) -> Say:
        """The answer of resolver 1, 2 or 3, or of the own name server."""
        if behaviour := self._decided(upstream, name):
            return BEHAVIOURS[behaviour](name, kind)
        if name == "invalid" or name.endswith(".invalid"):
            return Say(NXDOMAIN)
        if not self._is_ours(name):
            return Say(REFUSED)
        if kind == NS:
            return Say(records=(Record(name, NS, SERVER),) if self._is_apex(name) else ())
        return _plain(name, kind)

    def _decided(self, upstream: int, name: str) -> str | None:
        facts = self._hosts.get(name)
        own = _decided_by(facts, upstream)
        if not facts.get("dns") and name.endswith(f".{APEX}"):
            own = _triggered(name, upstream)
        return own or _decided_by(self._hosts.get(EVERYTHING), upstream)

    def _is_ours(self, name: str) -> bool:
        """Names of the sandbox, hosts that the control plane named, and the domains above those."""
        if name == APEX or name.endswith(f".{APEX}"):
            return True
        if self._version != self._hosts.version:
            self._above = {zone for host, _ in self._hosts for zone in _with_parents(host)}
            self._version = self._hosts.version
        return name in self._above

    def _is_apex(self, name: str) -> bool:
        return name == APEX or (name.count(".") == 1 and not name.endswith(f".{APEX}"))


def _with_parents(host: str) -> Iterator[str]:
    labels = host.split(".")
    return (".".join(labels[start:]) for start in range(len(labels)))


def _triggered(name: str, upstream: int) -> str | None:
    labels = name.removesuffix(f".{APEX}").split(".")
    if "split" in labels:
        return "nx" if upstream == 1 else None
    return _first(label for label in labels if label != "ok")


def _decided_by(facts: Mapping[str, Any], upstream: int) -> str | None:
    return _wanted(str(facts["dns"]), facts.get("upstream"), upstream) if facts.get("dns") else None


def _wanted(fact: str, at: int | None, upstream: int) -> str | None:
    if "=" not in fact:
        return _first([fact]) if at in (None, upstream) else None
    each = dict(item.strip().split("=", 1) for item in fact.split(",") if "=" in item)
    return _first([each.get(str(upstream), "")])


def _first(words: Iterable[str]) -> str | None:
    known = (_SAME.get(word, word) for word in words)
    return next((word for word in known if word in BEHAVIOURS), None)
