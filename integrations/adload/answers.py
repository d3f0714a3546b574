"""Reads AdLoad's JSON answers; whatever has the wrong shape is a ValueError."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from integrations.adload import money
from integrations.adload.port import CampaignFacts, CampaignTotal, Charge, ChargeReply, OfferFacts, OutcomeCode
from integrations.adload.replies import charged, refused
from integrations.errors import Malformed

LONGEST_TEXT = 500
T = TypeVar("T")

_REFUSALS = {
    "offer_inactive": OutcomeCode.OFFER_INACTIVE,
    "offer_unknown": OutcomeCode.OFFER_INACTIVE,
    "campaign_stopped": OutcomeCode.CAMPAIGN_STOPPED,
    "no_funds": OutcomeCode.NO_FUNDS,
    "bad_request": OutcomeCode.BAD_REQUEST,
    "conflict": OutcomeCode.BAD_REQUEST,
}
_SAME = {"duplicate": None}  # a second ok for the same key says so, and is the same answer


class WrongShape(ValueError):
    """An answer that is readable but not what was agreed; the message names the field and quotes nothing."""


class Busy(Exception):
    """AdLoad answered `error` for this item: nothing is decided, ask again with the same key."""


def results(document: Any) -> dict[str, list[dict[str, Any]]]:
    """The results of a batch by lower-case click id; several for one id where AdLoad repeats itself."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in _list(document, "results"):
        if isinstance(item, dict) and isinstance(item.get("click_id"), str):
            found.setdefault(item["click_id"].lower(), []).append(item)
    return found


def charge_reply(charge: Charge, items: Sequence[dict[str, Any]], settlement: money.Settlement) -> ChargeReply:
    """The reply to one charge. Raises Busy, or ValueError when missing, contradictory or ill-formed."""
    if not items:
        raise WrongShape("no result for this click")
    item = items[0]
    if any(other | _SAME != item | _SAME for other in items[1:]):
        raise WrongShape("contradictory results for one click")
    match item.get("status"):
        case "ok":
            return _charged(charge, item, settlement)
        case "refused":
            return refused(charge, _REFUSALS.get(str(item.get("code")), OutcomeCode.OTHER))
        case "error":
            raise Busy
    raise WrongShape("unknown status")


def checked(reader: Callable[[Any], T], document: Any) -> T:
    """What the reader makes of a document; raises Malformed where the reader says ValueError."""
    try:
        return reader(document)
    except ValueError as error:
        raise Malformed(f"adload: {error}") from None


def campaign(document: Any) -> CampaignFacts:
    """`{"id","title","account","manager","allowed"}`."""
    return CampaignFacts(
        _id(document, "id"),
        _text(document, "title"),
        _text(document, "account"),
        _text(document, "manager"),
        _flag(document, "allowed"),
    )


def offers(document: Any) -> list[OfferFacts]:
    """`{"offers":[{"id","title","active"}]}`; one bad offer spoils the list, for a shorter list stops campaigns."""
    return _each(
        document, "offers", lambda item: OfferFacts(_id(item, "id"), _text(item, "title"), _flag(item, "active"))
    )


def totals(document: Any) -> list[CampaignTotal]:
    """`{"totals":[{"campaign","clicks","cost_micros"}]}`."""
    return _each(
        document,
        "totals",
        lambda item: CampaignTotal(
            _id(item, "campaign"), money.micros(_field(item, "clicks")), money.micros(_field(item, "cost_micros"))
        ),
    )


def rate(document: Any) -> Decimal:
    """`{"rate":"0.92"}`."""
    return money.rate_of(_field(document, "rate"))


def flag(value: Any) -> bool:
    """A bare boolean."""
    if not isinstance(value, bool):
        raise WrongShape("not a flag")
    return value


def _charged(charge: Charge, item: dict[str, Any], settlement: money.Settlement) -> ChargeReply:
    cost = money.micros(item["cost_micros"]) if "cost_micros" in item else money.micros_of(item.get("cost"))
    charge_id = item.get("charge_id")
    if charge_id is not None and not (isinstance(charge_id, str) and len(charge_id) <= LONGEST_TEXT):
        raise WrongShape("charge_id is not a text")
    return charged(charge, settlement.settle(cost, item.get("currency"), item.get("rate_id")), charge_id)


def _each(document: Any, name: str, read: Callable[[Any], T]) -> list[T]:
    return [read(item) for item in _list(document, name)]


def _list(document: Any, name: str) -> list[Any]:
    value = _field(document, name)
    if not isinstance(value, list):
        raise WrongShape(f"{name} is not a list")
    return value


def _id(document: Any, name: str) -> UUID:
    return UUID(_text(document, name))


def _text(document: Any, name: str) -> str:
    value = _field(document, name)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise WrongShape(f"{name} is not a text")
    return value


def _flag(document: Any, name: str) -> bool:
    return flag(_field(document, name))


def _field(document: Any, name: str) -> Any:
    if not isinstance(document, dict) or name not in document:
        raise WrongShape(f"{name} is missing")
    return document[name]
