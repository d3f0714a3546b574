"""Payouts with the mail that follows from each step; the command line and the pages act through these functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from core.ads import accounts, payouts, sealing
from core.ads.payouts import Confirmed, Created, Wish
from core.ads.persons import Person
from models.conflicts import transaction
from models.payouts import Payout
from worker.actor import actor
from worker.ads.mail import send_mail

Moved = TypeVar("Moved", bound=Payout | None)
__all__ = ["Confirmed", "confirm", "create"]


@actor
def decline_unconfirmed_moneyout_requests() -> int:
    """Decline payouts that were not confirmed in time: the money goes back to the balance, and a mail says so."""
    done = 0
    while expired := transaction(_expire):
        done += len(expired)
    return done


def _expire() -> list[Payout]:
    expired = payouts.expire()
    for payout in expired:
        send_mail.send("payout_expired", str(payout.public_id))
    return expired


def create(wish: Wish, by: Person) -> Created:
    """Hold the amount, write the request and mail the confirmation link; raises as `core.ads.payouts.create`."""

    def work() -> Created:
        created = payouts.create(wish, by)
        # sealed, because the message may lie in a queue or among the dead letters for long
        send_mail.send("payout_confirm", str(created.public_id), sealing.seal(created.token))
        return created

    return transaction(work)


def confirm(token: str, ip: str | None) -> Confirmed:
    """Confirm the payout whose link carried this token."""
    return transaction(lambda: payouts.confirm(token, ip))


def cancel(public_id: UUID, by: Person, *, version: int | None = None) -> Payout:
    """Take a payout back; raises Conflict, Forbidden, NoPayout."""
    return _told("payout_cancelled", lambda: payouts.cancel(public_id, by, version=version))


def agree(public_id: UUID, by: Person, *, version: int | None = None) -> Payout:
    """Agree to a payout; raises Conflict, Forbidden, NoPayout."""
    return transaction(lambda: payouts.agree(public_id, by, version=version))


def decline(public_id: UUID, reason: str, by: Person, *, version: int | None = None) -> Payout:
    """Refuse a payout; raises Conflict, Forbidden, NoPayout, Refused."""
    return _told("payout_declined", lambda: payouts.decline(public_id, reason, by, version=version))


def pay(
    public_id: UUID, external_ref: str, by: Person, *, protection_code: str | None = None, version: int | None = None
) -> Payout:
    """Note that a payout was paid; raises Conflict, Forbidden, NoPayout, Refused."""
    return _told(
        "payout_paid",
        lambda: payouts.pay(public_id, external_ref, by, protection_code=protection_code, version=version),
    )


def change_email(login: str, email: str, by: Person) -> Payout | None:
    """Change an account's e-mail; the open payout this cancelled."""
    return _told("payout_cancelled", lambda: accounts.change_email(login, email, by))


def change_payout_methods(login: str, methods: Sequence[str], by: Person) -> Payout | None:
    """Change the ways an account may be paid by; the open payout this cancelled."""
    return _told("payout_cancelled", lambda: accounts.change_payout_methods(login, methods, by))


def _told(template: str, move: Callable[[], Moved]) -> Moved:
    def work() -> Moved:
        moved = move()
        if isinstance(moved, Payout):
            send_mail.send(template, str(moved.public_id))
        return moved

    return transaction(work)
