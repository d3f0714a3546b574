"""How a request moves: held still with its account, recorded, moved if it is still as it was, its money booked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from config.clock import now
from core.ads.payout_rules import NoPayout, conflict, subject
from core.ads.persons import Person
from models import accounts, audit, ledger, payouts
from models.ledger import EntryKind, Line
from models.payouts import Payout, PayoutState


def get(public_id: UUID) -> Payout:
    """A request; raises NoPayout."""
    found = payouts.get(public_id)
    if found is None:
        raise NoPayout
    return found


def held(public_id: UUID, version: int | None = None) -> Payout:
    """The request as it is now, its account held still; raises NoPayout, or Conflict for another version."""
    accounts.hold_still_by_id(get(public_id).account_id)
    payout = get(public_id)
    if version not in (None, payout.version):
        raise conflict(payout)
    return payout


def expect(payout: Payout, states: Iterable[object]) -> None:
    """Raise Conflict unless the request is in one of these states."""
    if payout.state not in states:
        raise conflict(payout)


def end(payout: Payout, to: PayoutState, action: str, by: Person, reason: str, states: Iterable[object]) -> Payout:
    """Bring a request to an end without money: the hold goes back to the balance."""
    expect(payout, states)
    at = now()
    ended = move(payout, to, action, by, reason=reason, decided_by=by.name, decided_at=at)
    book(payout, {EntryKind.PAYOUT_RELEASE: payout.amount}, by, at)
    return ended


def move(payout: Payout, to: PayoutState, action: str, by: Person, **written: Any) -> Payout:
    """Record a move and make it; raises Conflict, with which the record is rolled back."""
    facts = {name: written[name] for name in ("external_ref",) if name in written}
    row = record(payout.public_id, action, by, payout.state, to, reason=written.get("reason", ""), facts=facts)
    if not payouts.move(payout, to, **written):
        raise conflict(get(payout.public_id), besides=row)
    return get(payout.public_id)


def record(
    public_id: UUID, action: str, by: Person, old: PayoutState | None, new: PayoutState, *, reason: str = "",
    facts: Mapping[str, Any],
) -> int:  # fmt: skip
    """Write the audit row of a move, before its effect."""
    before = {"state": old.value} if old else None
    return audit.record(
        actor_kind=by.kind, actor=by.name, action=action, object=subject(public_id), before=before,
        after={"state": new.value, **facts}, reason=reason, ip=by.ip, request_id=by.request_id,
    )  # fmt: skip


def record_expiries(due: Iterable[Payout], reason: str, by: str) -> None:
    """Write the audit rows of requests that nobody confirmed."""
    before, after = {"state": "pending_confirmation"}, {"state": "declined"}
    audit.record_all([
        audit.Entry(actor_kind="schedule", actor=by, action="payout.expire", object=subject(payout.public_id),
                    before=before, after=after, reason=reason)
        for payout in due
    ])  # fmt: skip


def book(payout: Payout, amounts: dict[EntryKind, int], by: Person, at: datetime) -> None:
    """Write rows of the ledger for a request."""
    ledger.add([line_of(payout, kind, amount, by.name) for kind, amount in amounts.items()], at)


def line_of(payout: Payout, kind: EntryKind, amount: int, by: str) -> Line:
    """A row of the ledger for a request; there is one of each kind."""
    key = f"payout:{payout.public_id}:{kind.removeprefix('payout_')}"
    return Line(payout.account_id, kind, amount, key, by, request_id=payout.id)
