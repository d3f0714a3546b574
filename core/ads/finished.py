"""What subscribers are told of a click that counts: whose it was and what it cost, and nothing about the visitor."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.ads.candidate import Candidate
    from core.ads.charging import Result

Facts = dict[str, Any]


def of_candidate(candidate: Candidate) -> Facts:
    """A click that was counted in the transaction that decided it."""
    offer, informer = candidate.offer, candidate.informer
    assert offer is not None
    assert informer is not None
    costs = (candidate.advertiser_cost, candidate.partner_cost)
    place = (offer.guid, offer.campaign_id, informer.id)
    return _facts(candidate.id, candidate.click.clicked_at, place, candidate.unique, candidate.social, costs)


def of_result(result: Result) -> Facts:
    """A click that was counted because AdLoad has confirmed it; such a click is unique."""
    due, charge = result.due, result.due.charge
    costs = (result.advertiser_cost, result.partner_cost)
    place = (str(charge.offer), due.campaign_id, due.informer_id)
    return _facts(due.id, charge.clicked_at, place, True, charge.social, costs)


def _facts(
    click_id: str,
    at: datetime,
    place: tuple[str, int, int],
    unique: bool,
    social: bool,
    costs: tuple[int | None, int | None],
) -> Facts:
    offer, campaign_id, informer_id = place
    advertiser_cost, partner_cost = costs
    return {
        "click_id": click_id, "clicked_at": at.isoformat(), "offer": offer, "campaign_id": campaign_id,
        "informer_id": informer_id, "unique": unique, "social": social, "advertiser_cost": advertiser_cost,
        "partner_cost": partner_cost,
    }  # fmt: skip
