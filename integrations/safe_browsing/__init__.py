"""Reputation of addresses: who lists them as dangerous, asked at the provider that the settings name."""

from __future__ import annotations

from config.settings import Settings
from integrations.reach import reach
from integrations.safe_browsing.port import Cache, NoCache, Reputation
from integrations.safe_browsing.unset import Unset
from integrations.safe_browsing.v5 import BASE_URL as V5_URL
from integrations.safe_browsing.v5 import SafeBrowsing
from integrations.safe_browsing.web_risk import BASE_URL as WEB_RISK_URL
from integrations.safe_browsing.web_risk import WebRisk

SANDBOX_PATHS = {"sandbox": "/gsb/v5", "safebrowsing-v5": "/gsb/v5", "webrisk": "/webrisk/v1"}
USUAL = {"sandbox": "", "safebrowsing-v5": V5_URL, "webrisk": WEB_RISK_URL}


def make(settings: Settings, cache: Cache | None = None) -> Reputation:
    """The provider that the environment names; without one, a stand-in to which everything is unknown."""
    name = settings.safe_browsing_provider
    if name is None:
        return Unset()
    kind = WebRisk if name == "webrisk" else SafeBrowsing
    return kind(
        key=settings.safe_browsing_key.get_secret_value().strip() if settings.safe_browsing_key else "",
        url=_address(settings, name),
        provider=name,
        cache=cache or NoCache(),
        **reach(settings, settings.safe_browsing_timeout),
    )


def _address(settings: Settings, name: str) -> str:
    if settings.safe_browsing_url:
        return settings.safe_browsing_url
    return settings.sandbox_url.rstrip("/") + SANDBOX_PATHS[name] if settings.sandbox_url else USUAL[name]
