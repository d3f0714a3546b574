"""The AdLoad driver that the settings name, one per process, because its connections and breaker are shared."""

from __future__ import annotations

from functools import lru_cache

from config.settings import Settings, get_settings
from core.ads.local_adload import LocalAdLoad
from integrations import adload
from integrations.adload.port import AdLoad


def driver() -> AdLoad:
    """The driver of this process."""
    return _driver(get_settings())


@lru_cache(maxsize=1)
def _driver(settings: Settings) -> AdLoad:
    return adload.make(settings) or LocalAdLoad()
