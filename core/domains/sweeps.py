"""What all sweeps over active domains come to: answers stored, blocks to order, or everything held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from config.clock import now
from core.domains import brakes, holds
from core.domains.cases import RECENT, limits
from models import cycles, evidence, pipeline_writes
from models import sweeps as rows
from models.answers import Finding
from models.cycles import Action
from models.domain_states import Reason, Source, Verdict
from models.evidence import Stored
from models.sweeps import Target

HOLD_REASON = "blast_radius"


@dataclass(frozen=True, slots=True)
class Block:
    """An active domain that is to be blocked, and the answer that says so."""

    domain: str
    reason: Reason
    evidence_id: int


@dataclass(frozen=True, slots=True)
class Wide:
    """So many active domains are bad at once that nobody is switched and everything is held."""

    bad: tuple[str, ...]
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep came to; `blind_since` is None if it saw something.

    `freed` are pipelines of recovered domains that no brake holds, but perhaps a person.
    """

    source: Source
    asked: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    blocks: tuple[Block, ...] = ()
    wide: Wide | None = None
    recovered: tuple[str, ...] = ()
    freed: tuple[str, ...] = ()
    blind_since: datetime | None = None


def settle(
    source: Source, reason: Reason, active: Sequence[Target], findings: Sequence[Finding], *, cycle_id: int,
    canary_ok: bool,
) -> Swept:  # fmt: skip
    """Store what a sweep has found and end its cycle, in the caller's transaction; what is to follow.

    `active` is every active domain, `findings` at most one answer about each. The number of statements does not
    depend on theirs.
    """
    names = {target.domain_id: target.domain for target in active}
    stored = evidence.store(findings)
    blocks = [_block(one, reason, names) for one in stored if canary_ok and _calls_for_it(one)]
    wide = _wide(names, {names[one.domain_id] for one in findings if one.verdict in evidence.BAD}) if blocks else None
    recovered = _recovered(stored)
    better = [target for target in active if target.domain_id in recovered]
    cycles.end(cycle_id, [one.verdict for one in findings], canary_ok=canary_ok, action=_action(canary_ok, wide))
    return Swept(
        source=source, asked=len(findings), verdicts=Counter(one.verdict for one in findings),
        blocks=() if wide else tuple(blocks), wide=wide, recovered=tuple(target.domain for target in better),
        freed=tuple(target.pipeline for target in better if target.held_by != holds.SYSTEM),
        blind_since=None if canary_ok else cycles.blind_since(source),
    )  # fmt: skip


def _calls_for_it(stored: Stored) -> bool:
    return stored.finding.verdict is Verdict.UNSAFE and stored.evidence_id is not None


def _block(stored: Stored, reason: Reason, names: dict[int, str]) -> Block:
    assert stored.evidence_id is not None, "asked for by the caller"
    return Block(names[stored.finding.domain_id], reason, stored.evidence_id)


def _action(canary_ok: bool, wide: Wide | None) -> Action:
    if not canary_ok:
        return Action.BLIND
    return Action.HELD if wide else Action.ACTED


def _wide(names: dict[int, str], bad_now: Collection[str]) -> Wide | None:
    """Hold everything if the sweep, with what went bad shortly before it, is too wide to be believed."""
    at = now()
    lately = rows.bad_lately(at - RECENT)
    bad = sorted({*bad_now, *(names[number] for number in lately if number in names)})
    released_until = pipeline_writes.control().released_until
    if not brakes.too_wide(len(bad), len(names), limits()) or (released_until and released_until > at):
        return None
    holds.hold_all_by_itself(HOLD_REASON)
    return Wide(tuple(bad), len(names))


def _recovered(stored: Sequence[Stored]) -> set[int]:
    """Domains that this source calls safe again, and that no other source calls bad."""
    better = {one.finding.domain_id for one in stored if one.recovered}
    return better - rows.still_bad(better) if better else better
