"""From hashes to verdicts: what the cache still knows, what must be asked, and what both say about an address."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

import structlog

from config import clock
from integrations.errors import Malformed, OutsideError, RateLimited, Unauthorized, Unavailable
from integrations.safe_browsing.port import Cache, Entry, State, Verdict, unknown

Keys = Sequence[tuple[str, str]]
"""Prefix and full hash, in hex, of each expression of an address."""
Answers = Mapping[str, Entry | str]
"""By prefix: what is listed under it, or in a word why nobody knows."""

OUT_OF_TIME = "out_of_time"
_WORDS: tuple[tuple[type[OutsideError], str], ...] = (
    (Unauthorized, "unauthorized"),
    (RateLimited, "rate_limited"),
    (Malformed, "malformed"),
    (Unavailable, "unavailable"),
)

log = structlog.get_logger(__name__)


def check(
    provider: str,
    cache: Cache,
    keys: Mapping[str, Keys],
    fresh: Collection[str],
    ask: Callable[[list[str]], Answers],
) -> dict[str, Verdict]:
    """A verdict for each address of `keys`; those of `fresh` are asked about first and never come from the cache."""
    anew = _prefixes(keys[url] for url in fresh)
    wanted = anew | _prefixes(keys.values())
    older = [prefix for prefix in wanted if prefix not in anew]
    kept = {entry[0]: entry for entry in cache.read(provider, older, clock.now())} if older else {}
    found = ask([prefix for prefix in wanted if prefix not in kept])
    _keep(provider, cache, found)
    now = clock.now()
    return {url: _verdict(provider, pairs, kept, found, now) for url, pairs in keys.items()}


def reason(provider: str, error: OutsideError) -> str:
    """A failed look-up in one word; the log has the rest, without secrets."""
    word = next((word for kind, word in _WORDS if isinstance(error, kind)), "rejected")
    log.warning("reputation_not_answered", provider=provider, reason=word, detail=str(error)[:200])
    return word


def _prefixes(keys: Iterable[Keys]) -> dict[str, None]:
    """Each prefix once, in order."""
    return dict.fromkeys(prefix for pairs in keys for prefix, _ in pairs)


def _keep(provider: str, cache: Cache, found: Answers) -> None:
    entries = [entry for entry in found.values() if not isinstance(entry, str) and entry[3] > entry[2]]
    if entries:
        cache.write(provider, entries)


def _verdict(provider: str, pairs: Keys, kept: Mapping[str, Entry], found: Answers, now: datetime) -> Verdict:
    known = [
        (digest, kept.get(prefix) or found.get(prefix, "not_asked"), prefix not in kept) for prefix, digest in pairs
    ]
    answered = [(digest, entry, live) for digest, entry, live in known if not isinstance(entry, str)]
    listing = [(entry, live) for digest, entry, live in answered if entry[1].get(digest)]
    if listing:
        threats = {threat for digest, entry, _ in answered for threat in entry[1].get(digest, ())}
        return _from(provider, State.UNSAFE, tuple(sorted(threats)), listing)
    failure = next((entry for _, entry, _ in known if isinstance(entry, str)), None)
    if failure is not None or not known:
        return unknown(provider, now, failure or "not_an_address")
    return _from(provider, State.SAFE, (), [(entry, live) for _, entry, live in answered])


def _from(provider: str, state: State, threats: tuple[str, ...], basis: Sequence[tuple[Entry, bool]]) -> Verdict:
    """As old as the oldest answer it rests on, and good for as long as the shortest."""
    observed_at = min(entry[2] for entry, _ in basis)
    expires_at = min(entry[3] for entry, _ in basis)
    return Verdict(state, threats, observed_at, expires_at, provider, all(live for _, live in basis))
