"""Facts of any kind, written straight into the tables, and the statistics of a day counted from them by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from config.clock import now
from config.ids import new_id
from core.ads import statistics
from core.ads.outcomes import NUMBERS
from models.ads import Account, Campaign, Click, ClickError, ClickRejected, Informer, Offer, Site
from models.database import execute, fetch
from models.fields import bind
from models.fields import day as day_of

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
BASE = (
    "impressions_requested", "impressions", "clicks", "clicks_unique", "social_impressions", "social_clicks",
    "social_clicks_unique", "partner_cost", "advertiser_cost", "view_ms",
)  # fmt: skip
REFUSED = ("rejected_warning", "rejected_banned", "rejected_filtered", "errors")
ALL = (*BASE, "block_views_requested", "block_views", *REFUSED)
FACTS = ("click", "click_rejected", "click_error", "impression_daily", "block_view_daily")
BOOKS = ("stats_daily", "stats_daily_adv", "stats_daily_user", "stats_overall_by_date", "manager_day", "ledger_entry")
OVERALL = (*ALL, "accounts_total", "accounts_active", "sites_active")
Figures = dict[Any, Counter[str]]


@dataclass(frozen=True, slots=True)
class Books:
    """Two managed publishers with two informers each, and offers of a paid and of a social campaign."""

    manager: int
    accounts: list[int]
    sites: list[int]
    informers: list[int]
    paid: list[int]
    social: list[int]
    campaigns: dict[int, int]

    def account_of(self, informer: int) -> int:
        return self.accounts[self.informers.index(informer) // 2]


def build() -> Books:
    boss = _account("boss", kind="manager")
    accounts = [_account(f"publisher-{number}", manager=boss) for number in range(2)]
    sites, informers = [], []
    for number in range(4):
        site = Site.create(account=accounts[number // 2], host=f"s{number}.example")
        sites.append(site.id)
        informers.append(Informer.create(guid=new_id(), account=accounts[number // 2], site=site, title="block").id)
    paid, social = _campaign(social=False), _campaign(social=True)
    offers = [_offer(campaign) for campaign in (paid, paid, social)]
    campaigns = {offers[0]: paid.id, offers[1]: paid.id, offers[2]: social.id}
    ids = [account.id for account in accounts]
    return Books(boss.id, ids, sites, informers, offers[:2], offers[2:], campaigns)


def _account(login: str, **more: Any) -> Account:
    values = {"guid": new_id(), "login": login, "kind": "user", "currency": "USD", "created_at": LONG_AGO}
    return Account.create(**(values | more))


def _campaign(*, social: bool) -> Campaign:
    return Campaign.create(guid=new_id(), title="Shoes", status="working", is_social=social)


def _offer(campaign: Campaign) -> int:
    values = {"guid": new_id(), "url": "https://x.example", "title": "x", "click_cost": 1, "updated_at": now()}
    return int(Offer.create(campaign=campaign, **values).id)


def click(books: Books, at: datetime, *, informer: int = 0, offer: int = 0, social: bool = False, **more: Any) -> Click:
    """A recorded click; paid, unique and charged unless told otherwise."""
    unique = more.setdefault("is_unique", True)
    cost = more.pop("cost", 50_000) if unique and not social else 0
    offer_id = (books.social if social else books.paid)[0 if social else offer]
    values = {
        "click_day": at.astimezone(UTC).date(), "click_id": new_id(), "clicked_at": at, "offer_id": offer_id,
        "campaign_id": books.campaigns[offer_id], "informer_id": books.informers[informer],
        "account_id": books.accounts[informer // 2], "url": "https://x.example", "state": "done",
        "is_social": social, "advertiser_cost": cost, "partner_cost": cost * 3 // 5, "view_ms": 1_500, "created_at": at,
    }  # fmt: skip
    return Click.create(**(values | more))


def rejected(books: Books, at: datetime, reason: str, *, informer: int | None = 0) -> None:
    """A refusal; `informer` None is a link of nobody, -1 an informer that does not exist."""
    ClickRejected.create(
        click_day=at.astimezone(UTC).date(), click_id=new_id(), clicked_at=at, informer_id=_known(books, informer),
        token="", url="", reason_code=reason, reason=reason, detail={}, view_ms=9,
    )  # fmt: skip


def error(books: Books, at: datetime, *, informer: int | None = 0, state: str = "open") -> None:
    ClickError.create(
        click_day=at.astimezone(UTC).date(), click_id=new_id(), clicked_at=at, informer_id=_known(books, informer),
        stage="charge", code="adload_other", message="x", payload={}, created_at=at, state=state,
    )  # fmt: skip


def _known(books: Books, informer: int | None) -> int | None:
    return None if informer is None else 987_654 if informer < 0 else books.informers[informer]


def impressions(books: Books, day: date, *, informer: int = 0, social: bool = False, **counts: int) -> None:
    offer = (books.social if social else books.paid)[0]
    _add("impression_daily", {"day": day, "informer_id": books.informers[informer], "offer_id": offer,
                              "is_social": social}, counts)  # fmt: skip


def block_views(books: Books, day: date, *, informer: int = 0, **counts: int) -> None:
    _add("block_view_daily", {"day": day, "informer_id": books.informers[informer]}, counts)


def _add(table: str, key: dict[str, Any], counts: dict[str, int]) -> None:
    names = [*key, "requested", "seen"]
    values = [*map(bind, key.values()), counts.get("requested", 0), counts.get("seen", 0)]
    text = f"into {table} ({', '.join(names)}) values ({', '.join(['%s'] * len(names))}) on conflict do nothing"
    execute("insert " + text, values)


def forget_everything() -> None:
    for table in (*FACTS, *BOOKS, "stats_dirty_day", "archived_day"):
        execute(f"delete from {table}")


def compute() -> list[statistics.Refreshed]:
    """What the task does."""
    return list(statistics.refresh())


def rows() -> dict[str, list[Any]]:
    """Every row of the books, without when it was computed."""
    found = {table: sorted(fetch(f"select * from {table}"), key=repr) for table in BOOKS}
    return found | {"stats_overall_by_date": [row[:-1] for row in found["stats_overall_by_date"]]}


def daily(books: Books, day: date, zone: str) -> Figures:
    """By (informer, offer), counted one fact after another."""
    found: Figures = defaultdict(Counter)
    for row in Click.select():
        if row.state == "done" and local(row.clicked_at, zone) == day:
            kind = "social_clicks" if row.is_social else "clicks"
            figures = found[row.informer_id, row.offer_id]
            figures[kind] += 1
            figures[kind + "_unique"] += row.is_unique
            figures["partner_cost"] += row.partner_cost
            figures["advertiser_cost"] += row.advertiser_cost
            figures["view_ms"] += row.view_ms
    for of, informer, offer, social, requested, seen in fetch("select * from impression_daily"):
        if day_of(of) == day:
            found[informer, offer]["social_impressions" if social else "impressions"] += seen
            found[informer, offer]["impressions_requested"] += 0 if social else requested
    return found


def by_informer(books: Books, day: date, zone: str) -> Figures:
    """By informer, None for those that are unknown."""
    found: Figures = defaultdict(Counter)
    for (informer, _), figures in daily(books, day, zone).items():
        found[informer].update(figures)
    for of, informer, requested, seen in fetch("select * from block_view_daily"):
        if day_of(of) == day:
            found[informer].update({"block_views_requested": requested, "block_views": seen})
    for row in ClickRejected.select():
        if local(row.clicked_at, zone) == day:
            found[_informer(books, row.informer_id)][_sort(row.reason_code)] += 1
    for failed in ClickError.select():
        if local(failed.clicked_at, zone) == day:
            found[_informer(books, failed.informer_id)]["errors"] += 1
    return found


def by_account(books: Books, day: date, zone: str) -> Figures:
    found: Figures = defaultdict(Counter)
    for informer, figures in by_informer(books, day, zone).items():
        if informer is not None:
            found[books.account_of(informer)].update(figures)
    return found


def overall(books: Books, day: date, zone: str) -> Counter[str]:
    informers, accounts = by_informer(books, day, zone), by_account(books, day, zone)
    total: Counter[str] = Counter()
    for figures in informers.values():
        total.update(figures)
    total["accounts_total"] = len(books.accounts)
    total["accounts_active"] = sum(map(is_active, accounts.values()))
    total["sites_active"] = sum(
        figures["impressions"] >= 100 or figures["clicks"] >= 1 for key, figures in informers.items() if key is not None
    )
    return total


def is_active(figures: Counter[str]) -> bool:
    return figures["impressions"] >= 100 or figures["clicks_unique"] >= 1


def _informer(books: Books, informer: int | None) -> int | None:
    return informer if informer in books.informers else None


def _sort(reason: str) -> str:
    number = NUMBERS.get(reason, 0)
    return "rejected_warning" if number < 2 else "rejected_banned" if number == 2 else "rejected_filtered"


def local(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def stored(table: str, key: tuple[str, ...], measures: tuple[str, ...], day: date) -> Figures:
    """A table's rows of a day by key."""
    found = fetch(f"select {', '.join((*key, *measures))} from {table} where day = %s", (bind(day),))
    keys = [row[:2] if len(key) == 2 else row[0] if key else None for row in found]
    figures = [Counter(dict(zip(measures, row[len(key) :], strict=True))) for row in found]
    return dict(zip(keys, figures, strict=True))


def assert_equal_to_a_recount(books: Books, day: date, zone: str = "UTC") -> None:
    """Every level of the day is what counting by hand gives, key for key."""
    informers = {key: figures for key, figures in by_informer(books, day, zone).items() if key is not None}
    assert stored("stats_daily", ("informer_id", "offer_id"), BASE, day) == daily(books, day, zone)
    assert stored("stats_daily_adv", ("informer_id",), ALL, day) == informers
    assert stored("stats_daily_user", ("account_id",), ALL, day) == by_account(books, day, zone)
    assert stored("stats_overall_by_date", (), OVERALL, day) == {None: overall(books, day, zone)}
    earned = {account: figures["partner_cost"] for account, figures in by_account(books, day, zone).items()}
    assert booked(day) == {account: amount for account, amount in earned.items() if amount}


def booked(day: date) -> dict[int, int]:
    """What the ledger says of a day, by account, without what comes to nothing."""
    sums = fetch(
        "select account_id, sum(amount) from ledger_entry where ref_day = %s group by account_id", (bind(day),)
    )
    return {account: int(amount) for account, amount in sums if amount}


def balance(account: int) -> int:
    return int(fetch("select coalesce(sum(amount), 0) from ledger_entry where account_id = %s", (account,))[0][0])


def marks() -> dict[date, int]:
    return {day_of(day): marks for day, marks in fetch("select day, marks from stats_dirty_day")}
