"""One alert for the messages of the ad network that were given up."""

from __future__ import annotations

import structlog

from config.clock import now
from core.ads import dead_letters
from worker.actor import actor

log = structlog.get_logger(__name__)


@actor
def report_dead_letters() -> int:
    """Raise one alert for messages of the ad network that were given up: when their set changes, else once a day."""
    found = dead_letters.report()
    if found.news and found.letters:
        age = int((now() - found.letters.oldest_at).total_seconds())
        log.error("dead_letters_open", tasks=found.letters.counts, total=found.total, oldest_age_s=age)
    return found.total
