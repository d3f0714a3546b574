"""The one ledger: decides each charge, remembers the first answer of each key, and adds up the days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from sandbox.adload.catalogue import Campaign, Catalogue, Offer

_FULL_BP = 10_000


class Refusal(StrEnum):
    """The codes of a refused item."""

    OFFER_INACTIVE = "offer_inactive"
    OFFER_UNKNOWN = "offer_unknown"
    CAMPAIGN_STOPPED = "campaign_stopped"
    NO_FUNDS = "no_funds"
    CONFLICT = "conflict"
    BAD_REQUEST = "bad_request"


class Trigger(StrEnum):
    """Endings of offer ids that misbehave without any set-up."""

    STOPPED = "0000"
    NO_BUDGET = "0001"
    ZERO_COST = "0002"
    SLOW = "0003"


class Item(msgspec.Struct, frozen=True, gc=False):
    """One click to charge, as the product sends it; amounts in micro-units, `percent_bp` 10000 = 100 %."""

    click_id: Annotated[str, Meta(min_length=1, max_length=100)]
    offer: Annotated[str, Meta(min_length=1, max_length=100)]
    campaign: Annotated[str, Meta(min_length=1, max_length=100)]
    clicked_at: Annotated[datetime, Meta(tz=True)]
    social: bool = False
    percent_bp: Annotated[int, Meta(ge=0, le=1_000_000)] = _FULL_BP
    price_override: Annotated[int, Meta(ge=0, le=10**15)] | None = None
    ip: str | None = None


class Charge(msgspec.Struct, frozen=True, gc=False):
    """One line of the ledger; `via` says which door the click came through."""

    number: int
    via: str
    item: Item
    campaign: str
    cost_micros: int
    currency: str
    charged_at: datetime

    @property
    def charge_id(self) -> str:
        return f"A-{self.number}"

    def listed(self) -> dict[str, Any]:
        """One flat line; `click_id` is null for a click that came without a key."""
        item: dict[str, Any] = msgspec.to_builtins(self.item)
        line: dict[str, Any] = msgspec.to_builtins(self)
        del line["item"]
        return {**item, **line, "click_id": self.item.click_id or None, "charge_id": self.charge_id}


class Verdict(msgspec.Struct, frozen=True):
    """Exactly one of `charge` and `refusal` is set."""

    charge: Charge | None = None
    refusal: Refusal | None = None
    duplicate: bool = False


class Ledger:
    """Only a charge binds its key: a repeated refusal is decided anew."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._charges: list[Charge] = []
        self._by_key: dict[str, Charge] = {}
        self._days: dict[date, dict[str, list[int]]] = {}

    def charge_once(self, item: Item, now: datetime) -> Verdict:
        """Charge a keyed item; the same item again gets the first answer, another one under its key a refusal."""
        first = self._by_key.get(item.click_id)
        if first is None:
            verdict = self.charge(item, now, "http")
            if verdict.charge:
                self._by_key[item.click_id] = verdict.charge
            return verdict
        if first.item != item:
            return Verdict(refusal=Refusal.CONFLICT)
        return Verdict(first, duplicate=True)

    def charge(self, item: Item, now: datetime, via: str) -> Verdict:
        """Charge without asking whether it was charged before."""
        offer = self._catalogue.offer(item.offer, item.campaign)
        if offer is None:
            return Verdict(refusal=Refusal.OFFER_UNKNOWN)
        campaign = self._catalogue.open_campaign(offer.campaign)
        cost = self.cost(item, offer)
        refusal = self._refusal(offer, campaign, cost)
        if refusal:
            return Verdict(refusal=refusal)
        return Verdict(self._book(item, campaign, cost, now, via))

    def cost(self, item: Item, offer: Offer) -> int:
        """What the click costs, in micro-units, rounded half-up."""
        if item.social or self.triggered(offer.id, Trigger.ZERO_COST):
            return 0
        if item.price_override is not None:
            return item.price_override
        return (offer.cost_micros * item.percent_bp * 2 + _FULL_BP) // (2 * _FULL_BP)

    def triggered(self, offer_id: str, trigger: Trigger) -> bool:
        return self._catalogue.settings.triggers and offer_id.endswith(trigger.value)

    def _refusal(self, offer: Offer, campaign: Campaign, cost: int) -> Refusal | None:
        if not campaign.may_run() or self.triggered(offer.id, Trigger.STOPPED):
            return Refusal.CAMPAIGN_STOPPED
        if not offer.active:
            return Refusal.OFFER_INACTIVE
        over = campaign.budget_micros is not None and campaign.spent_micros + cost > campaign.budget_micros
        return Refusal.NO_FUNDS if over or self.triggered(offer.id, Trigger.NO_BUDGET) else None

    def _book(self, item: Item, campaign: Campaign, cost: int, now: datetime, via: str) -> Charge:
        currency = self._catalogue.settings.currency
        charge = Charge(len(self._charges) + 1, via, item, campaign.id, cost, currency, now)
        self._charges.append(charge)
        campaign.spent_micros += cost
        day = self._days.setdefault(item.clicked_at.astimezone(UTC).date(), {})
        total = day.setdefault(campaign.id, [0, 0])
        total[0] += 1
        total[1] += cost
        return charge

    def totals(self, day: date) -> list[dict[str, Any]]:
        """Clicks and cost per campaign of the UTC day in which the clicks were made."""
        sums = self._days.get(day, {})
        return [{"campaign": name, "clicks": clicks, "cost_micros": cost} for name, (clicks, cost) in sums.items()]

    def listed(self, after: int, limit: int) -> dict[str, Any]:
        """The charges numbered above `after`, at most `limit`, with the sums of the whole ledger."""
        return {
            "charges": [charge.listed() for charge in islice(self._charges, after, after + limit)],
            "count": len(self._charges),
            "cost_micros": sum(charge.cost_micros for charge in self._charges),
        }
