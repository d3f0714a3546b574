"""The campaigns and offers that the imitated AdLoad knows, and its settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from random import Random
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sandbox.fields import BadField, convert
from sandbox.tenant import UnknownObject

DEFAULT_CAMPAIGN = "00000000-0000-4000-8000-00000000ad10"
DEFAULT_COST_MICROS = 45_000
SIZES = {"s": (3, 5), "m": (30, 10), "l": (300, 30)}

Amount = Annotated[int, Meta(ge=0, le=10**15)]


@dataclass(slots=True)
class Settings:
    """`strict` refuses offers that nobody described; `triggers` obeys the endings of offer ids."""

    strict: bool = False
    triggers: bool = True
    slow_ms: float = 3000
    default_cost_micros: int = DEFAULT_COST_MICROS
    currency: str = "USD"
    rate_id: str | None = None
    token: str | None = None


@dataclass(slots=True)
class Offer:
    id: str
    campaign: str
    title: str
    active: bool
    cost_micros: int


@dataclass(slots=True)
class Campaign:
    """`budget_micros` None means no limit; `running` is what the product announced."""

    id: str
    title: str
    account: str = "Sandbox account"
    manager: str = "Sandbox manager"
    allowed: bool = True
    stopped: bool = False
    budget_micros: int | None = None
    spent_micros: int = 0
    running: bool = False
    offers: dict[str, Offer] = field(default_factory=dict)

    def may_run(self) -> bool:
        return self.allowed and not self.stopped

    def facts(self) -> dict[str, object]:
        """What AdLoad tells about a campaign."""
        told: dict[str, object] = {name: getattr(self, name) for name in ("id", "title", "account", "manager")}
        return told | {"allowed": self.may_run()}


class SettingsChanges(msgspec.Struct, forbid_unknown_fields=True):
    strict: bool | UnsetType = UNSET
    triggers: bool | UnsetType = UNSET
    slow_ms: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    default_cost_micros: Amount | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    rate_id: str | UnsetType | None = UNSET
    token: str | UnsetType | None = UNSET


class OfferChanges(msgspec.Struct, forbid_unknown_fields=True):
    title: str | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    cost_micros: Amount | UnsetType = UNSET


class OfferListed(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    title: str = "Offer"
    active: bool = True
    cost_micros: Amount | None = None


class CampaignChanges(msgspec.Struct, forbid_unknown_fields=True):
    title: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    manager: str | UnsetType = UNSET
    allowed: bool | UnsetType = UNSET
    stopped: bool | UnsetType = UNSET
    budget_micros: Amount | UnsetType | None = UNSET
    offers: list[OfferListed] | UnsetType = UNSET


class Catalogue:
    """Ids are compared in lower case."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.campaigns: dict[str, Campaign] = {}
        self.offers: dict[str, Offer] = {}

    def campaign(self, campaign_id: str) -> Campaign | None:
        return self.campaigns.get(campaign_id.lower())

    def offer(self, offer_id: str, campaign_id: str = DEFAULT_CAMPAIGN) -> Offer | None:
        """The offer; unless strict, one that nobody described comes to life in the campaign it was named with."""
        known = self.offers.get(offer_id.lower())
        if known or self.settings.strict:
            return known
        campaign = self.open_campaign(campaign_id)
        return self._put(campaign, OfferListed(offer_id, f"Offer {offer_id[:8]}"))

    def open_campaign(self, campaign_id: str) -> Campaign:
        """The campaign, made if there is none."""
        key = campaign_id.lower()
        return self.campaigns.setdefault(key, Campaign(key, f"Campaign {key[:8]}"))

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Change the settings, an offer, or else a campaign, which is made if it is new."""
        if object_id == "settings":
            return self._edit_fields(self.settings, convert(changes, SettingsChanges))
        offer = self.offers.get(object_id.lower())
        if offer:
            return self._edit_fields(offer, convert(changes, OfferChanges))
        wanted = convert(changes, CampaignChanges)
        if not object_id:
            raise BadField("id", "an edit needs the id of a campaign, an offer, or `settings`")
        campaign = self.open_campaign(object_id)
        if wanted.offers is not UNSET:
            self._replace_offers(campaign, wanted.offers)
            wanted.offers = UNSET
        return self._edit_fields(campaign, wanted)

    def _edit_fields(self, edited: Settings | Offer | Campaign, changes: msgspec.Struct) -> dict[str, Any]:
        for name, value in msgspec.to_builtins(changes).items():
            setattr(edited, name, value)
        return asdict(edited)

    def _replace_offers(self, campaign: Campaign, listed: list[OfferListed]) -> None:
        for gone in campaign.offers:
            self.offers.pop(gone, None)
        campaign.offers = {}
        for offer in listed:
            self._put(campaign, offer)

    def _put(self, campaign: Campaign, listed: OfferListed) -> Offer:
        key = listed.id.lower()
        cost = self.settings.default_cost_micros if listed.cost_micros is None else listed.cost_micros
        offer = Offer(key, campaign.id, listed.title, listed.active, cost)
        if key in self.offers:
            self.campaigns[self.offers[key].campaign].offers.pop(key, None)
        self.offers[key] = campaign.offers[key] = offer
        return offer

    def seed(self, random: Random, size: str) -> dict[str, int]:
        """Invent campaigns with offers; the same generator state gives the same ids."""
        campaigns, offers_each = SIZES[size]
        for _ in range(campaigns):
            campaign = self.open_campaign(_uuid(random))
            self._replace_offers(campaign, [self._invented(random) for _ in range(offers_each)])
        return {"campaigns": campaigns, "offers": campaigns * offers_each}

    def _invented(self, random: Random) -> OfferListed:
        offer_id = _uuid(random)
        return OfferListed(offer_id, f"Offer {offer_id[:8]}", True, random.randrange(10_000, 100_000, 1000))

    def require_campaign(self, campaign_id: str) -> Campaign:
        """The campaign; raises UnknownObject."""
        campaign = self.campaign(campaign_id)
        if campaign is None:
            raise UnknownObject(f"no campaign {campaign_id}")
        return campaign


def _uuid(random: Random) -> str:
    """A seeded id that touches no trigger: those end in three zeros."""
    drawn = random.getrandbits(128) | 0xF000
    return str(UUID(int=drawn, version=4))
