"""The rounds over all campaigns: which AdLoad no longer runs, which ended by waiting, whose offers are left over."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from config.clock import monotonic, now
from core.ads import campaigns
from core.ads.campaigns import Refreshed
from integrations.adload.port import AdLoad
from integrations.errors import OutsideError
from models import campaign_care
from models.campaigns import CampaignRow

HELD_FOR = timedelta(days=7)
CHECK_SECONDS = 200.0
"""Of the 300 s lease; what has not been asked by then is asked by a later round."""
FEW = 3
SHARE = 3
"""An AdLoad that would end more than one third of what it was asked about, and at least three, is not believed."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How a round went: campaigns that worked and were answered for, those to refresh, and whether to believe it."""

    working: int
    answered: int
    ended: list[int]
    believed: bool = True

    @property
    def unanswered(self) -> int:
        """Campaigns that nothing is known of this time, and that are left alone."""
        return self.working - self.answered


def check(adload: AdLoad) -> Checked | None:
    """Ask AdLoad about every working campaign; None while it is known to be out."""
    if adload.breaker_open():
        return None
    rows = campaign_care.all_working()
    if adload.transactional:
        return Checked(len(rows), len(rows), campaign_care.working_without_offers())
    verdicts = _verdicts(rows, adload)
    ended = sorted(key for key, verdict in verdicts.items() if verdict is not Refreshed.UPDATED)
    return Checked(len(rows), len(verdicts), ended, len(ended) < FEW or len(ended) * SHARE <= len(verdicts))


def _verdicts(rows: Sequence[CampaignRow], adload: AdLoad) -> dict[int, Refreshed]:
    """What AdLoad says of each campaign, as far as it answers and time allows."""
    found: dict[int, Refreshed] = {}
    ends_at = monotonic() + CHECK_SECONDS
    # in no fixed order, so that a round that is cut short does not leave out the same ones every time
    for campaign in random.sample(rows, len(rows)):
        if adload.breaker_open() or monotonic() >= ends_at:
            break
        try:
            facts = adload.get_campaign(campaign.outside_id)
            found[campaign.id] = campaigns.verdict_of(campaign, facts, adload)
        except OutsideError:
            continue
    return found


def end_held() -> list[CampaignRow]:
    """Stop campaigns that are on hold for more than seven days, up to 500, in the caller's transaction."""
    at = now()
    return campaign_care.end_held(at - HELD_FOR, at)


def retire_orphans() -> int:
    """Deactivate offers whose campaign has ended or is gone; how many."""
    at = now()
    total = campaign_care.retire_lost(at)
    while found := campaign_care.orphaned():
        total += campaign_care.retire_offers(found, at)
    return total
