"""The nightly comparison with AdLoad's own sums."""

from __future__ import annotations

import structlog

from core.ads import reconciliation
from core.ads.drivers import driver
from core.ads.reconciliation import NotComparable
from worker.actor import actor

MOST_NAMED = 20
log = structlog.get_logger(__name__)


@actor
def reconcile_adload() -> int:
    """Compare yesterday's clicks and cost per campaign with AdLoad's, and report differences above half a percent."""
    try:
        found = reconciliation.reconcile(driver())
    except NotComparable as reason:
        log.warning("adload_not_reconciled", reason=str(reason))
        return 0
    if found.differing:
        campaigns = [line.campaign_id for line in found.differing[:MOST_NAMED]]
        log.error("adload_totals_differ", day=str(found.day), count=len(found.differing), campaigns=campaigns)
    return len(found.lines)
