"""Payouts: asking, confirming, agreeing, paying, and every way in which a request ends without money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import orjson

from config.clock import now
from config.ids import new_id
from config.settings import get_settings
from core.ads import payout_methods, payout_rules, sealing
from core.ads.ledger import Refused
from core.ads.payout_moves import book, end, expect, get, held, line_of, move, record, record_expiries
from core.ads.payout_rules import Conflict, NoPayout, line
from core.ads.payout_views import destination, details
from core.ads.persons import Person, Role, require
from models import accounts, ledger, payouts
from models.accounts import Payee
from models.database import db
from models.ledger import EntryKind
from models.payouts import Payout, PayoutState

__all__ = [
    "Confirmed",
    "Conflict",
    "Created",
    "NoPayout",
    "Offered",
    "Refused",
    "Wish",
    "destination",
    "details",
    "get",
]
UNCONFIRMED = "unconfirmed_timeout"
EXPIRER = "decline_unconfirmed_moneyout_requests"
BATCH = 500
PENDING, CONFIRMED, AGREED = PayoutState.PENDING_CONFIRMATION, PayoutState.CONFIRMED, PayoutState.AGREED


@dataclass(frozen=True, slots=True)
class Wish:
    """What a publisher asks for: micro-units, the account's currency, how to be paid and the fields of that method."""

    login: str
    amount: int
    currency: str
    method: str = payout_methods.DEFAULT
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """A request that waits; the token goes to the account's e-mail and nowhere else."""

    public_id: UUID
    expires_at: datetime
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offered:
    """What the page of a confirmation link shows."""

    public_id: UUID
    amount: int
    currency: str
    method: str
    destination: str
    state: PayoutState
    expires_at: datetime


class Confirmed(StrEnum):
    """What became of a confirmation."""

    CONFIRMED = "confirmed"
    ALREADY = "already"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


def create(wish: Wish, by: Person) -> Created:
    """Hold the amount and write the request; raises Refused, BadDetails, Forbidden, NoAccount, SealUnavailable."""
    payout_rules.require_owner_or_staff(by, wish.login)
    details = payout_methods.check(wish.method, wish.fields)
    sealed = sealing.seal(orjson.dumps(details).decode())
    comment = line("comment", wish.comment) if wish.comment else ""
    public_id = new_id()
    token = payout_rules.new_token(public_id)
    with db.atomic():
        account = accounts.hold_still(wish.login)
        _check(account, wish)
        facts = {"amount": wish.amount, "currency": wish.currency, "method": wish.method}
        record(public_id, "payout.create", by, None, PENDING, facts=facts)
        at = now()
        expires_at = at + timedelta(hours=get_settings().moneyout_confirm_hours)
        payouts.insert(
            public_id, account.id, wish.amount, wish.currency, wish.method, sealed, payout_rules.digest(token),
            expires_at, at, comment, by.ip,
        )  # fmt: skip
        book(get(public_id), {EntryKind.PAYOUT_HOLD: -wish.amount}, by, at)
    return Created(public_id, expires_at, token)


def _check(account: Payee, wish: Wish) -> None:
    payout_rules.check_wish(account, wish.amount, wish.currency, wish.method)
    if waiting := payouts.open_of(account.id):
        raise Refused(f"login: the account has an open request already, {waiting.public_id}; finish or cancel that one")
    payout_rules.check_balance(ledger.standing(account.id), wish.amount)


def offered(token: str) -> Offered | None:
    """What a confirmation link is about, for a page that changes nothing; None unless the token is unused."""
    payout = _named(token)
    if payout is None or not payout_rules.opens(token, payout):
        return None
    return Offered(payout.public_id, payout.amount, payout.currency, payout.method, destination(payout), payout.state,
                   payout.confirm_expires_at)  # fmt: skip


def confirm(token: str, ip: str | None) -> Confirmed:
    """Confirm the request that this token was sent for, once, before its time is over."""
    with db.atomic():
        payout = _named(token)
        if payout is None:
            return Confirmed.UNKNOWN
        payout = held(payout.public_id)
        if not payout_rules.opens(token, payout):
            return _after_all(payout)
        if payout_rules.over(payout, now()):
            return Confirmed.EXPIRED
        # the log outlives the person, so it names the account
        owner = Person(f"account:{payout.account_id}", ip=ip)
        move(payout, CONFIRMED, "payout.confirm", owner, confirmed_at=now())
        return Confirmed.CONFIRMED


def _after_all(payout: Payout) -> Confirmed:
    """What to say when the token fits no more: it is cleared by the first move, whichever that is."""
    if payout.state in (CONFIRMED, AGREED, PayoutState.PAID):
        return Confirmed.ALREADY
    return Confirmed.EXPIRED if payout.reason == UNCONFIRMED else Confirmed.UNKNOWN


def cancel(public_id: UUID, by: Person, *, version: int | None = None) -> Payout:
    """Take a request back, on the publisher's word, before it is agreed."""
    with db.atomic():
        payout = held(public_id, version)
        payout_rules.require_owner_or_staff(by, payout.login)
        return end(payout, PayoutState.CANCELLED, "payout.cancel", by, "cancelled_by_user", (PENDING, CONFIRMED))


def cancel_open(account_id: int, by: Person, reason: str) -> Payout | None:
    """Cancel the open request of an account that its caller holds still, whatever its state."""
    payout = payouts.open_of(account_id)
    return payout and end(payout, PayoutState.CANCELLED, "payout.cancel", by, reason, payouts.OPEN)


def agree(public_id: UUID, by: Person, *, version: int | None = None) -> Payout:
    """Agree to a confirmed request: role operator or finance."""
    require(by, Role.OPERATOR, Role.FINANCE)
    with db.atomic():
        payout = held(public_id, version)
        expect(payout, (CONFIRMED,))
        return move(payout, AGREED, "payout.agree", by, agreed_by=by.name, agreed_at=now())


def decline(public_id: UUID, reason: str, by: Person, *, version: int | None = None) -> Payout:
    """Refuse a confirmed or agreed request, with a reason that the publisher is told: role operator or finance."""
    require(by, Role.OPERATOR, Role.FINANCE)
    said = line("reason", reason)
    with db.atomic():
        payout = held(public_id, version)
        return end(payout, PayoutState.DECLINED, "payout.decline", by, said, (CONFIRMED, AGREED))


def pay(
    public_id: UUID, external_ref: str, by: Person, *, protection_code: str | None = None, version: int | None = None
) -> Payout:
    """Note that the money has gone, under this reference: role finance, and nobody who had a hand in the request."""
    require(by, Role.FINANCE)
    reference = line("external_ref", external_ref)
    code = sealing.seal(line("protection_code", protection_code)) if protection_code else None
    with db.atomic():
        payout = held(public_id, version)
        expect(payout, (AGREED, CONFIRMED))
        _require_agreement(payout)
        payout_rules.refuse_own(payout, by)
        at = now()
        paid = move(payout, PayoutState.PAID, "payout.pay", by, external_ref=reference, decided_by=by.name,
                     decided_at=at, details_enc=_trimmed(payout), protection_code_enc=code)  # fmt: skip
        book(payout, {EntryKind.PAYOUT_RELEASE: payout.amount, EntryKind.PAYOUT_PAID: -payout.amount}, by, at)
        return paid


def _require_agreement(payout: Payout) -> None:
    if payout.state == CONFIRMED and get_settings().require_manager_agree:
        raise Refused("state: the payout is confirmed and not agreed yet; agree to it first")


def expire(limit: int = BATCH) -> list[Payout]:
    """Decline what was not confirmed in time and release the holds, with a constant number of statements."""
    with db.atomic():
        at = now()
        due = payouts.take_due(at, limit)
        record_expiries(due, UNCONFIRMED, EXPIRER)
        if payouts.expire(due, UNCONFIRMED, EXPIRER, at) != len(due):
            raise RuntimeError("a request moved while it was held still")
        ledger.add([line_of(payout, EntryKind.PAYOUT_RELEASE, payout.amount, EXPIRER) for payout in due], at)
    return due


def _named(token: str) -> Payout | None:
    public_id = payout_rules.named(token)
    return payouts.get(public_id) if public_id else None


def _trimmed(payout: Payout) -> str | None:
    """The details without what must not outlive the payment, sealed again; None when there is nothing to drop."""
    if payout_methods.find(payout.method).forgotten is None:
        return None
    kept = payout_methods.after_payment(payout.method, details(payout))
    return sealing.seal(orjson.dumps(kept).decode())
