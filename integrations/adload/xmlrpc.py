"""AdLoad over XML-RPC, for old installations: it has no keys, so what was sent without an answer is never repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

from config.settings import Settings
from integrations.adload import answers, money, xmlrpc_codec
from integrations.adload.http import instant
from integrations.adload.port import CampaignFacts, CampaignTotal, Charge, ChargeReply, Ears, OfferFacts, OutcomeCode
from integrations.adload.remote import BAD_ITEM, Remote
from integrations.adload.replies import charged, distinct, failed, refused, unanswered
from integrations.errors import (
    Malformed,
    OutcomeUnknown,
    OutsideError,
    RateLimited,
    Rejected,
    Unavailable,
)
from integrations.http import Effect

NOWHERE = "00000000-0000-0000-0000-000000000000"


@dataclass(slots=True)
class XmlRpcAdLoad(Remote):
    """The calls of a batch are made one after another.

    The shared client carries the calls instead of `xmlrpc.client`, which has no timeout and sends again by itself.
    Raises ValueError when `charges_in` is not the settlement currency: this protocol knows no rates.
    """

    charges_in: str = "USD"
    idempotent: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        if self.charges_in != self.currency:
            raise ValueError("ADLOAD_XMLRPC_CURRENCY must equal SETTLEMENT_CURRENCY; XML-RPC knows no rates")
        self._reach(self.seconds, {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml"})

    @classmethod
    def from_settings(cls, settings: Settings, ears: Ears) -> XmlRpcAdLoad:
        """The driver as the environment describes it."""
        return cls._described(settings, ears, charges_in=settings.adload_xmlrpc_currency)

    def add_clicks(self, charges: Sequence[Charge]) -> list[ChargeReply]:
        """One reply per distinct click id, in order; what no longer fits into the batch's time is not sent."""
        ends_at = self.clock() + self.batch_seconds
        return [self._charge(charge, ends_at - self.clock()) for charge in distinct(charges)]

    def get_campaign(self, campaign: UUID) -> CampaignFacts | None:
        """The facts; None when AdLoad does not know it."""
        details = self._ask("campaign_details", str(campaign))
        return None if details is False else answers.checked(answers.campaign, details)

    def list_offers(self, campaign: UUID) -> list[OfferFacts]:
        """All offers of a campaign, active or not."""
        details = self._ask("campaign_details", str(campaign))
        if details is False:
            raise Rejected("unknown_campaign")
        return answers.checked(answers.offers, details)

    def count_offers(self, campaign: UUID) -> int:
        """How many offers of a campaign are active."""
        return sum(offer.active for offer in self.list_offers(campaign))

    def has_active_offers(self, campaign: UUID) -> bool:
        """True when AdLoad says that the campaign can run."""
        return answers.checked(answers.flag, self._ask("campaign_check", str(campaign)))

    def add_campaign(self, campaign: UUID) -> None:
        """XML-RPC has no call for it; AdLoad learns of a campaign by its first click."""

    def remove_campaign(self, campaign: UUID) -> None:
        """XML-RPC has no call for it."""

    def get_rate(self, rate_id: str) -> Decimal:
        """Raises Rejected: XML-RPC knows no rates."""
        _unsupported("get_rate")

    def set_rate(self, rate_id: str, rate: Decimal) -> None:
        """Raises Rejected: XML-RPC knows no rates."""
        _unsupported("set_rate")

    def daily_totals(self, day: date) -> list[CampaignTotal]:
        """Raises Rejected: XML-RPC knows no totals."""
        _unsupported("daily_totals")

    def probe(self) -> str:
        """Asks for a campaign that cannot exist; any readable answer will do. A success ends a pause."""
        with self._pause.guard(trial=True):
            reply = self.client.call("POST", "/rpc", effect=Effect.READ, body=_CHECK, parse=False)
        try:
            xmlrpc_codec.decode(reply.body)
        except xmlrpc_codec.Fault:
            pass
        except xmlrpc_codec.Unreadable as problem:
            raise Malformed(f"adload: {problem}") from None
        return "adload: answers XML-RPC"

    def _charge(self, charge: Charge, left: float) -> ChargeReply:
        if left <= 0:
            return unanswered(charge, OutcomeCode.TIMEOUT, sent=False, idempotent=False)
        try:
            return _reply(charge, self._add_click(charge, min(left, self.seconds)))
        except Rejected as error:
            if error.status in BAD_ITEM:
                return refused(charge, OutcomeCode.BAD_REQUEST)
            return failed(charge, error, idempotent=False)
        except OutsideError as error:
            return failed(charge, error, idempotent=False)

    def _add_click(self, charge: Charge, seconds: float) -> Any:
        body = xmlrpc_codec.encode("addClick", str(charge.offer), charge.ip, instant(charge))
        try:
            with self._pause.guard():
                reply = self.client.call("POST", "/rpc", effect=Effect.ONCE, body=body, parse=False, deadline=seconds)
            return xmlrpc_codec.decode(reply.body)
        except xmlrpc_codec.Fault:
            return {"ok": False, "error": "fault"}
        except xmlrpc_codec.Unreadable as problem:
            raise OutcomeUnknown(f"adload: {problem}") from None
        except Unavailable as error:
            if error.sent and not isinstance(error, RateLimited):  # even a 503 may come from something in front
                raise OutcomeUnknown(error.detail) from None
            raise

    def _ask(self, method: str, argument: str) -> Any:
        body = xmlrpc_codec.encode(method, argument)
        with self._pause.guard():
            reply = self.client.call("POST", "/rpc", effect=Effect.READ, body=body, parse=False)
        try:
            return xmlrpc_codec.decode(reply.body)
        except xmlrpc_codec.Fault as fault:
            raise Rejected("fault", self.client.redact(str(fault))) from None
        except xmlrpc_codec.Unreadable as problem:
            raise Malformed(f"adload: {problem}") from None


_CHECK = xmlrpc_codec.encode("campaign_check", NOWHERE)


def _reply(charge: Charge, answer: Any) -> ChargeReply:
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise OutcomeUnknown("adload: no ok in the answer")
    if not answer["ok"]:
        return refused(charge, _code(str(answer.get("error") or "")))
    try:
        cost = _cost(answer.get("cost"))
    except money.BadAmount as problem:
        raise OutcomeUnknown(f"adload: {problem}") from None
    return charged(charge, cost, None)


def _cost(value: Any) -> int:
    return money.micros(value * money.MICROS) if type(value) is int else money.micros_of(value)


def _code(error: str) -> OutcomeCode:
    text = error.lower()
    if not text.strip():
        return OutcomeCode.OFFER_INACTIVE
    if "uuid" in text:
        return OutcomeCode.BAD_REQUEST
    return OutcomeCode.ZERO_COST if "cost 0" in text else OutcomeCode.OTHER


def _unsupported(operation: str) -> NoReturn:
    raise Rejected("unsupported", f"the xmlrpc driver has no {operation}")
