"""Campaigns: noticing those that AdLoad has stopped without a word, making them what AdLoad says, ending old ones."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from core.ads import campaign_care, campaigns
from core.ads.campaigns import Refreshed
from core.ads.drivers import driver
from models.database import db
from worker import alerts
from worker.actor import actor
from worker.ads.campaign_news import tell
from worker.alerts import Severity

DISBELIEVED = "campaign_check_not_believed"
log = structlog.get_logger(__name__)


@actor
def check_outdated_campaigns() -> int:
    """Refresh campaigns whose clicks keep failing as if they had ended; while AdLoad is out, nothing is touched."""
    found = campaigns.outdated(driver())
    if found is None:
        log.warning("outdated_campaigns_not_checked", reason="AdLoad is out")
        return 0
    return _refresh(found)


@actor
def check_campaigns() -> int:
    """Ask AdLoad about every working campaign and refresh those it has ended; without an answer nothing is touched."""
    found = campaign_care.check(driver())
    if found is None:
        log.warning("campaigns_not_checked", reason="AdLoad is out")
        return 0
    if found.unanswered:
        log.warning("campaigns_without_answer", campaigns=found.unanswered, working=found.working)
    return _believe(found) if found.believed else _disbelieve(found)


def _believe(found: campaign_care.Checked) -> int:
    alerts.well(DISBELIEVED, "adload")
    return _refresh(found.ended)


def _disbelieve(found: campaign_care.Checked) -> int:
    log.error("campaign_check_not_believed", would_end=len(found.ended), answered=found.answered)
    alerts.tell(
        DISBELIEVED, "adload", Severity.CRITICAL, object="AdLoad",
        happened=f"says that {len(found.ended)} of {found.answered} campaigns have ended", done="nothing was stopped",
        left="ask AdLoad, then stop them by hand if it is true",
    )  # fmt: skip
    return 0


def _refresh(campaign_ids: Sequence[int]) -> int:
    with db.atomic():
        for campaign_id in campaign_ids:
            refresh_campaign.send_with_options(kwargs={"campaign_id": campaign_id}, dedupe_key=f"refresh:{campaign_id}")
    return len(campaign_ids)


@actor
def refresh_campaign(campaign_id: int) -> None:
    """Make one campaign what AdLoad says: new names and offers, on hold without active offers, or stopped."""
    word = campaigns.ask(campaign_id, driver())
    with db.atomic():
        result = campaigns.apply(word)
        tell(word.campaign, result)
    log.info("campaign_refreshed", campaign_id=campaign_id, result=result.value)


@actor
def stop_old_campaigns() -> int:
    """Stop campaigns that have been on hold for more than seven days, and deactivate their offers."""
    total = 0
    while count := _stop_some():
        total += count
    return total


def _stop_some() -> int:
    with db.atomic():
        ended = campaign_care.end_held()
        for campaign in ended:
            tell(campaign, Refreshed.STOPPED)
    return len(ended)


@actor
def deactivate_orphan_offers() -> int:
    """Deactivate offers whose campaign has stopped; a restart of the campaign brings them back."""
    return campaign_care.retire_orphans()
