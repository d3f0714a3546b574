"""The old door `/rpc`: XML-RPC without keys, so a call sent twice is charged twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from inspect import signature
from typing import Any
from uuid import UUID
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape
from xmlrpc.client import ResponseError, loads

from sandbox.adload.catalogue import DEFAULT_CAMPAIGN, Catalogue
from sandbox.adload.ledger import Item, Ledger, Refusal, Trigger
from sandbox.wire import Answer, Request
from sandbox.world import Clock

_TEXTS = {Refusal.OFFER_INACTIVE: "", Refusal.CAMPAIGN_STOPPED: "campaign stopped", Refusal.NO_FUNDS: "no funds"}
_Reply = tuple[object, dict[str, Any] | None]


# what the standard unmarshaller raises for documents that are XML but no call
_ILL_FORMED = (ExpatError, ResponseError, ValueError, LookupError, TypeError, AttributeError)


class Uncallable(ValueError):
    """The request is answered with a fault."""


class Rpc:
    """Each call is answered with a struct; what cannot be called is a fault with status 200, as usual there."""

    def __init__(self, catalogue: Catalogue, ledger: Ledger, clock: Clock) -> None:
        self._catalogue = catalogue
        self._ledger = ledger
        self._clock = clock
        self._methods: dict[str, Callable[..., _Reply]] = {
            "addClick": self._add_click,
            "clickCost": self._click_cost,
            "campaign_details": self._campaign_details,
            "campaign_check": self._campaign_check,
        }

    def answer(self, request: Request) -> Answer:
        if request.method != "POST":
            return Answer(405, content_type="text/plain")
        try:
            parameters, call = self._called(request.body)
            reply, effect = call(*parameters)
        except Uncallable as reason:
            return _fault(str(reason))
        return _xml(_response(_value(reply)), effect, self._delay(parameters))

    def _called(self, body: bytes) -> tuple[tuple[Any, ...], Callable[..., _Reply]]:
        """The parameters and our method for them; raises Uncallable."""
        parameters, name = _parse(body)
        method = self._methods.get(name or "")
        if method is None:
            raise Uncallable(f"no method {name}")
        try:
            signature(method).bind(*parameters)
        except TypeError as wrong:
            raise Uncallable(f"wrong parameters: {wrong}") from None
        return parameters, method

    def _delay(self, parameters: tuple[Any, ...]) -> float:
        slow = bool(parameters) and self._ledger.triggered(str(parameters[0]), Trigger.SLOW)
        return self._catalogue.settings.slow_ms if slow else 0

    def _add_click(self, offer_id: str, ip: str, at: object = None) -> _Reply:
        if not _is_uuid(offer_id):
            return _no("badly formed uuid"), None
        clicked_at = self._clock.now() if at is None else _instant(at)
        known = self._catalogue.offer(offer_id)
        item = Item("", offer_id.lower(), known.campaign if known else DEFAULT_CAMPAIGN, clicked_at, ip=str(ip))
        verdict = self._ledger.charge(item, self._clock.now(), "rpc")
        if verdict.charge is None:
            return _no(_text(verdict.refusal)), {"charged": 0, "refused": 1}
        cost = verdict.charge.cost_micros
        return (_yes(cost) if cost else _no("cost 0")), {"charged": 1, "refused": 0}

    def _click_cost(self, offer_id: str) -> _Reply:
        if not _is_uuid(offer_id):
            return _no("badly formed uuid"), None
        offer = self._catalogue.offer(offer_id)
        if offer is None:
            return _no("unknown offer"), None
        item = Item("", offer.id, offer.campaign, self._clock.now())
        return _yes(self._ledger.cost(item, offer)), None

    def _campaign_details(self, campaign_id: str) -> _Reply:
        """The facts with the offers; `false` for a campaign that is not known."""
        found = self._catalogue.campaign(str(campaign_id))
        if found is None:
            return False, None
        offers = [{"id": one.id, "title": one.title, "active": one.active} for one in found.offers.values()]
        return found.facts() | {"offers": offers}, None

    def _campaign_check(self, campaign_id: str) -> _Reply:
        """Whether the campaign can run: it is allowed and has an active offer."""
        found = self._catalogue.campaign(str(campaign_id))
        can_run = found is not None and found.may_run() and any(one.active for one in found.offers.values())
        return can_run, None


def _parse(body: bytes) -> tuple[tuple[Any, ...], str | None]:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Uncallable("document types are refused")
    try:
        return loads(body.decode(), use_builtin_types=True)
    except _ILL_FORMED as wrong:
        raise Uncallable(f"parse error: {wrong}") from None


def _instant(value: object) -> datetime:
    """The time parameter, text or dateTime; without an offset it is UTC. Raises Uncallable."""
    try:
        parsed = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise Uncallable("the time is no ISO time") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _is_uuid(text: object) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True


def _text(refusal: Refusal | None) -> str:
    return _TEXTS.get(refusal, "unknown offer") if refusal else ""


def _yes(cost_micros: int) -> dict[str, object]:
    return {"ok": True, "cost": Cost(cost_micros), "error": ""}


def _no(error: str) -> dict[str, object]:
    return {"ok": False, "cost": Cost(0), "error": error}


class Cost(int):
    """Micro-units, written as the decimal text of a `<double>` without passing through a float."""

    def xml(self) -> str:
        whole, micros = divmod(self, 1_000_000)
        return f"<double>{whole}.{f'{micros:06d}'.rstrip('0') or '0'}</double>"


def _fault(text: str) -> Answer:
    return _xml(f"<methodResponse><fault>{_value({'faultCode': 1, 'faultString': text})}</fault></methodResponse>")


def _response(value: str) -> str:
    return f"<methodResponse><params><param>{value}</param></params></methodResponse>"


def _value(value: object) -> str:
    return f"<value>{_typed(value)}</value>"


def _typed(value: object) -> str:
    match value:
        case Cost():
            return value.xml()
        case bool():
            return f"<boolean>{value:d}</boolean>"
        case int():
            return f"<int>{value}</int>"
        case dict():
            members = "".join(f"<member><name>{name}</name>{_value(one)}</member>" for name, one in value.items())
            return f"<struct>{members}</struct>"
        case list():
            return f"<array><data>{''.join(map(_value, value))}</data></array>"
    return f"<string>{escape(str(value))}</string>"


def _xml(body: str, effect: dict[str, Any] | None = None, delay_ms: float = 0) -> Answer:
    text = '<?xml version="1.0" encoding="utf-8"?>\n' + body
    return Answer(200, text.encode(), "text/xml; charset=utf-8", effect=effect, delay_ms=delay_ms)
