"""Why a click was counted, refused or parked: the six steps of its way, with the limits of that moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from core.ads.outcomes import NUMBERS, SENTENCES, SENTENCES_OF_FAULTS, Reason
from models import click_trace
from models.click_trace import Trace
from models.fields import decimal_text


class Verdict(StrEnum):
    """Where a click stands."""

    COUNTED = "counted"
    REJECTED = "rejected"
    ERROR = "error"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was compared and how it went; `stopped` marks the one that decided, `then` what followed."""

    name: str
    text: str
    stopped: bool = False
    then: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A click's verdict and steps; `code` is the reason or fault, money in micro-units; `archived`: no longer live."""

    click_id: UUID
    verdict: Verdict
    code: str | None
    number: int | None
    clicked_at: datetime
    publisher_cost: int | None
    network_income: int | None
    steps: tuple[Step, ...]
    archived: bool = False


_STEPS = ("blacklist", "same address", "link age", "limit", "AdLoad", "record")
_STOPS_AT = {
    Reason.BLACKLISTED: 0,
    Reason.TOKEN_INVALID: 1,
    Reason.IP_MISMATCH: 1,
    Reason.LINK_EXPIRED: 2,
    Reason.CLOCK_SKEW: 2,
}
_LIMIT = 3


def explain(click_id: UUID) -> Explanation | None:
    """The explanation of a click; None when nothing is stored under this id."""
    trace = click_trace.find(click_id)
    found = _explained(click_id, trace)
    return replace(found, archived=True) if found and trace.archived else found


def _explained(click_id: UUID, trace: Trace) -> Explanation | None:
    if trace.rejected:
        return _rejected(click_id, trace)
    if trace.click and trace.click.state != "void":
        return _recorded(click_id, trace)
    return _failed(click_id, trace) if trace.error else None


def _rejected(click_id: UUID, trace: Trace) -> Explanation:
    row: Any = trace.rejected
    stop = _STOPS_AT.get(row.reason_code, _LIMIT)
    passed = [_passed(place, trace, row.view_ms) for place in range(stop)]
    deciding = Step(_STEPS[stop], _refusal(row), True, _consequence(row, trace))
    skipped = [Step(name, "not asked") for name in _STEPS[stop + 1 : 5]]
    steps = (*passed, deciding, *skipped, Step(_STEPS[5], "click_rejected"))
    number = NUMBERS.get(row.reason_code)
    return Explanation(click_id, Verdict.REJECTED, row.reason_code, number, row.clicked_at, None, None, steps)


def _refusal(row: Any) -> str:
    write = _SENTENCES.get(row.reason_code)
    if write:
        return write(row.detail.get("rule"), row.detail.get("measured"), row)
    rule, measured = row.detail.get("rule"), row.detail.get("measured")
    if "hours" in row.detail:
        return f"no. {measured} of {rule} in {row.detail['hours']} h"
    return f"{SENTENCES[row.reason_code]}: {measured}, limit {rule}"


def _seconds(value: Any) -> str:
    return f"{-int(value)} s"


def _minutes(seconds: Any) -> str:
    return f"{int(seconds) // 60} min"


_SENTENCES: dict[str, Callable[[Any, Any, Any], str]] = {
    Reason.BLACKLISTED: lambda rule, measured, row: (
        f"{measured} listed since {row.detail.get('since')} for {row.detail.get('listed_for')}"
    ),
    Reason.TOKEN_INVALID: lambda rule, measured, row: f"{measured}; needs {rule}",
    Reason.IP_MISMATCH: lambda rule, measured, row: f"link tag {rule}, {row.actor_net} gives {measured}",
    Reason.LINK_EXPIRED: lambda rule, measured, row: f"{_minutes(measured)} of {_minutes(rule)}",
    Reason.CLOCK_SKEW: lambda rule, measured, row: (
        f"issued {_seconds(measured)} after the click, at most {_seconds(rule)} allowed"
    ),
}


def _consequence(row: Any, trace: Trace) -> str:
    days = trace.rules.get("blacklist_days", 28)
    listed = row.detail.get("listed")
    return f"{listed} blacklisted until {days} days without violation" if listed else ""


def _passed(place: int, trace: Trace, view_ms: int) -> Step:
    ttl = trace.rules.get("link_ttl_seconds")
    texts = (
        "not listed",
        "link's network = click's network",
        f"{view_ms // 60_000} min" + (f" of {_minutes(ttl)}" if ttl else ""),
    )
    return Step(_STEPS[place], texts[place])


def _recorded(click_id: UUID, trace: Trace) -> Explanation:
    row: Any = trace.click
    waits = row.state == "pending"
    steps = (
        *(_passed(place, trace, row.view_ms) for place in range(3)),
        Step("limit", _limit(row, trace)),
        Step("AdLoad", _charge(row), waits),
        Step("record", _record(row, trace)),
    )
    income = None if waits else row.advertiser_cost - row.partner_cost
    verdict = Verdict.PENDING if waits else Verdict.COUNTED
    return Explanation(click_id, verdict, None, None, row.clicked_at, row.partner_cost, income, steps)


def _limit(row: Any, trace: Trace) -> str:
    if not row.day_count:
        return "not checked, the filter is switched off"
    most, hours = trace.rules.get("max_clicks_per_day"), trace.rules.get("limit_window_hours")
    return f"no. {row.day_count} of {most} in {hours} h"


def _charge(row: Any) -> str:
    if row.state == "pending":
        failure = f", last failure {row.last_failure}" if row.last_failure else ""
        return f"waits for an answer, {row.attempts} failed attempts{failure}"
    if not row.is_unique:
        return "not asked, the offer was clicked before"
    return f"charged {decimal_text(row.advertiser_cost)}" + (", social" if row.is_social else "")


def _record(row: Any, trace: Trace) -> str:
    if row.state == "pending":
        return "not yet"
    if trace.price is None:
        return f"click, publisher +{decimal_text(row.partner_cost)}"
    return f"click, publisher +{decimal_text(row.partner_cost)} by price {trace.price.id} ({trace.price.kind})"


def _failed(click_id: UUID, trace: Trace) -> Explanation:
    error: Any = trace.error
    sentence = SENTENCES_OF_FAULTS.get(error.code, error.code)
    text = sentence if error.message == sentence else f"{sentence}; {error.message}"
    if error.stage == "charge":
        view_ms = trace.click.view_ms if trace.click else 0
        first = [_passed(place, trace, view_ms) for place in range(2)]
        before = (*first, Step("link age", "young enough"), Step("limit", "within the limits"))
        steps = (*before, Step("AdLoad", text, True), Step("record", f"click_error, {error.state}"))
    else:
        steps = (Step(error.stage, text, True), Step("record", f"click_error, {error.state}"))
    return Explanation(click_id, Verdict.ERROR, error.code, None, error.clicked_at, None, None, steps)
