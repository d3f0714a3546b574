"""The story of one click as lines: what became of it, then each step with the values and limits of that moment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.ads.explain import Explanation, Step
from models.fields import decimal_text


def record(found: Explanation) -> dict[str, Any]:
    """The explanation as plain values; money in micro-units."""
    return {**asdict(found), "verdict": found.verdict.value}


def lines(found: Explanation) -> list[str]:
    """The explanation for a person."""
    return [_headline(found), *(_line(number, step) for number, step in enumerate(found.steps, 1))]


def _headline(found: Explanation) -> str:
    code = f" {found.code}" if found.code else ""
    number = f" ({found.number})" if found.number else ""
    head = f"click {found.click_id}  {found.verdict.value.upper()}{code}{number}  {found.clicked_at:%Y-%m-%d %H:%M:%SZ}"
    head += "  archived" if found.archived else ""
    if found.publisher_cost is None or found.network_income is None:
        return head
    return f"{head}  publisher +{decimal_text(found.publisher_cost)}  network +{decimal_text(found.network_income)}"


def _line(number: int, step: Step) -> str:
    stop = "  -> decided here" if step.stopped else ""
    then = f", then: {step.then}" if step.then else ""
    return f"  {number} {step.name:<13} {step.text}{stop}{then}"
