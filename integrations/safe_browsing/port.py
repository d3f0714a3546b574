"""What the core asks of a reputation provider, and what a provider needs to remember its answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

LONGEST_UNSAFE = timedelta(minutes=30)
LONGEST_SAFE = timedelta(hours=24)

Hashes = Mapping[str, Sequence[str]]
"""Threats by full hash in hex."""
Entry = tuple[str, Hashes, datetime, datetime]
"""Prefix, what the provider lists under it, when it said so, and until when that holds."""


class State(StrEnum):
    """What a provider says about an address."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    UNKNOWN = "unknown"
    """It said nothing usable; never acted on."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer about one address; `live` when no part of it is from the cache.

    `observed_at` is when the provider said so, `expires_at` until when it may be repeated; `reason` says why an
    unknown one is unknown. A listing is a suspicion of the provider, and lists can err.
    """

    state: State
    threats: tuple[str, ...]
    observed_at: datetime
    expires_at: datetime
    provider: str
    live: bool
    reason: str = ""


class Cache(Protocol):
    """Remembers answers between sweeps and processes."""

    def read(self, provider: str, prefixes: Sequence[str], at: datetime) -> list[Entry]:
        """The entries that still hold."""
        ...

    def write(self, provider: str, entries: Sequence[Entry]) -> None:
        """Keep entries; an older answer never replaces a newer one."""
        ...


class Reputation(Protocol):
    """A provider. An outage is an unknown verdict, never an exception."""

    @property
    def provider(self) -> str:
        """The name on its verdicts."""
        ...

    def check(self, urls: Collection[str], *, fresh: Collection[str] = ()) -> dict[str, Verdict]:
        """A verdict for each address, also those of `fresh`, which are asked even if the cache knows them."""
        ...

    def check_live(self, urls: Collection[str], *, seconds: float | None = None) -> dict[str, Verdict]:
        """The same without the cache, in at most so many seconds."""
        ...

    def probe(self) -> str:
        """The cheapest look-up that proves key and reachability, in words; raises an outcome when it fails."""
        ...


class NoCache:
    """Remembers nothing."""

    def read(self, provider: str, prefixes: Sequence[str], at: datetime) -> list[Entry]:
        """Nothing."""
        return []

    def write(self, provider: str, entries: Sequence[Entry]) -> None:
        """Forget at once."""


def unknown(provider: str, at: datetime, reason: str) -> Verdict:
    """The verdict of a question that was not answered."""
    return Verdict(State.UNKNOWN, (), at, at, provider, live=True, reason=reason)


def expiry(hashes: Hashes, at: datetime, life: timedelta) -> datetime:
    """Until when an answer may be kept: what lists something 30 minutes at most, anything else a day."""
    longest = LONGEST_UNSAFE if any(hashes.values()) else LONGEST_SAFE
    return at + min(life, longest)
