"""Turns costs and outcomes into replies in our codes, the same way for every driver."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from integrations.adload.port import Charge, ChargeReply, ChargeStatus, OutcomeCode
from integrations.errors import Malformed, OutcomeUnknown, OutsideError, Unavailable


def charged(charge: Charge, cost_micros: int, charge_id: str | None) -> ChargeReply:
    """AdLoad said ok: a paid click must cost something and a social one nothing."""
    if charge.social and cost_micros:
        return ChargeReply(charge.click_id, ChargeStatus.REFUSED, OutcomeCode.BAD_REPLY, cost_micros, charge_id)
    if not charge.social and not cost_micros:
        return refused(charge, OutcomeCode.ZERO_COST)
    return ChargeReply(charge.click_id, ChargeStatus.OK, None, cost_micros, charge_id)


def refused(charge: Charge, code: OutcomeCode) -> ChargeReply:
    """AdLoad said no; the same charge is not tried again."""
    return ChargeReply(charge.click_id, ChargeStatus.REFUSED, code)


def unanswered(charge: Charge, code: OutcomeCode, *, sent: bool, idempotent: bool) -> ChargeReply:
    """No usable answer. Without idempotency, what was sent may have been charged and nobody can tell."""
    if sent and not idempotent:
        code = OutcomeCode.UNKNOWN_OUTCOME
    return ChargeReply(charge.click_id, ChargeStatus.ERROR, code, sent=sent)


def failed(charge: Charge, error: OutsideError, *, idempotent: bool) -> ChargeReply:
    """The reply for a call that ended in an outcome instead of an answer."""
    sent = isinstance(error, OutcomeUnknown) or (idempotent and isinstance(error, Unavailable) and error.sent)
    return unanswered(charge, code_of(error), sent=sent, idempotent=idempotent)


def distinct(charges: Sequence[Charge]) -> list[Charge]:
    """The charges without repeated click ids; the first one stands."""
    first: dict[UUID, Charge] = {}
    for charge in charges:
        first.setdefault(charge.click_id, charge)
    return list(first.values())


def code_of(error: OutsideError) -> OutcomeCode:
    """Our code for a call that ended in an outcome."""
    if isinstance(error, OutcomeUnknown):
        return OutcomeCode.UNKNOWN_OUTCOME
    if isinstance(error, Malformed):
        return OutcomeCode.BAD_REPLY
    if isinstance(error, Unavailable) and error.timed_out:
        return OutcomeCode.TIMEOUT
    return OutcomeCode.UNREACHABLE
