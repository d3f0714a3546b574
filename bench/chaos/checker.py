"""The judge: the visitors' journal against the rows in the database, by the number that each visit carries."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.journal import Answer, Record
from bench.world import CLICKS_PER_DAY, DESTINATION, Visit

_NUMBER = re.compile(r"[?&]n=(\d+)(?:&|$)")
COUNTED, REJECTED, ERROR, PENDING = "counted", "rejected", "error", "pending"


@dataclass(frozen=True, slots=True)
class Row:
    """One row in a store of clicks: its id, which store, and the address the visitor was sent to."""

    click_id: str
    kind: str
    url: str

    @property
    def number(self) -> int | None:
        """The visit it belongs to; None if the address carries no number."""
        found = _NUMBER.search(self.url)
        return int(found[1]) if found else None


@dataclass
class Verdict:
    """Numbers of visits by what became of them; an empty `violations()` means that every promise was kept."""

    attempted: int = 0
    acknowledged: int = 0
    recovered: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    duplicated: list[int] = field(default_factory=list)
    undecided: list[int] = field(default_factory=list)
    misled: list[int] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misjudged: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def violations(self) -> dict[str, list[int] | list[str]]:
        """What was broken, by the invariant's number and name."""
        found: dict[str, list[int] | list[str]] = {
            "I1 lost": self.lost,
            "I1 unexpected": self.unexpected,
            "I2 duplicated": self.duplicated,
            "I2 undecided": self.undecided,
            "I4 misjudged": self.misjudged,
            "P1 misled visitor": self.misled,
        }
        return {name: items for name, items in found.items() if items}


def judge(record: Record, rows: Iterable[Row], visits: Mapping[int, Visit]) -> Verdict:
    """Compare what visitors were told with what is stored after everything has been drained."""
    verdict = Verdict(attempted=len(record.attempts), acknowledged=len(record.answers))
    stored = _by_visit(rows, record, verdict)
    for number in sorted(record.attempts):
        _judge_visit(verdict, number, stored.get(number, ()), record.answers.get(number))
    verdict.misjudged = _misjudged(stored, visits)
    return verdict


def _by_visit(rows: Iterable[Row], record: Record, verdict: Verdict) -> dict[int, list[Row]]:
    stored: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        verdict.outcomes[row.kind] += 1
        if row.number is None or row.number not in record.attempts:
            verdict.unexpected.append(row.click_id)
        else:
            stored[row.number].append(row)
    return stored


def _judge_visit(verdict: Verdict, number: int, stored: Sequence[Row], answer: Answer | None) -> None:
    if answer and not _rightly_sent(answer, number):
        verdict.misled.append(number)
    if len(stored) > 1:
        verdict.duplicated.append(number)
    if any(row.kind == PENDING for row in stored):
        verdict.undecided.append(number)
    if answer and not stored:
        verdict.lost.append(number)
    if stored and not answer:
        verdict.recovered.append(number)


def _rightly_sent(answer: Answer, number: int) -> bool:
    wanted = DESTINATION.format(number)
    return answer.status == 302 and (answer.location == wanted or answer.location.startswith(f"{wanted}&"))


def _misjudged(stored: Mapping[int, Sequence[Row]], visits: Mapping[int, Visit]) -> list[str]:
    """Addresses of which not exactly the allowed number is counted: redelivery must neither punish nor reward.

    Every link of the bench is good, so of an address's clicks the day's limit is counted and the rest refused;
    which ones depends on the order of arrival. Addresses with an error or an open click prove nothing here.
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    for number, rows in stored.items():
        kinds[visits[number].address] += [row.kind for row in rows]
    return [address for address, found in kinds.items() if not _fair(found)]


def _fair(kinds: Sequence[str]) -> bool:
    return bool({ERROR, PENDING} & set(kinds)) or kinds.count(COUNTED) == min(CLICKS_PER_DAY, len(kinds))
