"""What tests and the demo decided about single hosts: listed, unresolvable, expired; shared by all services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Threat = Literal[
    "MALWARE",
    "SOCIAL_ENGINEERING",
    "UNWANTED_SOFTWARE",
    "POTENTIALLY_HARMFUL_APPLICATION",
    "SOCIAL_ENGINEERING_EXTENDED_COVERAGE",
]
Attribute = Literal["CANARY", "FRAME_ONLY"]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One control call about a host; what it leaves out stays as it was, null takes a fact back.

    `path` limits a listing to one path of the host, `collision` lists a stranger with the same first four bytes.
    """

    host: Annotated[str, Meta(min_length=1)]
    listed: list[Threat] | msgspec.UnsetType | None = msgspec.UNSET
    attributes: list[Attribute] | msgspec.UnsetType | None = msgspec.UNSET
    path: str | msgspec.UnsetType | None = msgspec.UNSET
    collision: bool | msgspec.UnsetType | None = msgspec.UNSET
    dns: str | msgspec.UnsetType | None = msgspec.UNSET
    upstream: int | msgspec.UnsetType | None = msgspec.UNSET
    tls: str | msgspec.UnsetType | None = msgspec.UNSET
    rdap: str | msgspec.UnsetType | None = msgspec.UNSET

    def given(self) -> dict[str, Any]:
        """The facts that the call names."""
        named = {name: getattr(self, name) for name in self.__struct_fields__ if name != "host"}
        return {name: value for name, value in named.items() if value is not msgspec.UNSET}


class Hosts:
    """Facts by host; names are compared in lower case and without a trailing dot. `version` grows with every change."""

    def __init__(self) -> None:
        self._facts: dict[str, dict[str, Any]] = {}
        self.version = 0

    def set(self, host: str, **facts: Any) -> dict[str, Any]:
        """Add facts to those known of the host; None takes one back. All its facts."""
        known = self._facts.setdefault(_name(host), {})
        known.update(facts)
        for name in [name for name, value in known.items() if value is None]:
            del known[name]
        self.version += 1
        return dict(known)

    def get(self, host: str) -> dict[str, Any]:
        """The facts of a host, empty when nothing was decided about it."""
        return dict(self._facts.get(_name(host), {}))

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every host with its facts, in the order in which they were first named."""
        return iter([(host, dict(facts)) for host, facts in self._facts.items()])

    def clear(self) -> None:
        """Nothing is decided about any host."""
        self._facts.clear()
        self.version += 1


def _name(host: str) -> str:
    return host.strip().rstrip(".").lower()
