"""The rows that one click needs: a publisher with a site and an informer, a campaign with an offer, a price."""

from __future__ import annotations

from config.clock import now
from config.ids import new_id
from models import ads

DESTINATION = "https://shop.example/product?id=7"


def world(*, settings: dict[str, object] | None = None) -> tuple[int, int]:
    """Insert them; the ids of the offer and the informer."""
    account = ads.Account.create(
        guid=new_id(), login=f"user-{new_id()}", kind=ads.AccountKind.USER, currency="USD", created_at=now()
    )
    site = ads.Site.create(account=account, host=f"news-{account.id}.example")
    informer = ads.Informer.create(guid=new_id(), account=account, site=site, title="sidebar")
    campaign = ads.Campaign.create(
        guid=new_id(), title="Spring sale", status=ads.CampaignStatus.WORKING, settings=settings or {}
    )
    offer = new_offer(campaign)
    ads.ClickPrice.create(
        account=account, kind=ads.PriceKind.FIXED, fixed_cost=10_000, effective_from=now().replace(year=2020),
        created_by="tests",
    )  # fmt: skip
    return int(offer.id), int(informer.id)


def new_offer(campaign: ads.Campaign, url: str = DESTINATION) -> ads.Offer:
    """One more offer of a campaign."""
    offer: ads.Offer = ads.Offer.create(
        guid=new_id(), campaign=campaign, url=url, title="Shoes", click_cost=50_000, updated_at=now()
    )
    return offer
