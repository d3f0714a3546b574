"""Asking AdLoad for pending clicks and recording its answers; no transaction is open while it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from config.clock import now
from config.settings import get_settings
from core.ads import clicks as messages
from core.ads import days, finished, pricing
from core.ads.candidate import Candidate, Informer
from core.ads.decision import price_override
from core.ads.facts import price_map
from core.ads.outcomes import ALARMING, SENTENCES_OF_FAULTS, Stage, Tally
from core.ads.recording import mark
from integrations.adload.port import AdLoad, Charge, ChargeReply, ChargeStatus, OutcomeCode
from models import charges, click_writes, conflicts, pending
from models.fields import day, instant

FIRST_ATTEMPT_AFTER = timedelta(minutes=2)
"""Longer than an attempt may take, so that nobody repeats one that is under way."""
_BACKOFF = timedelta(minutes=1)
_LONGEST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Due:
    """A pending click and what one attempt needs; `started` is a charge of which nobody knows the outcome."""

    day: date
    id: str
    at: int
    charge: Charge
    price: pricing.Price | None
    campaign_id: int
    informer_id: int
    created_at: datetime
    attempts: int
    started: bool
    payload: str


@dataclass(frozen=True, slots=True)
class Terms:
    """How long AdLoad is asked, and by which zone days are counted."""

    zone: str
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended: `done` with costs, `void` with a fault, or still `pending` with a failure."""

    due: Due
    state: str
    advertiser_cost: int | None = None
    partner_cost: int | None = None
    charge_id: str | None = None
    code: str | None = None
    next_attempt_at: datetime | None = None


def due_of(candidate: Candidate, created_at: datetime) -> Due:
    """A click that was decided a moment ago."""
    click, offer, informer = candidate.click, candidate.offer, candidate.informer
    assert offer is not None
    assert informer is not None
    campaign = _uuid(offer.adload_id or "") or UUID(offer.campaign_guid)
    override = price_override(offer.prices, informer)
    charge = Charge(
        click.click_id, _known_uuid(offer.guid), campaign, click.clicked_at, candidate.social, informer.percent_bp,
        override, click.ip,
    )  # fmt: skip
    payload = messages.encode(click).decode()
    return Due(
        candidate.day, candidate.id, candidate.at, charge, candidate.price, offer.campaign_id, informer.id, created_at,
        0, False, payload,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _known_uuid(text: str) -> UUID:
    return UUID(text)


def claim(candidates: Sequence[Candidate], adload: AdLoad) -> list[Due]:
    """Clicks of an earlier delivery, for another attempt; without idempotency only those that are overdue."""
    at, once = now(), not adload.idempotent
    keys = [(candidate.day, candidate.id) for candidate in candidates]
    return _load(pending.claim_named(keys, at, at + FIRST_ATTEMPT_AFTER, start=once, early=not once))


def claim_due(adload: AdLoad, limit: int) -> list[Due]:
    """Up to `limit` clicks whose next attempt is due; nobody else gets them for two minutes."""
    at = now()
    return _load(pending.claim_due(at, at + FIRST_ATTEMPT_AFTER, limit, start=not adload.idempotent))


def _load(claimed: list[tuple[Any, ...]]) -> list[Due]:
    if not claimed:
        return []
    started = {str(click_id): bool(flag) for _, click_id, flag in claimed}
    rows = pending.load([row[:2] for row in claimed])
    return [_due(row, started[str(row[1])]) for row in rows]


def _due(row: tuple[Any, ...], started: bool) -> Due:
    click_day, click_id, clicked_at, ip, social, attempts, created_at, payload, *parties = row
    offer_guid, campaign_id, campaign_guid, adload_id, prices, informer_id, informer_guid, percent_bp, *price = parties
    informer = Informer(informer_id, str(informer_guid), False, 0, "", 0, percent_bp)
    charge = Charge(
        UUID(str(click_id)), _known_uuid(str(offer_guid)), _uuid(adload_id or "") or UUID(str(campaign_guid)),
        instant(clicked_at), bool(social), percent_bp, price_override(price_map(prices), informer), ip or "",
    )  # fmt: skip
    fixed = pricing.Price._make(price) if price[0] is not None else None
    at = days.microseconds(charge.clicked_at)
    return Due(
        day(click_day), str(click_id), at, charge, fixed, campaign_id, informer_id, instant(created_at), attempts,
        started, payload or "{}",
    )  # fmt: skip


def settle(dues: Sequence[Due], adload: AdLoad, terms: Terms) -> Tally:
    """Ask AdLoad for these clicks and record each answer; one click's failure does not touch the others."""
    lost = [due for due in dues if due.started and not adload.idempotent]
    asked = [due for due in dues if not due.started or adload.idempotent]
    replies = adload.add_clicks([due.charge for due in asked]) if asked else []
    by_id = {reply.click_id: reply for reply in replies}
    at = now()
    results = [_result(due, by_id.get(due.charge.click_id), at, terms) for due in asked]
    results += [Result(due, "void", code=OutcomeCode.UNKNOWN_OUTCOME) for due in lost]
    changed = conflicts.transaction(lambda: _store(results, terms, at)) if results else set()
    tally = _count(results, changed)
    if get_settings().click_events:
        done = (result for result in results if result.state == "done" and result.due.id in changed)
        tally.done += map(finished.of_result, done)
    return tally


def _result(due: Due, reply: ChargeReply | None, at: datetime, terms: Terms) -> Result:
    if reply is None:
        return _postponed(due, OutcomeCode.BAD_REPLY, at, terms)
    if reply.status is ChargeStatus.OK:
        return _charged(due, reply)
    code = reply.code or OutcomeCode.OTHER
    if reply.status is ChargeStatus.REFUSED or code is OutcomeCode.UNKNOWN_OUTCOME:
        return Result(due, "void", code=code)
    return _postponed(due, code, at, terms)


def _charged(due: Due, reply: ChargeReply) -> Result:
    cost = reply.cost_micros
    if due.price is None:
        return Result(due, "void", code=OutcomeCode.BAD_REPLY) if cost else Result(due, "done", 0, 0, reply.charge_id)
    if not cost:
        return Result(due, "void", code=OutcomeCode.ZERO_COST)
    return Result(due, "done", cost, pricing.partner_cost(due.price, cost), reply.charge_id)


def _postponed(due: Due, code: OutcomeCode, at: datetime, terms: Terms) -> Result:
    final = code if code in (OutcomeCode.TIMEOUT, OutcomeCode.BAD_REPLY) else OutcomeCode.UNREACHABLE
    if at - due.created_at >= terms.longest:
        return Result(due, "void", code=final)
    wait = min(_BACKOFF * 2 ** min(due.attempts, 10), _LONGEST)
    return Result(due, "pending", code=final, next_attempt_at=at + wait)


def _store(results: Iterable[Result], terms: Terms, at: datetime) -> set[str]:
    """Record what still waits; another process may have been faster. The ids that this call has changed."""
    ordered = sorted(results, key=lambda result: result.due.id)
    changed = pending.finish([_row(result) for result in ordered], at)
    mine = [result for result in ordered if result.due.id in changed]
    void = [result for result in mine if result.state == "void"]
    done = [result for result in mine if result.state == "done"]
    if void:
        click_writes.insert_errors([_error_row(result) for result in void], at)
        charges.add_clicks(_taken_back(void, terms.zone))
    if done:
        click_writes.settle_errors([(result.due.day, result.due.id) for result in done], at, "replay")
    mark((result.due.at for result in (*done, *void)), terms.zone, at)
    return changed


def _row(result: Result) -> tuple[Any, ...]:
    waits = result.state == "pending"
    return (
        result.due.day, result.due.id, result.state, result.advertiser_cost, result.partner_cost, result.charge_id,
        int(waits), result.next_attempt_at, result.code if waits else None, not waits,
    )  # fmt: skip


def _error_row(result: Result) -> tuple[Any, ...]:
    due, code = result.due, str(result.code)
    state = "unknown" if code == OutcomeCode.UNKNOWN_OUTCOME else "open"
    return (
        due.day, due.id, due.charge.clicked_at, due.campaign_id, due.informer_id, Stage.CHARGE.value, code,
        SENTENCES_OF_FAULTS[code], due.payload, due.attempts + 1, state,
    )  # fmt: skip


def _taken_back(void: Iterable[Result], zone: str) -> dict[tuple[int, str], int]:
    counts: dict[tuple[int, str], int] = {}
    for result in void:
        key = (result.due.campaign_id, str(days.stat_day(result.due.at, zone)))
        counts[key] = counts.get(key, 0) - 1
    return counts


def _count(results: Iterable[Result], changed: set[str]) -> Tally:
    tally = Tally()
    for result in results:
        if result.due.id not in changed:
            tally.add("duplicate")
        elif result.state == "void":
            tally.add(f"error.{result.code}")
            if result.code in ALARMING:
                tally.alarm(str(result.code))
        elif result.state == "pending":
            tally.add("pending")
        else:
            tally.add("counted" if result.due.price else "social")
    return tally
