"""The shortest story of a click that went wrong: what the visitor saw, what was killed around it, what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.chaos.checker import Row, Verdict
from bench.chaos.nemesis import Deed
from bench.journal import Record

_TOLD = 3
_NEAR_SECONDS = 3.0


def stories(verdict: Verdict, record: Record, rows: Sequence[Row], deeds: Sequence[Deed]) -> list[str]:
    """One line for each of the first bad visits of each kind."""
    kinds: dict[str, list[int]] = {
        "LOST": verdict.lost,
        "DUPLICATED": verdict.duplicated,
        "UNDECIDED": verdict.undecided,
        "MISLED": verdict.misled,
    }
    told = [(kind, number) for kind, numbers in kinds.items() for number in numbers[:_TOLD]]
    return [_story(kind, number, record, [row for row in rows if row.number == number], deeds) for kind, number in told]


def _story(kind: str, number: int, record: Record, stored: Sequence[Row], deeds: Sequence[Deed]) -> str:
    attempted = record.attempts[number]
    parts = [f"{kind} visit {number}: attempt {attempted:.3f}", _answer(record, number)]
    parts += [_deed(deed) for deed in deeds if abs(deed.t - attempted) < _NEAR_SECONDS]
    parts += [f"stored {row.kind} {row.click_id}" for row in stored] or ["stored: NEVER"]
    return " | ".join(parts)


def _answer(record: Record, number: int) -> str:
    answer = record.answers.get(number)
    if answer is None:
        return f"no answer ({record.failures.get(number, 'still open')})"
    return f"ack {answer.at:.3f} {answer.status} {answer.location}"


def _deed(deed: Deed) -> str:
    return f"{deed.do.value} {deed.target} {deed.t:.3f}" + ("" if deed.found else " (was gone)")


def listed(violations: dict[str, Sequence[Any]], most: int = 20) -> dict[str, list[str]]:
    """The first items of each violation as text, for the report."""
    return {name: [str(item) for item in items[:most]] for name, items in violations.items()}
