"""Keeps campaigns equal to what AdLoad says, because AdLoad sometimes fails to announce that one has stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from config.clock import now
from config.settings import get_settings
from integrations.adload.port import AdLoad, CampaignFacts, OutcomeCode
from models import campaign_care, campaigns, click_errors
from models.ads import CampaignStatus
from models.campaigns import CampaignRow

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
    SAME = "as AdLoad says already"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True)
class Word:
    """What AdLoad has said of a campaign, and what follows from it."""

    campaign: CampaignRow | None
    verdict: Refreshed
    names: tuple[str, str, str] = ("", "", "")
    offers: tuple[tuple[UUID, str, bool], ...] = ()


class NotAllowed(Exception):
    """AdLoad does not know the campaign, or forbids it to run."""


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


def ask(campaign_id: int, adload: AdLoad) -> Word:
    """AdLoad's word on a campaign that works here; raises an outcome of `integrations.errors` without an answer."""
    campaign = campaigns.get(campaign_id)
    if campaign is None or campaign.status != CampaignStatus.WORKING:
        return Word(campaign, Refreshed.NOT_RUNNING)
    facts = adload.get_campaign(campaign.outside_id)
    verdict = verdict_of(campaign, facts, adload)
    if facts is None or verdict is not Refreshed.UPDATED:
        return Word(campaign, verdict)
    return Word(campaign, verdict, (facts.title, facts.account, facts.manager), _offers(campaign, adload))


def verdict_of(campaign: CampaignRow, facts: CampaignFacts | None, adload: AdLoad) -> Refreshed:
    """Unknown or forbidden stops, nothing to show holds; only an answer counts, never the lack of one."""
    if facts is None or not facts.allowed:
        return Refreshed.STOPPED
    return Refreshed.UPDATED if adload.has_active_offers(campaign.outside_id) else Refreshed.HELD


def apply(word: Word) -> Refreshed:
    """Do what AdLoad's word asks for, if the campaign still works here."""
    if word.campaign is None or word.verdict is Refreshed.NOT_RUNNING:
        return Refreshed.NOT_RUNNING
    key, at = word.campaign.id, now()
    if word.verdict is Refreshed.STOPPED:
        changed = campaigns.stop(key, states=(CampaignStatus.WORKING,), synced_at=at)
    elif word.verdict is Refreshed.HELD:
        changed = campaigns.hold(key, at, synced_at=at)
    else:
        return _updated(campaigns.replace(key, word.names, word.offers, at))
    return word.verdict if changed else Refreshed.NOT_RUNNING


def _updated(different: int | None) -> Refreshed:
    if different is None:
        return Refreshed.NOT_RUNNING
    return Refreshed.UPDATED if different else Refreshed.SAME


def ask_for_restart(campaign: CampaignRow, adload: AdLoad) -> Word:
    """AdLoad's word before a restart; raises NotAllowed, or an outcome of `integrations.errors` without an answer.

    A driver on our own tables has no word of its own: the campaign gets back the offers it ended with.
    """
    if adload.transactional:
        return Word(campaign, Refreshed.RESTARTED)
    facts = adload.get_campaign(campaign.outside_id)
    if facts is None or not facts.allowed:
        raise NotAllowed("AdLoad does not know this campaign" if facts is None else "AdLoad forbids this campaign")
    return Word(campaign, Refreshed.RESTARTED, offers=_offers(campaign, adload))


def restart(word: Word, adload: AdLoad) -> Refreshed:
    """Let a held or stopped campaign work again; raises NothingToShow when no offer of it is active."""
    assert word.campaign is not None
    listed = None if adload.transactional else word.offers
    changed = campaign_care.restart(word.campaign.id, now(), listed)
    return Refreshed.RESTARTED if changed else Refreshed.NOT_RUNNING


def announce(campaign_id: int, adload: AdLoad) -> None:
    """Tell AdLoad whether a campaign runs here, as of now; raises an outcome of `integrations.errors` if it cannot.

    It may change meanwhile, and whoever tells that may be faster; so the last word is always about the latest state.
    """
    told = None
    while (campaign := campaigns.get(campaign_id)) and campaign.status != told:
        tell = adload.add_campaign if campaign.status == CampaignStatus.WORKING else adload.remove_campaign
        tell(campaign.outside_id)
        told = campaign.status


def _offers(campaign: CampaignRow, adload: AdLoad) -> tuple[tuple[UUID, str, bool], ...]:
    return tuple((offer.id, offer.title, offer.active) for offer in adload.list_offers(campaign.outside_id))
