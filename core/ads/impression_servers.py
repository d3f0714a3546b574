"""The ad servers that send impressions: who has stopped, and how long their batches stay known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from config.clock import now
from config.settings import get_settings
from core.ads.impressions import today
from models import impressions

KNOWN_SERVER = timedelta(days=7)
"""A server that has been quiet for longer has been taken out of service, and nobody needs to hear of it."""
KEPT_LONGER = timedelta(days=30)
"""So that a batch stays known when ARCHIVE_AFTER_DAYS is raised."""


@dataclass(frozen=True, slots=True)
class Silent:
    """An ad server that has stopped sending, and when its last batch came."""

    server: str
    last_at: datetime
    minutes: int


def silent_servers(at: datetime | None = None) -> list[Silent]:
    """Ad servers of the last week whose last batch is older than IMPRESSION_SILENCE_MIN; files are no servers."""
    at = at or now()
    before = at - timedelta(minutes=get_settings().impression_silence_min)
    found = impressions.silent(at - KNOWN_SERVER, before)
    return [Silent(server, last, int((at - last).total_seconds() // 60)) for server, last in found]


def forget_old() -> int:
    """Forget batches of days that are refused for their age, and were a good while ago; how many there were."""
    return impressions.forget(today(now()) - timedelta(days=get_settings().archive_after_days) - KEPT_LONGER)
