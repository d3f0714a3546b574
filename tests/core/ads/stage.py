"""A small ad network in the database, clicks on it, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from config.clock import now
from config.ids import new_id
from core.ads import actors, links
from core.ads.admission import admit
from core.ads.clicks import ClickMessage
from core.ads.local_adload import LocalAdLoad
from core.ads.outcomes import Tally
from integrations.adload.port import Charge, ChargeReply, ChargeStatus, OutcomeCode
from models.ads import (
    Account,
    Campaign,
    Click,
    ClickError,
    ClickPrice,
    ClickRejected,
    Informer,
    IpBlacklist,
    Offer,
    Site,
)

IP = "203.0.113.7"
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def ip(number: int) -> str:
    """Distinct public addresses."""
    return f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"


@dataclass(slots=True)
class Stage:
    """One publisher with an informer, one campaign with offers, one price; `start` is the time of the first click."""

    account: Account
    informer: Informer
    campaign: Campaign
    offers: list[Offer]
    start: datetime

    def click(self, offer: int = 0, *, at: timedelta = timedelta(), ip: str = IP, **more: Any) -> ClickMessage:
        """A genuine click on an offer; `age` is the link's, `issued_to` another address, `informer` another place."""
        clicked_at = self.start + at
        place = links.Place(more.pop("offer_id", None) or self.offers[offer].id, more.pop("informer", self.informer).id)
        issued_at = clicked_at - more.pop("age", timedelta(seconds=30))
        link = links.issue_click_links(
            [place], more.pop("issued_to", ip), "https://pub.example/", issued_at, test=more.pop("test", False),
        )[0]  # fmt: skip
        token = link.partition("/r/")[2].partition("?")[0]
        values: dict[str, Any] = {
            "click_id": new_id(), "clicked_at": clicked_at, "token": token, "h": "pub.example", "ip": ip,
            "url": "https://shop.example/", "actor_net": actors.actor_net(ip), "visitor_id": "v", "user_agent": BROWSER,
            "view_ms": 30_000,
        }  # fmt: skip
        return ClickMessage(**(values | more))


def build(*, offers: int = 5, **campaign: Any) -> Stage:
    """The rows of a stage; keywords change the campaign."""
    at = now()
    number = new_id().hex[-12:]
    account = Account.create(guid=new_id(), login=f"pub-{number}", kind="user", currency="USD", created_at=at)
    site = Site.create(account=account, host=f"{number}.example")
    informer = Informer.create(guid=new_id(), account=account, site=site, title="Top")
    values = {"guid": new_id(), "title": "Shoes", "status": "working"} | campaign
    row = Campaign.create(**values)
    made = [offer(row, number) for number in range(offers)]
    fixed_price(account, 30_000)
    return Stage(account, informer, row, made, at.replace(microsecond=0) - timedelta(minutes=5))


def offer(campaign: Campaign, number: int = 0, **more: Any) -> Offer:
    values = {"url": "https://shop.example/", "title": f"Offer {number}", "click_cost": 50_000, "updated_at": now()}
    return Offer.create(guid=new_id(), campaign=campaign, **(values | more))


def fixed_price(account: Account, cost: int, *, since: datetime | None = None, **more: Any) -> ClickPrice:
    values = {"kind": "fixed", "fixed_cost": cost, "created_by": "test", "effective_from": since or now() - 90 * DAY}
    return ClickPrice.create(account=account, **(values | more))


def local(*clicks: ClickMessage) -> Tally:
    """Admit clicks in one batch with the local driver."""
    return admit(clicks, LocalAdLoad())


def outcomes(clicks: Sequence[ClickMessage]) -> list[str]:
    """What is stored of each click: `done`, `done*` (not unique), `pending`, `void`, a reason, `error:code`."""
    found: dict[str, list[str]] = {}
    for click in Click.select():
        found.setdefault(str(click.click_id), []).append(f"{click.state}{'' if click.is_unique else '*'}")
    for refused in ClickRejected.select():
        found.setdefault(str(refused.click_id), []).append(refused.reason_code)
    for error in ClickError.select():
        state = "" if error.state == "open" else f":{error.state}"
        found.setdefault(str(error.click_id), []).append(f"error:{error.code}{state}")
    return ["+".join(sorted(found.get(str(click.click_id), ["nothing"]))) for click in clicks]


def listed() -> list[str]:
    """Networks on the blacklist."""
    return sorted(str(row.net) for row in IpBlacklist.select())


def stored(click: ClickMessage) -> Click:
    return Click.get(Click.click_id == click.click_id)


def fault(click: ClickMessage) -> ClickError:
    return ClickError.get(ClickError.click_id == click.click_id)


def refusal(click: ClickMessage) -> ClickRejected:
    return ClickRejected.get(ClickRejected.click_id == click.click_id)


@dataclass(slots=True)
class Answering:
    """An AdLoad beyond the process's transaction that answers as it is told; keeps every charge it was asked for."""

    replies: dict[UUID, ChargeReply] = field(default_factory=dict)
    default: tuple[ChargeStatus, OutcomeCode | None, int] = (ChargeStatus.OK, None, 50_000)
    sent: bool = True
    idempotent: bool = True
    transactional: bool = False
    asked: list[Charge] = field(default_factory=list)

    def add_clicks(self, charges: Iterable[Charge]) -> list[ChargeReply]:
        items = list(charges)
        self.asked += items
        return [self.replies.get(item.click_id) or self._reply(item) for item in items]

    def _reply(self, item: Charge) -> ChargeReply:
        status, code, cost = self.default
        return ChargeReply(item.click_id, status, code, 0 if item.social else cost, f"c-{item.click_id}", self.sent)

    def breaker_open(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this AdLoad only charges; it has no {name}")


def counts(tally: Tally) -> dict[str, int]:
    return dict(Counter(tally.counts))
