"""Corrections of the ledger by hand, and reading it."""

from __future__ import annotations

from datetime import date, timedelta

from config.clock import now, today
from config.ids import new_id
from core.ads.persons import Person, Role, require
from models import accounts, audit, invariants_books, invariants_money, ledger
from models.conflicts import transaction
from models.fields import decimal_text, micros
from models.ledger import Entry, EntryKind, Line, Standing

REASON_LENGTH = 500
LOOKED_BACK = timedelta(days=40)


class Refused(ValueError):
    """The books do not take this; the text names the field and the remedy."""


def balance(account_id: int) -> int:
    """What an account has, in micro-units: the sum of its rows, what open requests hold taken off."""
    return ledger.standing(account_id).balance


def standing(login: str) -> Standing:
    """What an account has and may ask for; raises NoAccount."""
    return ledger.standing(accounts.find(login).id)


def imbalance() -> dict[str, int]:
    """How many accounts and payouts contradict what their rows come from, of the last forty days; all must be 0."""
    since = today() - LOOKED_BACK
    return {
        "earnings": len(invariants_books.earnings_differ(since)),
        "holds": len(invariants_money.holds_differ(since)),
        "payouts": len(invariants_money.payouts_do_not_add_up(since)),
    }


def entries(login: str, *, before: int | None = None, limit: int = 100) -> list[Entry]:
    """The newest rows of an account; raises NoAccount."""
    return ledger.entries(accounts.find(login).id, before=before, limit=limit)


def amount(text: str) -> int:
    """Micro-units of an amount as people write it; raises Refused."""
    try:
        return micros(text.strip())
    except ValueError as error:
        raise Refused(f"amount: write a decimal number with a point, such as 12.50 ({error})") from None


def adjust(
    account_id: int,
    amount: int,
    reason: str,
    by: Person,
    ref_day: date | None = None,
    source_key: str | None = None,
    *,
    into_debt: bool = False,
) -> bool:
    """Add to or take from an account, with its audit row; False if a row with this source key is there already.

    Raises Refused when this would take the account below its floor, unless debt is what is meant (a claw-back).
    """
    line = Line(
        account_id,
        EntryKind.ADJUSTMENT,
        _some(amount),
        source_key or f"hand:{new_id()}",
        by.name,
        _said(reason),
        ref_day,
    )
    return transaction(lambda: _book(line, by, into_debt))


def adjust_by_hand(login: str, amount: int, reason: str, by: Person, source_key: str | None = None) -> Standing:
    """A correction by a person with the role finance; what the account has afterwards. Raises Forbidden, Refused."""
    require(by, Role.FINANCE)
    account_id = accounts.find(login).id
    adjust(account_id, amount, reason, by, source_key=source_key)
    return ledger.standing(account_id)


def _book(line: Line, by: Person, into_debt: bool) -> bool:
    accounts.hold_still_by_id(line.account_id)
    if ledger.known(line.source_key):
        return False
    _check_floor(ledger.standing(line.account_id), line.amount, into_debt)
    _record(line, by)
    return ledger.add([line], now()) == 1


def _some(amount: int) -> int:
    if amount == 0:
        raise Refused("amount: zero changes nothing; write what is to be added, or with a minus what is taken")
    return amount


def _said(reason: str) -> str:
    text = " ".join(reason.split())
    if not 0 < len(text) <= REASON_LENGTH:
        raise Refused(f"reason: write why, in 1 to {REASON_LENGTH} characters")
    return text


def _check_floor(account: Standing, amount: int, into_debt: bool) -> None:
    if amount < 0 and not into_debt and account.balance + amount < account.floor:
        free = decimal_text(account.available)
        raise Refused(f"amount: only {free} {account.currency} can be taken from {account.login}; take less")


def _record(line: Line, by: Person) -> None:
    after = {"account_id": line.account_id, "amount": line.amount, "ref_day": str(line.ref_day or "")}
    audit.record(
        actor_kind=by.kind, actor=by.name, action="ledger.adjust", object=f"ledger:{line.source_key}", after=after,
        reason=line.reason, ip=by.ip, request_id=by.request_id,
    )  # fmt: skip
