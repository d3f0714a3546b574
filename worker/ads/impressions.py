"""Impressions: noticing an ad server that has stopped sending them, and forgetting what can never come again."""

from __future__ import annotations

import structlog

from core.ads import impression_servers
from core.ads.impression_servers import Silent
from worker import alerts
from worker.actor import actor
from worker.alerts import Severity

SILENT = "impression_server_silent"
log = structlog.get_logger(__name__)


@actor
def check_impression_servers() -> int:
    """Report ad servers that have stopped sending impressions, and forget batches of days long closed."""
    impression_servers.forget_old()
    silent = impression_servers.silent_servers()
    for item in silent:
        log.error("impression_server_silent", server=item.server, last_at=item.last_at, minutes=item.minutes)
    alerts.tell_all(SILENT, {item.server: _words(item) for item in silent}, Severity.WARNING)
    alerts.settle(SILENT, [item.server for item in silent])
    return len(silent)


def _words(item: Silent) -> dict[str, str]:
    return {"object": item.server, "happened": f"no impressions for {item.minutes} minutes, the last at {item.last_at}"}
