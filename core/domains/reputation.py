"""What the reputation provider says about addresses, believed only while the canaries sing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from config.settings import Settings, get_settings
from integrations import safe_browsing
from integrations.safe_browsing.port import Reputation, State, Verdict
from models import reputation_cache


@dataclass(frozen=True, slots=True)
class Findings:
    """One look-up: a verdict per address, all of them unknown unless both canaries answered as they must.

    `reason` is empty or says in a word why the canaries failed, `unauthorized` being a refused key.
    """

    verdicts: Mapping[str, Verdict]
    canary_ok: bool
    reason: str = ""

    @property
    def unsafe(self) -> dict[str, Verdict]:
        """The addresses that are suspected, with the verdicts."""
        return {url: verdict for url, verdict in self.verdicts.items() if verdict.state is State.UNSAFE}


def look_up(urls: Collection[str]) -> Findings:
    """Verdicts for a sweep: answers that still hold come from the cache, the canaries never do."""
    settings = get_settings()
    canaries = settings.canary_listed_url, settings.canary_clean_url
    return _believed(urls, provider().check(urls, fresh=canaries), *canaries)


def confirm(urls: Collection[str], *, seconds: float | None = None) -> Findings:
    """Verdicts that may decide about a switch: asked now, nothing from the cache, in at most so many seconds."""
    settings = get_settings()
    canaries = settings.canary_listed_url, settings.canary_clean_url
    return _believed(urls, provider().check_live([*canaries, *urls], seconds=seconds), *canaries)


def provider() -> Reputation:
    """The provider of this process."""
    return _provider(get_settings())


@lru_cache(maxsize=1)
def _provider(settings: Settings) -> Reputation:
    return safe_browsing.make(settings, reputation_cache)


def _believed(urls: Collection[str], found: Mapping[str, Verdict], listed: str, clean: str) -> Findings:
    verdicts = {url: found[url] for url in urls}
    reason = _silence(found[listed], found[clean])
    if not reason:
        return Findings(verdicts, canary_ok=True)
    blind = {url: _blinded(verdict, reason) for url, verdict in verdicts.items()}
    return Findings(blind, canary_ok=False, reason=reason)


def _silence(listed: Verdict, clean: Verdict) -> str:
    """Why the canaries prove nothing; empty when they prove that somebody answers, and truly."""
    for verdict in (listed, clean):
        if verdict.state is State.UNKNOWN:
            return verdict.reason
    if listed.state is not State.UNSAFE:
        return "listed_canary_is_clean"
    return "" if clean.state is State.SAFE else "clean_canary_is_listed"


def _blinded(verdict: Verdict, reason: str) -> Verdict:
    return replace(verdict, state=State.UNKNOWN, threats=(), reason=verdict.reason or reason)
