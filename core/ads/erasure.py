"""Erasing a person: login, e-mail and payout details go, every row of money and statistics stays."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from core.ads import payouts
from core.ads.ledger import Refused
from core.ads.payout_rules import line
from core.ads.persons import Person, Role, require
from models import accounts, audit, persons
from models.accounts import NoAccount
from models.conflicts import transaction
from models.payouts import PayoutState
from models.payouts import open_of as open_payout
from models.persons import Overview

CANCELLED = "account_erased"


class Erased(StrEnum):
    """What an erasure did."""

    ERASED = "erased"
    ALREADY = "erased before"


def find(name: str) -> Overview:
    """The account of a login or public id; raises NoAccount."""
    found = persons.listed(name=name, limit=1)
    if not found:
        raise NoAccount
    return found[0]


def is_erased(account: Overview) -> bool:
    """True once there is no person behind the account."""
    return account.login == pseudonym(account.guid)


def pseudonym(guid: UUID) -> str:
    """The login of an account without a person."""
    return f"erased-{guid}"


def erase(name: str, reason: str, by: Person) -> Erased:
    """Take the person out of an account, cancelling its open payout; raises NoAccount, Refused, Forbidden.

    Refused while a payout is agreed: it is being paid, to details that would be gone.
    """
    require(by, Role.OPERATOR, Role.FINANCE)
    said = line("reason", reason)
    return transaction(lambda: _erase(name, said, by))


def _erase(name: str, reason: str, by: Person) -> Erased:
    known = find(name)
    accounts.hold_still_by_id(known.id)
    known = find(str(known.guid))  # while we waited, it may have been erased
    if is_erased(known):
        return Erased.ALREADY
    waiting = open_payout(known.id)
    if waiting and waiting.state == PayoutState.AGREED:
        raise Refused(f"account: payout {waiting.public_id} is agreed and being paid; pay or decline it first")
    payouts.cancel_open(known.id, by, CANCELLED)
    audit.record(
        actor_kind=by.kind, actor=by.name, action="account.erase", object=f"account:{known.id}", reason=reason,
        ip=by.ip, request_id=by.request_id,
    )  # fmt: skip
    persons.forget(known.id, known.login, pseudonym(known.guid))
    return Erased.ERASED
