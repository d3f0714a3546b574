"""Prices of clicks as rows: added and read, never changed, because every click points at the one it was paid by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A price of an account, or of one of its informers; money in micro-units, percent in basis points."""

    id: int
    login: str
    informer_id: int | None
    kind: str
    fixed_cost: int
    percent_bp: int | None
    floor_cost: int | None
    cap_cost: int | None
    effective_from: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a price is for: an account, or one of its informers."""

    account_id: int
    informer_id: int | None = None


_SELECT = """
select p.id, a.login, p.informer_id, p.kind, p.fixed_cost, p.percent_bp, p.floor_cost, p.cap_cost, p.effective_from,
    p.created_by
from click_price p join account a on a.id = p.account_id
"""
_HISTORY = (
    _SELECT + "where (%s = '' or a.login = %s) order by a.login, coalesce(p.informer_id, 0), p.effective_from desc"
)
_WHEN = """
where (%s = '' or a.login = %s) and p.effective_from = (
    select max(q.effective_from) from click_price q
    where q.account_id = p.account_id and coalesce(q.informer_id, 0) = coalesce(p.informer_id, 0)
        and q.effective_from <= %s)
order by a.login, coalesce(p.informer_id, 0)
"""
_IN_FORCE = _SELECT + _WHEN
_COVERED = """
select 1 from click_price
where account_id = %s and (informer_id is null or informer_id = %s) and effective_from <= %s limit 1
"""
_INSERT = """
insert into click_price
    (account_id, informer_id, kind, fixed_cost, percent_bp, floor_cost, cap_cost, effective_from, created_by)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning id
"""


def history(login: str = "") -> list[PriceRow]:
    """Every price, of one account if given; the newest of each scope first."""
    return [_row(row) for row in fetch(_HISTORY, (login, login))]


def in_force(at: datetime, login: str = "") -> list[PriceRow]:
    """The prices that a click of this instant is paid by."""
    return [_row(row) for row in fetch(_IN_FORCE, (login, login, bind(at)))]


def covered(scope: Scope, at: datetime) -> bool:
    """True if a click of this instant has a price already, its informer's own or the account's."""
    return bool(fetch(_COVERED, (scope.account_id, scope.informer_id or 0, bind(at))))


def add(
    scope: Scope, kind: str, numbers: tuple[int, int | None, int | None, int | None], since: datetime, by: str
) -> bool:
    """Add a price: (fixed, percent, floor, cap) from an instant on; False if the scope has one from that instant."""
    values = (scope.account_id, scope.informer_id, kind, *numbers, bind(since), by)
    return bool(fetch(_INSERT, values))


def account_of(login: str) -> int | None:
    """The key of an account."""
    rows = fetch("select id from account where login = %s", (login,))
    return int(rows[0][0]) if rows else None


def owns(account_id: int, informer_id: int) -> bool:
    """True if the informer belongs to the account."""
    return bool(fetch("select 1 from informer where id = %s and account_id = %s", (informer_id, account_id)))


def _row(values: tuple[Any, ...]) -> PriceRow:
    *columns, effective_from, created_by = values
    return PriceRow(*columns, instant(effective_from), created_by)  # type: ignore[call-arg]
