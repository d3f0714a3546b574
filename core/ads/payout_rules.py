"""What is allowed with a payout: who may ask for how much, who may pay, and how a refusal is told."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from config.clock import now
from core.ads import payout_methods
from core.ads.ledger import Refused
from core.ads.persons import Forbidden, Person, Role, require
from models import audit
from models.accounts import Payee
from models.ads import AccountKind, BlockState
from models.fields import decimal_text
from models.ledger import Standing
from models.payouts import Payout

CENT = 10_000
LEAST, LEAST_OF_MANAGERS = 10_000_000, 80_000_000
LINE_LENGTH = 200
_DONE = {"payout.create": "requested", "payout.confirm": "confirmed", "payout.cancel": "cancelled",
           "payout.agree": "agreed", "payout.decline": "declined", "payout.expire": "declined",
           "payout.pay": "paid"}  # fmt: skip


class NoPayout(LookupError):
    """There is no request of this id."""

    def __init__(self) -> None:
        super().__init__("there is no payout of this id")


class Conflict(RuntimeError):
    """The request is no longer what the caller saw; the text says what it is, who did that and when."""


def conflict(payout: Payout, *, besides: int | None = None) -> Conflict:
    """The error for a request that was found in another state; `besides` is an audit row of the failed attempt."""
    latest = audit.page(object=subject(payout.public_id), before=besides, limit=1)
    if not latest:
        return Conflict(f"the payout is already {payout.state}")
    done = _DONE.get(latest[0].action, latest[0].action)
    return Conflict(f"the payout is {payout.state}: {done} by {latest[0].actor} {ago(now() - latest[0].at)} ago")


def ago(passed: timedelta) -> str:
    """A duration in its largest unit."""
    seconds = max(0, int(passed.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def subject(public_id: UUID) -> str:
    """What the audit log calls a request."""
    return f"payout:{public_id}"


def check_wish(account: Payee, amount: int, currency: str, method: str) -> None:
    """Raise Refused if this account may not ask for this, whatever its balance."""
    if account.block_state == BlockState.BANNED:
        raise Refused("login: the account is banned, so nothing is paid out; lift the ban first")
    if not account.email:
        raise Refused("login: the account has no e-mail to send the confirmation to; add one first")
    if method not in account.payout_methods:
        raise Refused(f"method: the account is paid by {', '.join(account.payout_methods)}; choose one of these")
    _check_currency(account, currency, method)
    _check_amount(account, amount)


def _check_currency(account: Payee, currency: str, method: str) -> None:
    if currency != account.currency:
        raise Refused(f"currency: the account is kept in {account.currency}; ask for that")
    fixed = payout_methods.find(method).currency
    if fixed not in (None, currency):
        raise Refused(f"method: {method} pays in {fixed} only; choose a method for {currency}")


def _check_amount(account: Payee, amount: int) -> None:
    if amount <= 0 or amount % CENT:
        raise Refused("amount: write a positive amount with at most two decimals")
    if amount < least(account):
        raise Refused(
            f"amount: the least that is paid is {decimal_text(least(account))} {account.currency}; ask for more"
        )


def least(account: Payee) -> int:
    """The least that this account is paid at once."""
    return max(account.min_payout, LEAST_OF_MANAGERS if account.kind == AccountKind.MANAGER else LEAST)


def check_balance(account: Standing, amount: int) -> None:
    """Raise Refused if the balance does not cover this."""
    if account.balance - amount < account.floor:
        free = decimal_text(account.available)
        raise Refused(f"amount: only {free} {account.currency} is available; ask for less")


def require_owner_or_staff(by: Person, login: str) -> None:
    """Raise Forbidden unless the account's own holder acts, or one of our people for them."""
    if by.name != login:
        require(by, Role.OPERATOR, Role.FINANCE)


def refuse_own(payout: Payout, by: Person) -> None:
    """Raise Forbidden if the payer is paid, or has asked for, confirmed or agreed to this payout: four eyes see it."""
    rows = audit.page(object=subject(payout.public_id), limit=1000)
    hands = {row.actor for row in rows if row.action in ("payout.create", "payout.confirm", "payout.agree")}
    if by.name.casefold() in {name.casefold() for name in hands | {payout.login}}:
        raise Forbidden(f"{by.name} has had a hand in this payout; another person of the role finance pays it")


def line(field: str, text: str) -> str:
    """A required text of one line; raises Refused."""
    plain = " ".join(text.split())
    if not 0 < len(plain) <= LINE_LENGTH or not plain.isprintable():
        raise Refused(f"{field}: is required, 1 to {LINE_LENGTH} characters on one line")
    return plain


def new_token(public_id: UUID) -> str:
    """What the confirmation link carries: which request, and 256 random bits."""
    return public_id.hex + secrets.token_urlsafe(32)


def named(token: str) -> UUID | None:
    """Which request a token is about; says nothing about whether it is genuine."""
    try:
        return UUID(hex=token[:32])
    except ValueError:
        return None


def digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def opens(token: str, payout: Payout) -> bool:
    """Whether this is the token that was sent for this request, and it is unused."""
    stored = payout.confirm_token_hash
    return stored is not None and hmac.compare_digest(stored, digest(token))


def over(payout: Payout, at: datetime) -> bool:
    """Whether the time to confirm has passed."""
    return payout.confirm_expires_at <= at
