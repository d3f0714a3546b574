"""Statistics as they are stored, added up over a period: by day, offer, informer, publisher or manager."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from models.database import fetch
from models.fields import bind, day, instant
from models.stats_sql import MEASURES, UPPER


class Line(NamedTuple):
    """The sums of one day, offer, informer, publisher or manager, and what it is called."""

    key: Any
    labels: dict[str, Any]
    sums: dict[str, int]


@dataclass(frozen=True, slots=True)
class Grain:
    """Where one kind of line comes from: the statement up to its sums, and the names of labels and sums."""

    select: str
    group: str
    labels: tuple[str, ...]
    sums: tuple[str, ...]

    def statement(self) -> str:
        """The whole statement; it takes the first and last day, and the account twice (null = all)."""
        sums = ", ".join(f"sum(s.{name})" for name in self.sums)
        return self.select.replace("<sums>", sums) + _WHERE + self.group


_WHERE = """
where s.day >= %s and s.day <= %s and (cast(%s as bigint) is null or s.account_id = cast(%s as bigint))
"""
DAILY_COUNTS = ("accounts_total", "accounts_active", "sites_active")
OFFERS = Grain(
    "select s.offer_id, max(o.title), max(c.title), <sums> from stats_daily s "
    "left join offer o on o.id = s.offer_id left join campaign c on c.id = s.campaign_id",
    "group by s.offer_id order by s.offer_id",
    ("offer", "campaign"),
    MEASURES,
)
INFORMERS = Grain(
    "select s.informer_id, max(i.title), max(w.host), max(a.login), <sums> from stats_daily_adv s "
    "left join informer i on i.id = s.informer_id left join site w on w.id = s.site_id "
    "left join account a on a.id = s.account_id",
    "group by s.informer_id order by s.informer_id",
    ("informer", "site", "publisher"),
    UPPER,
)
PUBLISHERS = Grain(
    "select s.account_id, max(a.login), <sums> from stats_daily_user s left join account a on a.id = s.account_id",
    "group by s.account_id order by s.account_id",
    ("publisher",),
    UPPER,
)
DAYS_OF_PUBLISHER = Grain("select s.day, <sums> from stats_daily_user s", "group by s.day order by s.day", (), UPPER)

# the rows of the network know no account, so nobody may ask for one's
_NETWORK = (
    "select s.day, s.accounts_total, s.accounts_active, s.sites_active, <sums> from stats_overall_by_date s "
    "where s.day >= %s and s.day <= %s order by s.day"
)
# how many publishers somebody has is no sum over days: it is what the last day says
_MANAGERS = """
select s.manager_id, max(a.login), max(case when s.day = l.day then s.accounts_total end),
    max(case when s.day = l.day then s.accounts_active end), sum(s.advertiser_cost), sum(s.partner_cost)
from manager_day s left join account a on a.id = s.manager_id
cross join (select max(day) as day from manager_day where day >= %s and day <= %s) as l
where s.day >= %s and s.day <= %s group by s.manager_id order by s.manager_id
"""
_FRESHNESS = """
select max(refreshed_at), min(timezone), max(timezone) from stats_overall_by_date where day >= %s and day <= %s
"""
_ARCHIVED = "select day from archived_day where name = %s and day >= %s and day <= %s order by day"
_ACTIVE = """
select account_id, max(case when day = %s then 1 else 0 end) from stats_daily_user
where day >= %s and day <= %s and (impressions >= 100 or clicks_unique >= 1) group by account_id
"""


def lines(grain: Grain, first: date, last: date, account_id: int | None = None) -> list[Line]:
    """One line per key that has rows in the period."""
    rows = fetch(grain.statement(), (bind(first), bind(last), account_id, account_id))
    return [_line(row, grain.labels, grain.sums) for row in rows]


def network_days(first: date, last: date) -> list[Line]:
    """One line per computed day of the whole network."""
    sums = ", ".join(f"s.{name}" for name in UPPER)
    rows = fetch(_NETWORK.replace("<sums>", sums), (bind(first), bind(last)))
    return [_line(row, DAILY_COUNTS, UPPER) for row in rows]


def managers(first: date, last: date) -> list[Line]:
    """One line per manager; the numbers of publishers are those of the last computed day."""
    rows = fetch(_MANAGERS, (bind(first), bind(last)) * 2)
    labels = ("manager", "publishers", "publishers_active")
    return [_line(row, labels, ("advertiser_cost", "partner_cost")) for row in rows]


def _line(row: Sequence[Any], labels: Sequence[str], sums: Sequence[str]) -> Line:
    key, values = row[0], row[1 + len(labels) :]
    names = dict(zip(labels, row[1 : 1 + len(labels)], strict=True))
    return Line(key, names, {name: int(value or 0) for name, value in zip(sums, values, strict=True)})


def day_of(line: Line) -> date:
    """The day of a line of days."""
    return day(line.key)


def freshness(first: date, last: date) -> tuple[datetime | None, tuple[str, ...]]:
    """When the newest of the days was computed, and in which time zones they were cut."""
    newest, *zones = fetch(_FRESHNESS, (bind(first), bind(last)))[0]
    return (instant(newest) if newest else None), tuple(sorted({zone for zone in zones if zone}))


def archived(table: str, first: date, last: date) -> list[date]:
    """The days of the period whose rows of a table are in the archive, or on their way."""
    return [day(row[0]) for row in fetch(_ARCHIVED, (table, bind(first), bind(last)))]


def active_accounts(today: date, since: date) -> dict[int, bool]:
    """Accounts that were active on one of the days from `since` to `today`, and whether today was one of them."""
    rows = fetch(_ACTIVE, (bind(today), bind(since), bind(today)))
    return {int(account): bool(now) for account, now in rows}


def account_of(login: str) -> int:
    """The id of an account; raises LookupError for a login that nobody has."""
    rows = fetch("select id from account where login = %s", (login,))
    if not rows:
        raise LookupError(f"there is no account {login!r}")
    return int(rows[0][0])
