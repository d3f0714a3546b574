"""Impressions: noticing an ad server that has stopped sending them, and forgetting what can never come again."""

from __future__ import annotations

import structlog

from core.ads import impression_servers
from worker.actor import actor

log = structlog.get_logger(__name__)


@actor
def check_impression_servers() -> int:
    """Report ad servers that have stopped sending impressions, and forget batches of days long closed."""
    impression_servers.forget_old()
    silent = impression_servers.silent_servers()
    for item in silent:
        log.error("impression_server_silent", server=item.server, last_at=item.last_at, minutes=item.minutes)
    return len(silent)
