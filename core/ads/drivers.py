"""The AdLoad driver that the settings name; that AdLoad refuses our key is on record and raised once, until it ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import structlog

from config.clock import now
from config.settings import Settings, get_settings
from core import alerts
from core.ads.local_adload import LocalAdLoad
from core.alerts import Severity
from integrations import adload
from integrations.adload.port import AdLoad, Ears
from integrations.errors import Unauthorized
from models import pauses
from models.conflicts import transaction
from models.database import DATABASE_DOWN

SERVICE, PAUSED = "adload", "integration_paused"
LONGEST_REASON = 500
log = structlog.get_logger(__name__)


def driver() -> AdLoad:
    """The driver of this process, one for all, because its connections and breaker are shared."""
    return _driver(get_settings())


@lru_cache(maxsize=1)
def _driver(settings: Settings) -> AdLoad:
    ears = Ears(lambda error: _noted(lambda: _refused(error)), lambda: _noted(_accepted))
    return adload.make(settings, ears) or LocalAdLoad()


def _refused(error: Unauthorized) -> None:
    if pauses.add(SERVICE, str(error)[:LONGEST_REASON], now()):
        words = {
            "object": "AdLoad", "happened": f"refuses our key: {error}", "left": "check ADLOAD_TOKEN",
            "done": "no calls but one look every 5 min; clicks wait and are charged later",
        }  # fmt: skip
        alerts.raise_alert(PAUSED, SERVICE, Severity.CRITICAL, words)


def _accepted() -> None:
    if pauses.remove(SERVICE):
        alerts.resolve(PAUSED, SERVICE)


def _noted(write: Callable[[], None]) -> bool:
    """Whether it is on record; what AdLoad has just answered must not be lost with a database that is down."""
    try:
        transaction(write)
    except DATABASE_DOWN as error:
        log.warning("adload_pause_not_noted", error=type(error).__name__)
        return False
    return True
