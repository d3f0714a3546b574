"""Changes of campaigns, told to subscribers and AdLoad and done by people: one transaction for change and news."""

from __future__ import annotations

from config.clock import now
from core.ads import campaigns as rules
from core.ads.campaigns import Refreshed
from core.ads.drivers import driver
from models import audit, campaigns
from models.audit import ActorKind
from models.campaigns import CampaignRow
from models.database import db
from worker import events
from worker.actor import actor

KEYS = {
    Refreshed.STOPPED: "campaign.stop",
    Refreshed.HELD: "campaign.stop",
    Refreshed.UPDATED: "campaign.update",
    Refreshed.RESTARTED: "campaign.start",
}
STATUS = {
    Refreshed.STOPPED: "stop",
    Refreshed.HELD: "hold",
    Refreshed.UPDATED: "working",
    Refreshed.RESTARTED: "working",
}


def tell(campaign: CampaignRow | None, result: Refreshed) -> None:
    """Tell subscribers, and AdLoad, what has become of a campaign; call it in the transaction of the change."""
    if campaign is not None and result in KEYS:
        data = {"campaign_id": campaign.id, "campaign": str(campaign.outside_id), "status": STATUS[result]}
        events.announce(KEYS[result], **data)
        if result is not Refreshed.UPDATED:
            _announce(campaign.id)


def _announce(campaign_id: int) -> None:
    announce_campaign.send_with_options(kwargs={"campaign_id": campaign_id}, dedupe_key=f"announce:{campaign_id}")


@actor
def announce_campaign(campaign_id: int) -> None:
    """Tell AdLoad whether a campaign runs here, until AdLoad has heard it."""
    rules.announce(campaign_id, driver())


def hold(campaign: CampaignRow, by: str, reason: str) -> Refreshed:
    """Put a working campaign on hold, by order of a person."""
    with db.atomic():
        result = Refreshed.HELD if campaigns.hold(campaign.id, now()) else Refreshed.NOT_RUNNING
        _note(campaign, result, "campaign.hold", by, reason)
    return result


def stop(campaign: CampaignRow, by: str, reason: str) -> Refreshed:
    """Stop a campaign, by order of a person."""
    with db.atomic():
        result = Refreshed.STOPPED if campaigns.stop(campaign.id) else Refreshed.NOT_RUNNING
        _note(campaign, result, "campaign.stop", by, reason)
    return result


def restart(campaign: CampaignRow, by: str, reason: str) -> Refreshed:
    """Let a held or stopped campaign work again, if AdLoad allows it and has offers for it; see core for errors."""
    adload = driver()
    word = rules.ask_for_restart(campaign, adload)
    with db.atomic():
        result = rules.restart(word, adload)
        _note(campaign, result, "campaign.restart", by, reason)
    return result


def refresh(campaign: CampaignRow, by: str, reason: str) -> Refreshed:
    """Make a working campaign what AdLoad says, by order of a person."""
    word = rules.ask(campaign.id, driver())
    with db.atomic():
        result = rules.apply(word)
        _note(campaign, result, "campaign.refresh", by, reason)
    return result


def _note(campaign: CampaignRow, result: Refreshed, action: str, by: str, reason: str) -> None:
    if result not in KEYS:
        return
    audit.record(
        actor_kind=ActorKind.USER, actor=by, action=action, object=f"campaign:{campaign.id}", reason=reason,
        before={"status": campaign.status}, after={"status": STATUS[result]},
    )  # fmt: skip
    tell(campaign, result)
