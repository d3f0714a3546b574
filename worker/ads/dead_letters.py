"""One alert for the messages of the ad network that were given up."""

from __future__ import annotations

import structlog

from config.clock import now
from core.ads import dead_letters, lost_clicks
from models.open_letters import OpenLetters
from worker import alerts
from worker.actor import actor
from worker.ads import click_alarms
from worker.alerts import Severity

SPIKE = "dead_letter_spike"
log = structlog.get_logger(__name__)


@actor
def report_dead_letters() -> int:
    """Raise one alert for messages of the ad network that were given up: when their set changes, else once a day."""
    found = dead_letters.report()
    if found.news and found.letters:
        age = int((now() - found.letters.oldest_at).total_seconds())
        log.error("dead_letters_open", tasks=found.letters.counts, total=found.total, oldest_age_s=age)
        _tell(found.letters)
    if not found.total:
        alerts.well(SPIKE, "ads")
    alerts.settle(lost_clicks.KIND, [lost_clicks.of_messages(), lost_clicks.of_redirect()])
    click_alarms.settle()
    return found.total


def _tell(letters: OpenLetters) -> None:
    named = [f"{task}: {count}" for task, count in letters.counts.items()]
    alerts.tell(
        SPIKE, "ads", Severity.WARNING, object="ad network", happened=f"{letters.total} messages were given up",
        evidence=named, left="look at them with signalbox dead, then replay or discard them",
    )  # fmt: skip
