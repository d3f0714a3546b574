"""Providers and a cache in memory, as the tests need them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from integrations.safe_browsing.port import Entry, State, Verdict
from integrations.safe_browsing.v5 import SafeBrowsing
from integrations.safe_browsing.web_risk import WebRisk
from sandbox.server import Sandbox

KEY = "planted-canary-key-4711"
_Provider = TypeVar("_Provider", SafeBrowsing, WebRisk)


class Memory:
    """A cache that also tells what was asked of it."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.read_prefixes: list[str] = []

    def read(self, provider: str, prefixes: Sequence[str], at: datetime) -> list[Entry]:
        self.read_prefixes += prefixes
        found = [self.entries.get((provider, prefix)) for prefix in prefixes]
        return [entry for entry in found if entry is not None and entry[3] > at]

    def write(self, provider: str, entries: Sequence[Entry]) -> None:
        self.entries |= {(provider, entry[0]): entry for entry in entries}


def v5(sandbox: Sandbox | str, *, hasty: bool = False, **options: Any) -> SafeBrowsing:
    url = sandbox if isinstance(sandbox, str) else f"{sandbox.url}/gsb/v5"
    return _paced(SafeBrowsing(KEY, url, **options), hasty)


def web_risk(sandbox: Sandbox | str, *, hasty: bool = False, **options: Any) -> WebRisk:
    url = sandbox if isinstance(sandbox, str) else f"{sandbox.url}/webrisk/v1"
    return _paced(WebRisk(KEY, url, **options), hasty)


def _paced(made: _Provider, hasty: bool) -> _Provider:
    """Silence is noticed after half a second, or late enough for any machine."""
    made.client.timeout, made.client.deadline = ((0.5, 0.5), 0.7) if hasty else ((30.0, 30.0), 30.0)
    return made


def states(found: dict[str, Verdict]) -> dict[str, State]:
    return {url: verdict.state for url, verdict in found.items()}


def prefixes_asked(sandbox: Sandbox) -> list[int]:
    """How many prefixes each request carried."""
    return [row["query"].count("hashPrefixes=") for row in sandbox.journal("gsb")]
