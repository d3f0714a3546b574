"""Keeps campaigns equal to what AdLoad says, because AdLoad sometimes fails to announce that one has stopped."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from config.clock import now
from config.settings import get_settings
from integrations.adload.port import AdLoad, OutcomeCode
from models import campaigns, click_errors

REFRESHED_LATELY = timedelta(minutes=5)
STOPPED_SIGNS = (
    OutcomeCode.OFFER_INACTIVE,
    OutcomeCode.CAMPAIGN_STOPPED,
    OutcomeCode.NO_FUNDS,
    OutcomeCode.ZERO_COST,
)
"""Faults that suggest that a campaign has ended; trouble of the line never does."""


class Refreshed(StrEnum):
    """What a refresh did to a campaign."""

    NOT_RUNNING = "not running here"
    STOPPED = "stopped"
    HELD = "put on hold"
    UPDATED = "updated"


def outdated(adload: AdLoad) -> list[int] | None:
    """Working campaigns whose clicks keep failing as if they had ended; None while AdLoad is known to be out."""
    if adload.breaker_open():
        return None
    settings, at = get_settings(), now()
    since = at - timedelta(minutes=settings.outdated_window_min)
    failing = click_errors.failing_campaigns(since, STOPPED_SIGNS, settings.outdated_min_errors)
    if not failing:
        return []
    fresh = campaigns.synced_since(failing, at - REFRESHED_LATELY)
    return sorted(campaigns.working(failing) - fresh)


def refresh(campaign_id: int, adload: AdLoad) -> Refreshed:
    """Make one campaign what AdLoad says; raises an outcome of `integrations.errors` without a usable answer."""
    campaign = campaigns.get(campaign_id)
    if campaign is None or campaign.status != "working":
        return Refreshed.NOT_RUNNING
    facts = adload.get_campaign(campaign.outside_id)
    if facts is None or not facts.allowed:
        return _if(campaigns.stop(campaign_id, now()), Refreshed.STOPPED)
    if not adload.has_active_offers(campaign.outside_id):
        return _if(campaigns.hold(campaign_id, now()), Refreshed.HELD)
    offers = [(offer.id, offer.title, offer.active) for offer in adload.list_offers(campaign.outside_id)]
    names = (facts.title, facts.account, facts.manager)
    return _if(campaigns.replace(campaign_id, names, offers, now()), Refreshed.UPDATED)


def _if(changed: bool, result: Refreshed) -> Refreshed:
    return result if changed else Refreshed.NOT_RUNNING
