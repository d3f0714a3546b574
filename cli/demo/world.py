"""The demo's ad network: publishers with sites and ad blocks, advertisers with campaigns and offers, prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from uuid import UUID

from config.clock import now
from models.ads import Account, Campaign, ClickPrice, Informer, Offer, Site
from models.database import db

PUBLISHERS = (("gazette", "gazette.example"), ("weather", "weather.example"), ("recipes", "recipes.example"))
CAMPAIGNS = (
    ("Winter tyres", "https://tyres.example/winter", (180_000, 220_000)),
    ("City bikes", "https://bikes.example/city?model=7", (90_000, 120_000, 60_000)),
    ("Language school", "https://lingua.example/courses", (310_000, 250_000)),
    ("Half-price sofas", "https://sofas.example/sale#top", (140_000,)),
)
SOCIAL = ("Animal shelter", "https://shelter.example/adopt", (0,))
STOPPED = "Half-price sofas"
_START = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ad:
    """An offer as the demo's visitors meet it."""

    offer_id: int
    guid: UUID
    campaign_guid: UUID
    campaign: str
    url: str
    cost: int
    social: bool


@dataclass(frozen=True, slots=True)
class World:
    """What the demo's visitors can click, and where."""

    informers: tuple[int, ...]
    ads: tuple[Ad, ...]

    def paid(self) -> list[Ad]:
        """Ads of advertisers that pay and are still running at AdLoad."""
        return [ad for ad in self.ads if not ad.social and ad.campaign != STOPPED]

    def of(self, campaign: str) -> list[Ad]:
        """The ads of one campaign."""
        return [ad for ad in self.ads if ad.campaign == campaign]


def build(random: Random) -> World:
    """Create the whole network in one transaction; the same seed makes the same ids."""
    with db.atomic():
        informers = tuple(_publisher(random, login, host) for login, host in PUBLISHERS)
        paid = [ad for title, url, costs in CAMPAIGNS for ad in _campaign(random, title, url, costs, social=False)]
        return World(informers, (*paid, *_campaign(random, *SOCIAL, social=True)))


def _guid(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _publisher(random: Random, login: str, host: str) -> int:
    account = Account.create(
        guid=_guid(random), login=login, kind="user", currency="USD", email=f"owner@{host}", created_at=now()
    )
    site = Site.create(account=account, host=host)
    informer = Informer.create(guid=_guid(random), account=account, site=site, title=f"{login} sidebar")
    ClickPrice.create(
        account=account, kind="floating", percent_bp=5700, floor_cost=60_000, cap_cost=950_000,
        effective_from=_START, created_by="demo",
    )  # fmt: skip
    return int(informer.id)


def _campaign(random: Random, title: str, url: str, costs: tuple[int, ...], *, social: bool) -> list[Ad]:
    campaign = Campaign.create(guid=_guid(random), title=title, is_social=social, status="working")
    return [_offer(random, campaign, url, number, cost) for number, cost in enumerate(costs, 1)]


def _offer(random: Random, campaign: Campaign, url: str, number: int, cost: int) -> Ad:
    title = f"{campaign.title} {number}"
    row = Offer.create(guid=_guid(random), campaign=campaign, url=url, title=title, click_cost=cost, updated_at=now())
    return Ad(int(row.id), row.guid, campaign.guid, campaign.title, url, cost, bool(campaign.is_social))
