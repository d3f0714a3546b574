"""Clicks, statistics and the ledger as endless rows: read piece by piece, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from models.database import db, execute, fetch, is_postgres
from models.fields import bind
from models.period import Period
from models.reading import at_leisure
from models.stats_sql import UPPER

PIECE = 2000


class Kind(StrEnum):
    """What a column holds, which decides how it is written."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    INSTANT = "instant"
    DAY = "day"
    FLAG = "flag"
    ID = "id"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by name; `personal` ones are left out unless they are asked for."""

    name: str
    kind: Kind
    source: str
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One thing that can be exported: its columns, where they come from, and the days, instants or both it goes by."""

    name: str
    columns: tuple[Column, ...]
    tables: str
    by_day: str | None
    by_instant: str | None
    account: str
    order: str
    archive: str | None = None

    def shown(self, personal: bool) -> tuple[Column, ...]:
        """The columns of an export with or without what tells people apart."""
        return tuple(column for column in self.columns if personal or not column.personal)


def _columns(text: str, *, personal: bool = False) -> tuple[Column, ...]:
    """Columns written as `name kind source`, separated by commas."""
    words = [item.split() for item in text.split(",")]
    return tuple(Column(name, Kind(kind), source, personal) for name, kind, source in words)


CLICKS = Sheet(
    "clicks",
    _columns(
        "click_id id c.click_id, clicked_at instant c.clicked_at, state text c.state, is_unique flag c.is_unique, "
        "is_social flag c.is_social, offer_id number c.offer_id, offer text o.title, "
        "campaign_id number c.campaign_id, campaign text p.title, informer_id number c.informer_id, "
        "publisher text a.login, advertiser_cost money c.advertiser_cost, partner_cost money c.partner_cost, "
        "view_ms number c.view_ms, flags number c.flags, url text c.url, referer text c.referer, "
        "user_agent text c.user_agent"
    )
    + _columns("ip text c.ip, actor_net text c.actor_net, visitor_id text c.visitor_id", personal=True),
    "click c left join offer o on o.id = c.offer_id left join campaign p on p.id = c.campaign_id "
    "left join account a on a.id = c.account_id",
    "c.click_day",
    "c.clicked_at",
    "c.account_id",
    "c.click_day, c.click_id",
    "click",
)
STATS = Sheet(
    "stats",
    _columns(
        "day day s.day, informer_id number s.informer_id, informer text i.title, site text w.host, "
        "publisher text a.login, "
        + ", ".join(f"{name} {'money' if name.endswith('_cost') else 'number'} s.{name}" for name in UPPER)
    ),
    "stats_daily_adv s left join informer i on i.id = s.informer_id left join site w on w.id = s.site_id "
    "left join account a on a.id = s.account_id",
    "s.day",
    None,
    "s.account_id",
    "s.day, s.informer_id",
)
LEDGER = Sheet(
    "ledger",
    _columns(
        "id number l.id, created_at instant l.created_at, publisher text a.login, kind text l.kind, "
        "book text l.book, amount money l.amount, ref_day day l.ref_day, request_id id r.public_id, "
        "reason text l.reason, created_by text l.created_by"
    ),
    "ledger_entry l join account a on a.id = l.account_id left join payout_request r on r.id = l.request_id",
    None,
    "l.created_at",
    "l.account_id",
    "l.id",
)
SHEETS = {sheet.name: sheet for sheet in (CLICKS, STATS, LEDGER)}


def stream(
    sheet: Sheet, period: Period, account_id: int | None, *, personal: bool = False
) -> Iterator[Sequence[Sequence[Any]]]:
    """Pieces of rows in a fixed order, all from one moment; the connection is busy until the end."""
    conditions, params = [f"(cast(%s as bigint) is null or {sheet.account} = cast(%s as bigint))"], [account_id] * 2
    bounds: list[Any] = []
    if sheet.by_day:
        conditions += [f"{sheet.by_day} >= %s", f"{sheet.by_day} <= %s"]
        bounds += [bind(period.first), bind(period.last)]
    if sheet.by_instant:
        conditions += [f"{sheet.by_instant} >= %s", f"{sheet.by_instant} < %s"]
        bounds += [bind(period.start), bind(period.end)]
    sources = ", ".join(column.source for column in sheet.shown(personal))
    parts = "select", sources, "from", sheet.tables, "where", " and ".join(conditions), "order by", sheet.order
    return _pieces(" ".join(parts), (*params, *bounds))


def _pieces(statement: str, params: Sequence[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    if is_postgres():
        yield from _from_cursor(statement, params)
        return
    cursor = db.execute_sql(statement.replace("%s", "?"), params)
    while piece := cursor.fetchmany(PIECE):
        yield piece


def _from_cursor(statement: str, params: Sequence[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows stay on the server: an ordinary cursor of the driver would fetch all of them at once."""
    with at_leisure():
        execute("declare export no scroll cursor for " + statement, params)
        while piece := fetch(f"fetch forward {PIECE} from export"):
            yield piece
