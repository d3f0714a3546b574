"""Asks registries about many domains, each registry once a second at most, over all processes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlsplit

import structlog

from config.clock import monotonic, now
from config.settings import Settings
from integrations.errors import OutsideError, RateLimited
from integrations.rdap import Rdap, Registration
from models import rate_buckets
from models.rate_buckets import Exhausted, Limit

LONGEST_PAUSE = 1.5
log = structlog.get_logger(__name__)


def look(domains: Iterable[str], settings: Settings, *, seconds: float) -> dict[str, Registration]:
    """What the registry of each registrable domain says, as many as the time allows.

    A registry that fails or asks for patience is left alone until the next time; nothing is said about its domains.
    """
    rdap, ends_at = _rdap(settings), monotonic() + seconds
    if rdap is None:
        return {}
    found: dict[str, Registration] = {}
    for registry, names in _by_registry(rdap, domains).items():
        for domain in names:
            if monotonic() >= ends_at:
                return found
            try:
                found[domain] = _patiently(rdap, domain)
            except OutsideError as error:
                _heed(registry, error)
                break
    return found


def _by_registry(rdap: Rdap, domains: Iterable[str]) -> dict[str, list[str]]:
    """Without the list of registries there is nobody to ask."""
    grouped: dict[str, list[str]] = defaultdict(list)
    try:
        for domain in dict.fromkeys(domains):
            grouped[rdap.registry(domain) or ""].append(domain)
    except OutsideError as error:
        _heed("", error)
    return grouped


def _patiently(rdap: Rdap, domain: str) -> Registration:
    """Our own limit is a matter of a second, which is waited for once."""
    try:
        return rdap.registration(domain)
    except RateLimited as limited:
        if limited.sent or limited.retry_after > LONGEST_PAUSE:
            raise
        time.sleep(limited.retry_after)
    return rdap.registration(domain)


def _heed(base: str, error: OutsideError) -> None:
    """A registry that wants to be left alone is left alone by every process."""
    log.warning("registry_not_answered", registry=urlsplit(base).hostname, error=type(error).__name__)
    if isinstance(error, RateLimited) and error.sent:
        rate_buckets.hold(_limit(_name(base)), now() + timedelta(seconds=error.retry_after))


def _take(name: str) -> None:
    try:
        rate_buckets.take([_limit(name)], now())
    except Exhausted as error:
        raise RateLimited(f"{name}: own rate limit", retry_after=error.seconds, sent=False) from None


def _limit(name: str) -> Limit:
    return Limit(name, 1.0, 1.0)


def _name(base: str) -> str:
    return f"rdap:{urlsplit(base).hostname}"


@lru_cache(maxsize=1)
def _rdap(settings: Settings) -> Rdap | None:
    return Rdap.from_settings(settings, before_call=_take)
