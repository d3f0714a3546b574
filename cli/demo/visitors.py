"""The demo's cast: who comes, with what intent, and the requests each of them sends through the real redirect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from cli.demo.world import STOPPED, World
from config.clock import now
from core.ads.links import issue_click_link

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: who it is about, from which address, to which link."""

    who: str
    address: str
    link: str
    says: str
    headers: dict[str, str] = field(default_factory=lambda: {"User-Agent": BROWSER})


Part = Callable[["Cast"], Iterator[Visit]]


class Cast:
    """Draws visitors one after another; the same seed draws the same ones."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random = world, random
        self._host = 0

    def visits(self) -> Iterator[Visit]:
        """Visits without end, of honest people mostly."""
        parts, weights = zip(*PARTS, strict=True)
        while True:
            part: Part = self.random.choices(parts, weights)[0]
            yield from part(self)

    def address(self) -> str:
        """A fresh address from the documentation ranges."""
        self._host += 1
        if self._host % 5 == 0:
            return f"2001:db8:{self._host:x}::1"
        block = ("203.0.113", "198.51.100", "192.0.2")[self._host // 254 % 3]
        return f"{block}.{self._host % 254 + 1}" if self._host < 700 else f"2001:db8:{self._host:x}::7"

    def link(self, address: str, *, campaign: str = "", age: timedelta = timedelta(0)) -> str:
        """A link to an ad of this campaign (or any that pays), issued to the address some time ago."""
        ad = self.random.choice(self.world.of(campaign) if campaign else self.world.paid())
        age = age or timedelta(seconds=self.random.randint(2, 900))
        informer = self.random.choice(self.world.informers)
        return issue_click_link(
            ad.offer_id, informer, address, "https://gazette.example/news", now() - age, destination=ad.url
        )


def honest(cast: Cast) -> Iterator[Visit]:
    """A reader who finds something of interest."""
    address = cast.address()
    yield Visit("reader", address, cast.link(address), "clicks an ad")


def curious(cast: Cast) -> Iterator[Visit]:
    """A reader who likes three different ads."""
    address = cast.address()
    titles = dict.fromkeys(ad.campaign for ad in cast.world.paid())
    for number, title in enumerate(titles, 1):
        yield Visit("curious reader", address, cast.link(address, campaign=title), f"clicks ad number {number}")


def double_clicker(cast: Cast) -> Iterator[Visit]:
    """A reader with a nervous finger."""
    address = cast.address()
    link = cast.link(address)
    for number in (1, 2):
        yield Visit("double clicker", address, link, f"presses {'once' if number == 1 else 'twice'}")


def greedy(cast: Cast) -> Iterator[Visit]:
    """A publisher's friend who clicks again and again."""
    address = cast.address()
    for number in range(1, 6):
        yield Visit("click farm", address, cast.link(address), f"click number {number} today")


def sharer(cast: Cast) -> Iterator[Visit]:
    """Somebody who was sent a link that was issued to another address."""
    yield Visit("borrowed link", cast.address(), cast.link(cast.address()), "has somebody else's link")


def late(cast: Cast) -> Iterator[Visit]:
    """A tab left open since the morning."""
    address = cast.address()
    yield Visit("late reader", address, cast.link(address, age=timedelta(hours=3)), "uses a link 3 hours old")


def forger(cast: Cast) -> Iterator[Visit]:
    """Somebody who edits tokens."""
    address = cast.address()
    head, slash, token = cast.link(address).partition("/r/")
    yield Visit("forger", address, head + slash + ("A" if token[0] != "A" else "B") + token[1:], "changes a letter")


def robot(cast: Cast) -> Iterator[Visit]:
    """A crawler."""
    address = cast.address()
    yield Visit("crawler", address, cast.link(address), "follows every link", {"User-Agent": ROBOT})


def prefetcher(cast: Cast) -> Iterator[Visit]:
    """A browser that guesses where its user goes next."""
    address = cast.address()
    headers = {"User-Agent": BROWSER, "Sec-Purpose": "prefetch"}
    yield Visit("prefetch", address, cast.link(address), "is only looking ahead", headers)


def kind(cast: Cast) -> Iterator[Visit]:
    """A reader who follows a social ad."""
    address = cast.address()
    yield Visit("kind reader", address, cast.link(address, campaign="Animal shelter"), "opens a social ad")


def unlucky(cast: Cast) -> Iterator[Visit]:
    """A reader of an ad whose campaign AdLoad stopped without telling."""
    address = cast.address()
    yield Visit("reader", address, cast.link(address, campaign=STOPPED), "clicks a stopped ad")


PARTS: tuple[tuple[Part, int], ...] = (
    (honest, 40), (curious, 10), (double_clicker, 8), (greedy, 8), (sharer, 6), (late, 6), (forger, 4), (robot, 5),
    (prefetcher, 3), (kind, 6), (unlucky, 4),
)  # fmt: skip
