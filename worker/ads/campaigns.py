"""Campaigns: noticing those that AdLoad has stopped without a word, and making them what AdLoad says."""

from __future__ import annotations

import structlog

from core.ads import campaigns
from core.ads.drivers import driver
from models.database import db
from worker.actor import actor

log = structlog.get_logger(__name__)


@actor
def check_outdated_campaigns() -> int:
    """Refresh campaigns whose clicks keep failing as if they had ended; while AdLoad is out, nothing is touched."""
    found = campaigns.outdated(driver())
    if found is None:
        log.warning("outdated_campaigns_not_checked", reason="AdLoad is out")
        return 0
    with db.atomic():
        for campaign_id in found:
            refresh_campaign.send_with_options(kwargs={"campaign_id": campaign_id}, dedupe_key=f"refresh:{campaign_id}")
    return len(found)


@actor
def refresh_campaign(campaign_id: int) -> None:
    """Make one campaign what AdLoad says: new names and offers, on hold without active offers, or stopped."""
    result = campaigns.refresh(campaign_id, driver())
    log.info("campaign_refreshed", campaign_id=campaign_id, result=result.value)
