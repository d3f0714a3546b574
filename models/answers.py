"""What an answer about a domain makes of those before it: counted, believed, or too late to change anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from models.domain_states import Source, Verdict

BAD = frozenset({Verdict.SUSPECT, Verdict.UNSAFE})
CLEAN_APART = timedelta(seconds=60)
"""A domain that was confirmed as bad is safe again after two clean answers so far apart."""
CONFIRMED_AFTER = 2
SKEW = timedelta(minutes=1)
_OPINIONS = frozenset({Source.GSB, Source.DNS, Source.GSC})


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer of a source about a domain; `subject` is what was looked at, `live` that no cache had a part in it."""

    domain_id: int
    source: Source
    verdict: Verdict
    subject: str
    provider: str
    live: bool
    canary_ok: bool | None
    detail: Mapping[str, Any]
    observed_at: datetime
    expires_at: datetime
    cycle_id: int | None = None

    @property
    def key(self) -> tuple[int, Source]:
        """Whose state it is about."""
        return self.domain_id, self.source


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source sees a domain; a streak of 0 means that it was never asked."""

    verdict: Verdict
    evidence_id: int | None
    observed_at: datetime
    first_bad_at: datetime | None
    streak: int
    changed_at: datetime
    clean_since: datetime | None

    @property
    def known(self) -> Verdict | None:
        """The verdict, if there is one yet."""
        return self.verdict if self.streak else None

    @property
    def confirmed(self) -> bool:
        """Said to be bad more than once, so that one clean answer does not take it back."""
        return self.verdict is Verdict.UNSAFE and self.streak >= CONFIRMED_AFTER

    def repeats(self, finding: Finding) -> bool:
        """Whether this answer is the one that stands, come again."""
        return self.observed_at == finding.observed_at and self.known is finding.verdict


def after(before: Standing, finding: Finding, at: datetime) -> Standing | None:
    """How it stands with this answer; None if it changes nothing.

    A suspicion stands while nobody can tell. A state from the future is of a clock that was wrong, and is overruled.
    """
    if before.repeats(finding) or finding.observed_at < before.observed_at <= at + SKEW:
        return None
    if finding.verdict in BAD:
        return _bad(before, finding)
    if before.verdict in BAD:
        if finding.verdict is Verdict.UNKNOWN or not finding.live:
            return None
        if before.confirmed and finding.source in _OPINIONS and not _clean_for_long(before, finding.observed_at):
            seen = finding.observed_at
            return replace(before, observed_at=seen, clean_since=before.clean_since or seen)
    return _moved(replace(before, first_bad_at=None), finding.verdict, finding.observed_at)


def worth_a_row(before: Standing, now: Standing, finding: Finding) -> bool:
    """Every bad answer, every change, and the first clean answer on the way back."""
    first_clean = now.clean_since is not None and before.clean_since is None
    return finding.verdict in BAD or now.verdict is not before.known or first_clean


def _bad(before: Standing, finding: Finding) -> Standing:
    verdict = Verdict.UNSAFE if before.confirmed else finding.verdict
    seen = finding.observed_at
    return _moved(replace(before, first_bad_at=before.first_bad_at or seen), verdict, seen)


def _moved(before: Standing, verdict: Verdict, seen: datetime) -> Standing:
    alike = before.verdict is verdict or {before.verdict, verdict} <= BAD
    changed_at = before.changed_at if before.known is verdict else seen
    streak = before.streak + 1 if alike else 1
    return replace(before, verdict=verdict, observed_at=seen, streak=streak, changed_at=changed_at, clean_since=None)


def _clean_for_long(before: Standing, seen: datetime) -> bool:
    return before.clean_since is not None and seen - before.clean_since >= CLEAN_APART
