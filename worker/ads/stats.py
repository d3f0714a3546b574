"""Statistics and earnings, computed again from the clicks."""

from __future__ import annotations

import structlog

from core.ads import ledger, statistics
from core.ads.statistics import Refreshed
from worker import metrics
from worker.actor import actor

log = structlog.get_logger(__name__)


@actor
def aggregate_stats() -> int:
    """Compute statistics and earnings of today, yesterday and every changed day again, one transaction per day."""
    computed = 0
    for day in statistics.refresh():
        computed += _note(day)
    for name, wrong in ledger.imbalance().items():
        metrics.IMBALANCE.labels(name).set(wrong)
    return computed


def _note(day: Refreshed) -> bool:
    if day.archived:
        log.warning("statistics_left_alone", day=str(day.day), reason="its clicks are archived")
    else:
        log.info("statistics_computed", day=str(day.day), clicks=day.clicks, ledger_rows=day.ledger_rows)
    return not day.archived
