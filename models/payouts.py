"""Requests to be paid: the states they move through, and the statements that move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from peewee import BigAutoField, ForeignKeyField, IntegerField, TextField

from models import bulk
from models.ads import Account
from models.database import execute, fetch, is_postgres
from models.fields import Address, EnumText, Micros, UtcDateTime, Uuid, bind, instant
from models.runtime import Row


class PayoutState(StrEnum):
    """Where a request stands; paid, declined and cancelled are final."""

    PENDING_CONFIRMATION = "pending_confirmation"
    CONFIRMED = "confirmed"
    AGREED = "agreed"
    PAID = "paid"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class PayoutRequest(Row):
    """A publisher's request for money, held back from the balance until it is paid or comes to nothing."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        PayoutState.PENDING_CONFIRMATION: (PayoutState.CONFIRMED, PayoutState.DECLINED, PayoutState.CANCELLED),
        PayoutState.CONFIRMED: (PayoutState.AGREED, PayoutState.PAID, PayoutState.DECLINED, PayoutState.CANCELLED),
        PayoutState.AGREED: (PayoutState.PAID, PayoutState.DECLINED, PayoutState.CANCELLED),
        PayoutState.PAID: (),
        PayoutState.DECLINED: (),
        PayoutState.CANCELLED: (),
    }

    id = BigAutoField()
    public_id = Uuid(unique=True)
    account = ForeignKeyField(Account)
    amount = Micros()
    currency = TextField()
    method = TextField()
    details_enc = TextField(null=True)
    state = EnumText(PayoutState)
    reason = TextField(null=True)
    confirm_token_hash = TextField(null=True)
    confirm_expires_at = UtcDateTime()
    created_at = UtcDateTime()
    confirmed_at = UtcDateTime(null=True)
    agreed_by = TextField(null=True)
    agreed_at = UtcDateTime(null=True)
    decided_by = TextField(null=True)
    decided_at = UtcDateTime(null=True)
    external_ref = TextField(null=True)
    protection_code_enc = TextField(null=True)
    comment = TextField(default="")
    ip = Address(null=True)
    version = IntegerField(default=1)


OPEN = tuple(state for state, moves in PayoutRequest.MOVES.items() if moves)


@dataclass(frozen=True, slots=True)
class Payout:
    """A request with the account it belongs to; what is sealed stays sealed."""

    id: int
    public_id: UUID
    account_id: int
    login: str
    amount: int
    currency: str
    method: str
    details_enc: str | None
    state: PayoutState
    reason: str | None
    confirm_token_hash: str | None
    confirm_expires_at: datetime
    created_at: datetime
    confirmed_at: datetime | None
    agreed_by: str | None
    agreed_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    external_ref: str | None
    protection_code_enc: str | None
    comment: str
    version: int


_INSTANTS = frozenset({"confirm_expires_at", "created_at", "confirmed_at", "agreed_at", "decided_at"})
_NAMES = tuple(Payout.__dataclass_fields__)
_COLUMNS = ", ".join("a.login" if name == "login" else f"p.{name}" for name in _NAMES)
_SELECT = "select <columns> from payout_request p join account a on a.id = p.account_id ".replace("<columns>", _COLUMNS)
_INSERT = """
insert into payout_request (public_id, account_id, amount, currency, method, details_enc, state, confirm_token_hash,
    confirm_expires_at, created_at, comment, ip)
values (%s, %s, %s, %s, %s, %s, 'pending_confirmation', %s, %s, %s, %s, %s) returning id
"""
# what a move may write beside the state; everything else is left as it is
_MOVE = """
update payout_request set state = %s, version = version + 1, confirm_token_hash = null, reason = coalesce(%s, reason),
    confirmed_at = coalesce({instant}, confirmed_at), agreed_by = coalesce(%s, agreed_by),
    agreed_at = coalesce({instant}, agreed_at), decided_by = coalesce(%s, decided_by),
    decided_at = coalesce({instant}, decided_at), external_ref = coalesce(%s, external_ref),
    details_enc = coalesce(%s, details_enc), protection_code_enc = coalesce(%s, protection_code_enc)
where id = %s and state = %s and version = %s
"""
_WRITTEN = (
    "reason", "confirmed_at", "agreed_by", "agreed_at", "decided_by", "decided_at", "external_ref", "details_enc",
    "protection_code_enc",
)  # fmt: skip
_DUE = _SELECT + """
where p.state = 'pending_confirmation' and p.confirm_expires_at <= %s order by p.account_id limit %s
"""  # fmt: skip
_EXPIRED = bulk.Rows("id int, version int")
_EXPIRE = """
update payout_request set state = 'declined', reason = %s, decided_by = %s, decided_at = {instant},
    confirm_token_hash = null, version = payout_request.version + 1
from {rows}
where payout_request.id = v.id and payout_request.version = v.version
    and payout_request.state = 'pending_confirmation'
"""
_LIST = _SELECT + """
where p.id < %s and (%s = '' or p.state = %s) and (%s = '' or a.login = %s) order by p.id desc limit %s
"""  # fmt: skip
_TAKE_CODE = "update payout_request set protection_code_enc = null where id = %s and protection_code_enc is not null"
_NEWEST = 2**62


class IllegalMove(ValueError):
    """No arrow leads from the state of a request to this one."""


def insert(
    public_id: UUID, account_id: int, amount: int, currency: str, method: str, details_enc: str, token_hash: str,
    expires_at: datetime, at: datetime, comment: str, ip: str | None,
) -> int:  # fmt: skip
    """Write a request that waits for its confirmation; its key."""
    values = (public_id, account_id, amount, currency, method, details_enc, token_hash, expires_at, at, comment, ip)
    return int(fetch(_INSERT, [bind(value) for value in values])[0][0])


def get(public_id: UUID) -> Payout | None:
    """A request by the id that people see."""
    return _first(fetch(_SELECT + "where p.public_id = %s", (bind(public_id),)))


def open_of(account_id: int) -> Payout | None:
    """The one open request of an account."""
    states = bulk.among(OPEN)
    return _first(bulk.read(_SELECT + "where p.account_id = %s and p.state {in:text}", (account_id, states)))


def page(*, state: str = "", login: str = "", before: int | None = None, limit: int = 50) -> list[Payout]:
    """The newest requests, of one state or account only if given."""
    return [_payout(row) for row in fetch(_LIST, (before or _NEWEST, state, state, login, login, limit))]


def funnel() -> dict[PayoutState, tuple[int, int]]:
    """How many requests stand in each state, and their amounts."""
    found = {state: (int(count), int(total)) for state, count, total in fetch(
        "select state, count(*), sum(amount) from payout_request group by state"
    )}  # fmt: skip
    return {state: found.get(state.value, (0, 0)) for state in PayoutState}


def move(payout: Payout, to: PayoutState, **written: Any) -> bool:
    """Move a request that is still as it was read; False if somebody else moved it. Raises IllegalMove."""
    if to not in PayoutRequest.MOVES[payout.state]:
        raise IllegalMove(f"{payout.state} does not lead to {to}")
    values = [bind(written.pop(name, None)) for name in _WRITTEN]
    if written:
        raise TypeError(f"a move does not write {', '.join(written)}")
    return bulk.run(_MOVE, (to.value, *values, payout.id, payout.state.value, payout.version)) == 1


def take_due(at: datetime, limit: int) -> list[Payout]:
    """Requests whose time to confirm is over, held still with their accounts until the transaction ends."""
    # the accounts too, and first: whoever moves money holds the account before anything else
    lock = " for no key update of a, p" if is_postgres() else ""
    return [_payout(row) for row in fetch(_DUE + lock, (bind(at), limit))]


def expire(due: Sequence[Payout], reason: str, by: str, at: datetime) -> int:
    """Decline these with one statement; how many still waited."""
    rows = [(payout.id, payout.version) for payout in due]
    return _EXPIRED.run(_EXPIRE, rows, before=(reason, by, bind(at)))


def take_code(payout_id: int) -> bool:
    """Forget the protection code; False if it is gone already."""
    return execute(_TAKE_CODE, (payout_id,)) == 1


def _first(rows: list[tuple[Any, ...]]) -> Payout | None:
    return _payout(rows[0]) if rows else None


def _payout(row: Sequence[Any]) -> Payout:
    values = dict(zip(_NAMES, row, strict=True))
    moments = {name: None if values[name] is None else instant(values[name]) for name in _INSTANTS}
    key = UUID(str(values["public_id"]))
    return Payout(**{**values, **moments, "public_id": key, "state": PayoutState(values["state"])})
