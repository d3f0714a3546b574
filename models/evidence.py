"""Answers about domains: the latest one of each source, and a row for every bad one and for every change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from config.clock import now
from models import answers, bulk
from models.answers import BAD, Finding, Standing
from models.database import is_postgres
from models.domain_states import Source, Verdict
from models.fields import bind, instant

__all__ = ["BAD", "Finding", "Stored", "row_key", "store", "write", "write_once"]

LONGEST_DETAIL = 16_000
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS = bulk.Rows("domain_id int, source text")
_MEET = """
insert into domain_state (domain_id, source, verdict, observed_at, streak, changed_at)
select domain_id, source, 'unknown', {instant}, 0, {instant} from {rows} where true
on conflict (domain_id, source) do nothing
"""
_READ = """
select s.domain_id, s.source, s.verdict, s.evidence_id, s.observed_at, s.first_bad_at, s.streak, s.changed_at,
    s.clean_since
from domain_state s join {rows} on s.domain_id = v.domain_id and s.source = v.source
order by s.domain_id, s.source
"""
_EVIDENCE = bulk.Rows(
    "domain_id int, source text, verdict text, subject text, provider text, live bool, cycle_id int, canary_ok bool, "
    "detail json, observed_at instant, expires_at instant"
)
_ADD = """
insert into domain_evidence (domain_id, source, verdict, subject, provider, live, cycle_id, canary_ok, detail,
    observed_at, expires_at)
select domain_id, source, verdict, subject, provider, live, cycle_id, canary_ok, detail, observed_at, expires_at
from {rows} where true returning id, domain_id, source, verdict, subject, observed_at
"""
_ADD_ONCE = _ADD.replace(
    "where true",
    "where not exists (select 1 from domain_evidence e where e.domain_id = v.domain_id and e.source = v.source "
    "and e.verdict = v.verdict and e.subject = v.subject and e.observed_at = v.observed_at)",
)
_STATES = bulk.Rows(
    "domain_id int, source text, verdict text, evidence_id int, observed_at instant, first_bad_at instant, "
    "streak int, changed_at instant, clean_since instant"
)
_KEEP = """
update domain_state set verdict = v.verdict, evidence_id = v.evidence_id, observed_at = v.observed_at,
    first_bad_at = v.first_bad_at, streak = v.streak, changed_at = v.changed_at, clean_since = v.clean_since
from {rows} where domain_state.domain_id = v.domain_id and domain_state.source = v.source
"""
_Key = tuple[int, Source]
_RowKey = tuple[int, str, str, str, datetime]


@dataclass(frozen=True, slots=True)
class Stored:
    """What an answer has come to: `verdict` is what stands now, `before` what stood (None: nothing was known).

    `streak` counts answers of this kind in a row. `evidence_id` is None if nothing was worth a row of its own.
    """

    finding: Finding
    evidence_id: int | None
    before: Verdict | None
    streak: int
    verdict: Verdict

    @property
    def recovered(self) -> bool:
        """A domain that was suspected is safe again."""
        return self.before in BAD and self.verdict is Verdict.SAFE


@dataclass(frozen=True, slots=True)
class _Move:
    """One answer beside the states before and after it; `after` is None if nothing changed."""

    finding: Finding
    before: Standing
    after: Standing | None

    @property
    def noted(self) -> bool:
        return self.after is not None and answers.worth_a_row(self.before, self.after, self.finding)


def store(findings: Sequence[Finding]) -> list[Stored]:
    """Keep answers in the caller's transaction, with a constant number of statements; one result for each, in order.

    An answer that is older than the one that stands changes nothing, nor does the same one again. A suspicion stands
    while nobody can tell, and a confirmed one until two clean live answers take it back.
    """
    if not findings:
        return []
    states = _held({one.key for one in findings})
    latest = {key: state.evidence_id for key, state in states.items()}
    moves = [_move(states, one, now()) for one in findings]
    rows = write(move.finding for move in moves if move.noted)
    results = [_result(move, rows, latest) for move in moves]
    changed = {move.finding.key for move in moves if move.after is not None}
    _keep({key: replace(states[key], evidence_id=latest[key]) for key in changed})
    return results


def write(findings: Iterable[Finding]) -> dict[_RowKey, int]:
    """Rows of evidence alone, which change nothing about how a domain stands; their ids by `row_key`."""
    values = [_values(one) for one in findings]
    if not values:
        return {}
    return {(int(made[1]), *made[2:5], instant(made[5])): int(made[0]) for made in _EVIDENCE.fetch(_ADD, values)}


def write_once(findings: Iterable[Finding]) -> int:
    """The same for answers that may have been written before, such as those of a cache; how many were new."""
    values = [_values(one) for one in findings]
    return len(_EVIDENCE.fetch(_ADD_ONCE, values)) if values else 0


def row_key(finding: Finding) -> _RowKey:
    """Which row an answer became."""
    return (
        finding.domain_id, finding.source.value, finding.verdict.value, _text(finding.subject), finding.observed_at,
    )  # fmt: skip


def _held(keys: set[_Key]) -> dict[_Key, Standing]:
    """The states of these domains, made if need be and locked until the transaction ends, in one order for all."""
    wanted = sorted((domain_id, source.value) for domain_id, source in keys)
    _KEYS.run(_MEET, wanted, before=(bind(_NEVER), bind(_NEVER)))
    rows = _KEYS.fetch(_READ + (" for update of s" if is_postgres() else ""), wanted)
    return {(int(row[0]), Source(row[1])): _standing(row[2:]) for row in rows}


def _standing(row: Sequence[Any]) -> Standing:
    verdict, evidence_id, observed_at, first_bad_at, streak, changed_at, clean_since = row
    return Standing(
        Verdict(verdict), evidence_id, instant(observed_at), _instant(first_bad_at), int(streak),
        instant(changed_at), _instant(clean_since),
    )  # fmt: skip


def _instant(value: Any) -> datetime | None:
    return None if value is None else instant(value)


def _move(states: dict[_Key, Standing], finding: Finding, at: datetime) -> _Move:
    before = states[finding.key]
    made = _Move(finding, before, answers.after(before, finding, at))
    states[finding.key] = made.after or before
    return made


def _result(move: _Move, rows: Mapping[_RowKey, int], latest: dict[_Key, int | None]) -> Stored:
    """An answer that came again is told with the row that it has."""
    finding, stands = move.finding, move.after or move.before
    row = rows[row_key(finding)] if move.noted else None
    if row is not None and finding.verdict is stands.verdict:
        latest[finding.key] = row
    if move.after is None and move.before.repeats(finding):
        row = latest[finding.key]
    return Stored(finding, row, move.before.known, stands.streak, stands.verdict)


def _keep(changed: Mapping[_Key, Standing]) -> None:
    rows = [
        (domain_id, source.value, state.verdict.value, state.evidence_id, state.observed_at, state.first_bad_at,
         state.streak, state.changed_at, state.clean_since)
        for (domain_id, source), state in sorted(changed.items())
    ]  # fmt: skip
    if rows:
        _STATES.run(_KEEP, rows)


def _values(finding: Finding) -> Sequence[Any]:
    return (
        finding.domain_id, finding.source.value, finding.verdict.value, _text(finding.subject),
        _text(finding.provider), finding.live, finding.cycle_id, finding.canary_ok, _detail(finding.detail),
        finding.observed_at, finding.expires_at,
    )  # fmt: skip


def _detail(detail: Mapping[str, Any]) -> str:
    """The details as JSON; what would be too long for a row is left out whole."""
    text = orjson.dumps(_storable(dict(detail)), default=str)
    return text.decode() if len(text) <= LONGEST_DETAIL else orjson.dumps({"left_out_bytes": len(text)}).decode()


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(name)): _storable(one) for name, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value


def _text(value: str) -> str:
    """Without what no database can hold: the outside may say anything."""
    return value.encode("utf-8", "replace").decode().replace("\x00", "")
