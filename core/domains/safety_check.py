"""The checker that is built in: is the property still ours, what does the index say, and what is its reputation."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog

from config.clock import monotonic
from config.settings import Settings, get_settings
from core.domains import confirming, reputation
from integrations.errors import OutsideError, Rejected, Unauthorized
from integrations.safe_browsing.port import State, Verdict
from integrations.search_console import Inspection, SearchConsole, property_of
from models import safety
from models.answers import Finding
from models.domain_states import SafetyRequestState
from models.safety import Request

NAME = "built-in"
SITES_SECONDS = 600.0
_ANSWERS = {
    State.SAFE: SafetyRequestState.SAFE,
    State.UNSAFE: SafetyRequestState.UNSAFE,
    State.UNKNOWN: SafetyRequestState.UNKNOWN,
}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What was found out here. Only the reputation decides: the index knows of no danger, and NEUTRAL is no praise.

    `finding` is a listing, which is an answer of the provider and has to be confirmed like any other. `lost` says
    that the property was ours and is no more, `refused` that Search Console does not take our key.
    """

    verdict: SafetyRequestState
    pieces: tuple[dict[str, Any], ...]
    observed_at: datetime
    finding: Finding | None = None
    lost: str = ""
    refused: bool = False


@dataclass(slots=True)
class Console:
    """Search Console with a short memory for the list of properties, which is the same for every domain."""

    client: SearchConsole
    _sites: dict[str, bool] = field(init=False, default_factory=dict)
    _stale_at: float = field(init=False, default=0.0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def sites(self) -> dict[str, bool]:
        """The properties, whether each is ours; raises an outcome."""
        with self._lock:
            if monotonic() >= self._stale_at:
                self._sites = self.client.sites()
                self._stale_at = monotonic() + SITES_SECONDS
            return self._sites

    def inspect(self, site: str, url: str) -> Inspection:
        """What the index says; raises an outcome."""
        return self.client.inspect(site, url)


def look(request: Request) -> Opinion:
    """An opinion about a domain; an outage makes it poorer, never an error."""
    url = f"https://{request.domain}/"
    found = reputation.confirm([url], seconds=confirming.SECONDS)
    verdict = found.verdicts[url]
    console = _console(get_settings())
    hints, lost, refused = _hints(console, request, url) if console else ([], "", False)
    listed = verdict.state is State.UNSAFE
    finding = confirming.of_reputation(request.domain_id, url, verdict, found) if listed else None
    pieces = (_reputation(verdict, found.canary_ok), *hints)
    return Opinion(_ANSWERS[verdict.state], pieces, verdict.observed_at, finding, lost, refused)


def _hints(console: Console, request: Request, url: str) -> tuple[list[dict[str, Any]], str, bool]:
    """What Search Console says, the property that was lost, and whether the key was refused."""
    try:
        sites = console.sites()
    except OutsideError as error:
        return [_problem("property", error)], "", isinstance(error, Unauthorized)
    site = property_of(sites, request.domain)
    ours = site is not None and sites[site]
    lost = "" if ours else site or _formerly(request)
    hints: list[dict[str, Any]] = [{"kind": "property", "site": site or lost, "ours": ours, "lost": bool(lost)}]
    return [*hints, *([_inspected(console, site, url)] if site and ours else [])], lost, False


def _formerly(request: Request) -> str:
    """The property that was ours when this domain was last looked at."""
    pieces = (piece for piece in safety.last_pieces(request.domain_id) if piece.get("kind") == "property")
    return next((str(piece.get("site")) for piece in pieces if piece.get("ours") or piece.get("lost")), "")


def _inspected(console: Console, site: str, url: str) -> dict[str, Any]:
    try:
        seen = console.inspect(site, url)
    except OutsideError as error:
        return _problem("url_inspection", error)
    facts = {"verdict": seen.verdict, "robots": seen.robots, "fetch": seen.fetch, "crawled_at": seen.crawled_at}
    return {"kind": "url_inspection", **facts}


def _problem(kind: str, error: OutsideError) -> dict[str, Any]:
    word = error.code if isinstance(error, Rejected) else type(error).__name__
    log.warning("search_console_did_not_say", about=kind, problem=word)
    return {"kind": kind, "problem": word}


def _reputation(verdict: Verdict, canary_ok: bool) -> dict[str, Any]:
    facts = {"provider": verdict.provider, "verdict": verdict.state.value, "threats": list(verdict.threats)}
    return {"kind": "reputation", **facts, "canary_ok": canary_ok, "reason": verdict.reason}


@lru_cache(maxsize=1)
def _console(settings: Settings) -> Console | None:
    found = SearchConsole.from_settings(settings)
    return Console(found) if found else None
