"""The ad network that benches and chaos runs click on, and links for as many visitors as they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from itertools import count, islice

from config.clock import now
from config.ids import new_id
from config.settings import Settings
from core.ads.links import issue_click_link
from models import migrate, partitions
from models.ads import Account, Campaign, ClickPrice, Informer, Offer, Site
from models.database import connect, db, disconnect

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CLICKS_PER_DAY = 3
DESTINATION = "https://shop.example/buy?n={}"
_FIRST_ADDRESS = int(ip_address("11.0.0.1"))
_GREEDY_EVERY = 20
_START = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """Ids that links are made of."""

    informers: list[int]
    offers: list[int]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: its path, the address it comes from, and a number that is unique and part of the path."""

    number: int
    path: str
    address: str


def prepare(settings: Settings, *, informers: int = 8, offers: int = 50) -> World:
    """Migrate the database, make partitions, and create the network; the connection is closed afterwards."""
    connect(settings, role="bench", statement_ms=0)
    migrate.migrate()
    partitions.keep_ahead()
    with db.atomic():
        world = World([_informer(number) for number in range(informers)], _offers(offers))
    disconnect()
    return world


def _informer(number: int) -> int:
    account = Account.create(guid=new_id(), login=f"publisher-{number}", kind="user", currency="USD", created_at=now())
    site = Site.create(account=account, host=f"site-{number}.example")
    price = {"kind": "floating", "percent_bp": 5700, "floor_cost": 10_000, "cap_cost": 950_000}
    ClickPrice.create(account=account, **price, effective_from=_START, created_by="bench")
    return int(Informer.create(guid=new_id(), account=account, site=site, title="block").id)


def _offers(number: int) -> list[int]:
    campaign = Campaign.create(guid=new_id(), title="Bench", status="working")
    rows = [
        Offer.create(
            guid=new_id(), campaign=campaign, url=f"https://shop.example/{item}", title=f"Offer {item}",
            click_cost=50_000 + item, updated_at=now(),
        )
        for item in range(number)
    ]  # fmt: skip
    return [int(row.id) for row in rows]


def visits(world: World, settings: Settings, number: int) -> Iterator[Visit]:
    """So many visits: most addresses click twice, every twentieth five times, of which the last two are refused."""
    base = settings.public_url
    for visit, (address, offer) in enumerate(islice(_clicks(world), number)):
        link = issue_click_link(
            offer, world.informers[visit % len(world.informers)], address, "https://news.example/a", now(),
            destination=DESTINATION.format(visit),
        )  # fmt: skip
        yield Visit(visit, link.removeprefix(base), address)


def _clicks(world: World) -> Iterator[tuple[str, int]]:
    for visitor in count():
        address = str(ip_address(_FIRST_ADDRESS + visitor))
        times = 5 if visitor % _GREEDY_EVERY == 0 else 2
        for click in range(times):
            yield address, world.offers[(visitor + click) % len(world.offers)]
