"""`POST /clicks`: a batch of keyed clicks, one result per item, in an order nobody may rely on."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import msgspec

from sandbox.adload.catalogue import Settings
from sandbox.adload.ledger import Item, Ledger, Refusal, Trigger, Verdict
from sandbox.wire import Answer, json_answer

MOST_ITEMS = 500


class Batch(msgspec.Struct, frozen=True):
    clicks: list[msgspec.Raw]


class KeyOnly(msgspec.Struct, frozen=True):
    click_id: str


_BATCH = msgspec.json.Decoder(Batch)
_ITEM = msgspec.json.Decoder(Item)
_KEY = msgspec.json.Decoder(KeyOnly)


def charge_batch(body: bytes, ledger: Ledger, settings: Settings, now: datetime, order: Random) -> Answer:
    """400 for what is no batch, 413 above 500 items, 422 for an item without a key; else 200."""
    try:
        batch = _BATCH.decode(body)
    except msgspec.DecodeError as wrong:
        return json_answer({"error": str(wrong)}, 400)
    if not 1 <= len(batch.clicks) <= MOST_ITEMS:
        return json_answer({"error": f"1 to {MOST_ITEMS} clicks"}, 413 if batch.clicks else 400)
    try:
        items = [_item(raw) for raw in batch.clicks]
    except msgspec.ValidationError as wrong:
        return json_answer({"error": str(wrong)}, 422)
    return _charge_all(items, ledger, settings, now, order)


def _item(raw: msgspec.Raw) -> Item | KeyOnly:
    """The item, or its key alone when the rest is wrong; raises ValidationError without a key."""
    try:
        return _ITEM.decode(raw)
    except msgspec.ValidationError:
        return _KEY.decode(raw)


def _charge_all(
    items: list[Item | KeyOnly], ledger: Ledger, settings: Settings, now: datetime, order: Random
) -> Answer:
    verdicts = [_verdict(item, ledger, now) for item in items]
    results = [_result(item, verdict, settings) for item, verdict in zip(items, verdicts, strict=True)]
    order.shuffle(results)
    slow = any(isinstance(item, Item) and ledger.triggered(item.offer, Trigger.SLOW) for item in items)
    return json_answer({"results": results}, effect=_effect(verdicts), delay_ms=settings.slow_ms if slow else 0)


def _verdict(item: Item | KeyOnly, ledger: Ledger, now: datetime) -> Verdict:
    return ledger.charge_once(item, now) if isinstance(item, Item) else Verdict(refusal=Refusal.BAD_REQUEST)


def _result(item: Item | KeyOnly, verdict: Verdict, settings: Settings) -> dict[str, Any]:
    if verdict.charge is None:
        return {"click_id": item.click_id, "status": "refused", "code": verdict.refusal}
    result = {
        "click_id": item.click_id,
        "status": "ok",
        "cost_micros": verdict.charge.cost_micros,
        "currency": verdict.charge.currency,
        "charge_id": verdict.charge.charge_id,
        "duplicate": verdict.duplicate,
    }
    return result if settings.rate_id is None else result | {"rate_id": settings.rate_id}


def _effect(verdicts: list[Verdict]) -> dict[str, int]:
    """For the journal: how many were charged, answered again, refused."""
    duplicate = sum(verdict.duplicate for verdict in verdicts)
    refused = sum(verdict.charge is None for verdict in verdicts)
    return {"charged": len(verdicts) - duplicate - refused, "duplicate": duplicate, "refused": refused}
