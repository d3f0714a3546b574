"""The ledger: every row moves an amount from a book of the network to a publisher, so both sides always sum to zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from models import bulk
from models.database import fetch
from models.fields import bind, day, instant

Values = Sequence[Any]


class EntryKind(StrEnum):
    """What a row of the ledger is; the kind decides which book of the network stands on the other side."""

    EARNING_DAY = "earning_day"
    PAYOUT_HOLD = "payout_hold"
    PAYOUT_RELEASE = "payout_release"
    PAYOUT_PAID = "payout_paid"
    ADJUSTMENT = "adjustment"


BOOKS = ("earnings", "adjustments", "holds", "payments")


@dataclass(frozen=True, slots=True)
class Line:
    """A row that is to be written; the source key makes writing it again harmless."""

    account_id: int
    kind: EntryKind
    amount: int
    source_key: str
    created_by: str
    reason: str = ""
    ref_day: date | None = None
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as it is stored."""

    id: int
    kind: EntryKind
    book: str
    amount: int
    ref_day: date | None
    payout: str | None
    source_key: str | None
    reason: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account has: the balance is free of what open requests hold; the floor is how far it may go."""

    account_id: int
    login: str
    currency: str
    balance: int
    holds: int
    floor: int

    @property
    def available(self) -> int:
        """How much a new request may ask for at most."""
        return max(0, self.balance - self.floor)


_LINES = bulk.Rows(
    "account_id int, kind text, amount int, ref_day day, request_id int, source_key text, reason text, created_by text"
)
_ADD = """
insert into ledger_entry (account_id, kind, amount, ref_day, request_id, source_key, reason, created_by, created_at)
select account_id, kind, amount, ref_day, request_id, source_key, reason, created_by, {instant} from {rows}
where true on conflict (source_key) do nothing
"""
_STANDING = """
select a.id, a.login, a.currency, coalesce(sum(e.amount), 0),
    coalesce(-sum(case when e.book = 'holds' then e.amount else 0 end), 0),
    case when a.prepayment then -a.credit_limit else 0 end
from account a left join ledger_entry e on e.account_id = a.id
where {which}
group by a.id, a.login, a.currency, a.prepayment, a.credit_limit order by a.login limit %s
"""
_ONE = _STANDING.replace("{which}", "a.id = %s")
_ALL = _STANDING.replace("{which}", "a.login > %s and (a.kind = 'user' or e.id is not null)")
_ENTRIES = """
select e.id, e.kind, e.book, e.amount, e.ref_day, cast(p.public_id as text), e.source_key, e.reason, e.created_by,
    e.created_at
from ledger_entry e left join payout_request p on p.id = e.request_id
where e.account_id = %s and e.id < %s order by e.id desc limit %s
"""
_TRIAL = "select book, sum(amount) from ledger_entry group by book"
_NEWEST = 2**62


def add(lines: Sequence[Line], at: datetime) -> int:
    """Write rows with one statement; how many are new: one whose source key is known already is left alone."""
    rows = [
        (line.account_id, line.kind.value, line.amount, line.ref_day, line.request_id, line.source_key, line.reason,
         line.created_by)
        for line in lines
    ]  # fmt: skip
    return _LINES.run(_ADD, rows, before=(bind(at),))


def known(source_key: str) -> bool:
    """Whether a row has this source key."""
    return bool(fetch("select 1 from ledger_entry where source_key = %s", (source_key,)))


def standing(account_id: int) -> Standing:
    """What one account has; LookupError if there is none."""
    rows = fetch(_ONE, (account_id, 1))
    if not rows:
        raise LookupError(f"there is no account {account_id}")
    return _standing(rows[0])


def standings(after: str = "", limit: int = 1000) -> list[Standing]:
    """What publishers have, by login; `after` is the login that the last page ended with."""
    return [_standing(row) for row in fetch(_ALL, (after, limit))]


def entries(account_id: int, *, before: int | None = None, limit: int = 100) -> list[Entry]:
    """The newest rows of an account."""
    return [_entry(row) for row in fetch(_ENTRIES, (account_id, before or _NEWEST, limit))]


def trial() -> dict[str, int]:
    """The sums of both sides: `publishers`, and each book of the network; together they are zero."""
    moved = {str(book): int(total) for book, total in fetch(_TRIAL)}
    return {"publishers": sum(moved.values())} | {book: -moved.get(book, 0) for book in BOOKS}


def _standing(row: Values) -> Standing:
    number, login, currency, balance, holds, floor = row
    return Standing(int(number), login, currency, int(balance), int(holds), int(floor))


def _entry(row: Values) -> Entry:
    number, kind, book, amount, ref_day, payout, source_key, reason, created_by, at = row
    when = None if ref_day is None else day(ref_day)
    return Entry(
        int(number), EntryKind(kind), book, int(amount), when, payout, source_key, reason, created_by, instant(at)
    )
