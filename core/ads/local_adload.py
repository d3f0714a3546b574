"""The advertiser side kept in our own tables: charges inside the transaction that decides, no window in between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from config.clock import now
from core.ads.candidate import Offer
from core.ads.till import Till, scaled
from integrations.adload.port import (
    CampaignFacts,
    CampaignTotal,
    Charge,
    ChargeReply,
    ChargeStatus,
    OfferFacts,
    OutcomeCode,
)
from integrations.errors import Rejected
from models import campaigns, charges, conflicts

_RUNNING = frozenset({"working"})


class LocalAdLoad:
    """Campaigns, offers and budgets are our own rows; see the port for what each method promises."""

    transactional = True
    idempotent = True

    def add_clicks(self, items: Sequence[Charge]) -> list[ChargeReply]:
        """Charge in a transaction of its own; the answers are those of the first time."""
        distinct = list({item.click_id: item for item in reversed(items)}.values())[::-1]
        return conflicts.transaction(lambda: _charge(distinct)) if distinct else []

    def get_campaign(self, campaign: UUID) -> CampaignFacts | None:
        """Our own row; allowed unless it was stopped."""
        found = campaigns.find(campaign)
        if found is None:
            return None
        return CampaignFacts(campaign, found.title, found.account, found.manager, found.status != "stop")

    def list_offers(self, campaign: UUID) -> list[OfferFacts]:
        """All offers, active or not."""
        return [OfferFacts(guid, title, active) for guid, title, active in campaigns.offers(campaign)]

    def count_offers(self, campaign: UUID) -> int:
        """How many are active."""
        return sum(offer.active for offer in self.list_offers(campaign))

    def has_active_offers(self, campaign: UUID) -> bool:
        """True when at least one is active."""
        return self.count_offers(campaign) > 0

    def add_campaign(self, campaign: UUID) -> None:
        """Nobody else needs to be told."""

    def remove_campaign(self, campaign: UUID) -> None:
        """Nobody else needs to be told."""

    def get_rate(self, rate_id: str) -> Decimal:
        """Raises Rejected: everything here is in the settlement currency."""
        raise Rejected("unsupported", "the local driver has no rates")

    def set_rate(self, rate_id: str, rate: Decimal) -> None:
        """Raises Rejected: everything here is in the settlement currency."""
        raise Rejected("unsupported", "the local driver has no rates")

    def daily_totals(self, day: date) -> list[CampaignTotal]:
        """Charges for clicks of a UTC day, whenever they were made."""
        return [CampaignTotal(campaign, clicks, cost) for campaign, clicks, cost in charges.totals(day)]

    def breaker_open(self) -> bool:
        """Our own tables are there or nothing is."""
        return False

    def probe(self) -> str:
        """Today's totals, in words."""
        return f"adload: local, {len(self.daily_totals(now().date()))} campaigns charged today"


def open_till(offers: Iterable[Offer], charged: dict[str, int]) -> Till:
    """A till for these offers; budgets stay locked until the transaction ends."""
    limited = {offer.campaign_id for offer in offers if offer.budget is not None}
    return Till(charged, charges.budgets(limited) if limited else ())


def close_till(till: Till, at: datetime) -> None:
    """Store what was taken, in the same transaction."""
    charges.take(till.takings.charges, till.takings.spent, at)


def _charge(items: list[Charge]) -> list[ChargeReply]:
    known = {str(guid): rest for guid, *rest in charges.offers_by_guid({item.offer for item in items})}
    campaign_ids = {rest[2] for rest in known.values()}
    till = Till(charges.charged(str(item.click_id) for item in items), charges.budgets(campaign_ids))
    replies = [_reply(item, known.get(str(item.offer)), till) for item in items]
    close_till(till, now())
    return replies


def _reply(item: Charge, offer: list[object] | None, till: Till) -> ChargeReply:
    if offer is None:
        return ChargeReply(item.click_id, ChargeStatus.REFUSED, OutcomeCode.OFFER_INACTIVE)
    active, click_cost, campaign_id, status = offer
    override = item.price_override
    refusal, cost = till.charge(
        str(item.click_id),
        campaign_id=int(str(campaign_id)),
        running=status in _RUNNING,
        active=bool(active),
        cost=scaled(int(str(click_cost)), item.percent_bp) if override is None else override,
        social=item.social,
    )
    if refusal is not None:
        return ChargeReply(item.click_id, ChargeStatus.REFUSED, refusal)
    return ChargeReply(item.click_id, ChargeStatus.OK, None, cost, str(item.click_id))
