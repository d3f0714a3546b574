"""What people see of payouts: the funnel, one request with its history, and, on record, what is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from core.ads import payout_methods, sealing
from core.ads.payout_moves import held
from core.ads.payout_rules import least, line, subject
from core.ads.persons import Person, Role, require
from models import accounts, audit, ledger, payouts
from models.audit import AuditRow
from models.conflicts import transaction
from models.ledger import Standing
from models.payouts import Payout, PayoutState


class NoCode(LookupError):
    """There is no protection code to show."""

    def __init__(self) -> None:
        super().__init__("this payout has no protection code, or it was shown already; it is shown once")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an account is from its next payout; amounts in micro-units."""

    standing: Standing
    least: int
    open: Payout | None


def details(payout: Payout) -> dict[str, str]:
    """Where the money goes, in the clear; raises SealBroken or SealUnavailable."""
    known: dict[str, str] = orjson.loads(sealing.unseal(payout.details_enc)) if payout.details_enc else {}
    return known


def destination(payout: Payout) -> str:
    """Where the money goes, masked; a dash when the key is gone."""
    try:
        return payout_methods.masked(payout.method, details(payout))
    except (sealing.SealBroken, sealing.SealUnavailable):
        return "-"


def hours_left(payout: Payout, at: datetime) -> int | None:
    """Whole hours that remain to confirm; None when that is no question any more."""
    if payout.state != PayoutState.PENDING_CONFIRMATION:
        return None
    return max(0, int((payout.confirm_expires_at - at).total_seconds() // 3600))


def progress(login: str) -> Progress:
    """What an account has, the least it may ask for, and its open request; raises NoAccount."""
    account = accounts.find(login)
    return Progress(ledger.standing(account.id), least(account), payouts.open_of(account.id))


def history(payout: Payout) -> list[AuditRow]:
    """Everything that was done with a request, oldest first."""
    return audit.page(object=subject(payout.public_id), limit=1000)[::-1]


def reveal(public_id: UUID, reason: str, by: Person) -> dict[str, str]:
    """The details in the clear, on record; raises Forbidden, NoPayout, Refused, SealBroken."""
    return transaction(lambda: details(_on_record(public_id, "payout.reveal_details", reason, by)))


def reveal_code(public_id: UUID, reason: str, by: Person) -> str:
    """The protection code, on record and for the only time; raises NoCode as `reveal`."""

    def work() -> str:
        payout = _on_record(public_id, "payout.reveal_code", reason, by)
        if payout.protection_code_enc is None or not payouts.take_code(payout.id):
            raise NoCode
        return sealing.unseal(payout.protection_code_enc)

    return transaction(work)


def _on_record(public_id: UUID, action: str, reason: str, by: Person) -> Payout:
    require(by, Role.OPERATOR, Role.FINANCE)
    said = line("reason", reason)
    payout = held(public_id)
    audit.record(
        actor_kind=by.kind, actor=by.name, action=action, object=subject(public_id), reason=said, ip=by.ip,
        request_id=by.request_id,
    )  # fmt: skip
    return payout
