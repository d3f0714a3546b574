"""The nightly comparison with AdLoad's own sums."""

from __future__ import annotations

import structlog

from core.ads import reconciliation
from core.ads.drivers import driver
from core.ads.reconciliation import NotComparable, Reconciled
from models.reconciliation import ELSEWHERE
from worker import alerts
from worker.actor import actor
from worker.alerts import Severity

DIFFER = "adload_totals_differ"
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
        _tell(found)
    alerts.settle(DIFFER, [str(found.day)] if found.differing else [])
    return len(found.lines)


def _tell(found: Reconciled) -> None:
    campaigns = [line.campaign_id for line in found.differing[:MOST_NAMED]]
    log.error(DIFFER, day=str(found.day), count=len(found.differing), campaigns=campaigns)
    alerts.tell(
        DIFFER, str(found.day), Severity.WARNING, object=f"AdLoad, {found.day}",
        happened=f"charged otherwise than we counted: {len(found.differing)} campaign(s)", done="nothing was changed",
        left=f"compare them with signalbox reconcile --day {found.day}", evidence=list(map(_name, campaigns)),
    )  # fmt: skip


def _name(campaign_id: int) -> str:
    return "campaigns that are not ours" if campaign_id == ELSEWHERE else f"campaign {campaign_id}"
