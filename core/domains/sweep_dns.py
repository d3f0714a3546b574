"""The sweep of DNS: rounds of votes on active domains, of which only the last in a row speaks against one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from config.clock import now
from config.settings import get_settings
from core.domains import dns_round, dns_votes, sweeps
from core.domains.brakes import MAX_AGE
from core.domains.dns_round import Round
from core.domains.dns_votes import Resolution, Vote
from core.domains.sweeps import Swept
from models import cycles
from models import sweeps as rows
from models.answers import BAD, Finding
from models.domain_states import Reason, Source, Verdict
from models.sweeps import Target

AGAIN_SECONDS = 60
"""How soon a name is asked about again that nobody could tell anything about."""
BROKEN_AFTER = timedelta(minutes=15)
_EARLY = timedelta(seconds=1)
_MOST_ADDRESSES = 10
_VERDICTS = {Resolution.RESOLVABLE: Verdict.SAFE, Resolution.UNKNOWN: Verdict.UNKNOWN}


class Fault(StrEnum):
    """What is wrong with a name that is told and never acted on; the word is the kind of its incident."""

    BROKEN = "dns_broken"
    SINKHOLED = "dns_sinkholed"
    MISPOINTED = "dns_mispointed"
    DIFFERING = "dns_differing"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the resolvers said about the chosen ones of the active domains; nothing of it is stored yet.

    `named` says that only some names were asked for.
    """

    active: Sequence[Target]
    chosen: Sequence[Target]
    named: bool
    round: int
    found: Round
    at: datetime
    cycle_id: int


@dataclass(frozen=True, slots=True)
class Next:
    """Names to ask about again, after so many seconds; None means all of them."""

    domains: tuple[str, ...] | None
    round: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Remark:
    """A fault of a name, and how the resolvers voted."""

    fault: Fault
    target: Target
    vote: Vote


@dataclass(frozen=True, slots=True)
class Resolutions:
    """What the round came to; `fine` are names that a resolver knew, `open` the others, `whole` that all were asked."""

    swept: Swept
    nexts: tuple[Next, ...] = ()
    remarks: tuple[Remark, ...] = ()
    fine: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    whole: bool = False
    failures: tuple[str, ...] = ()


def ask(domains: Collection[str] | None = None, round: int = 1) -> Asked | None:
    """Ask all resolvers about these active domains, or about all of them; None if none of them is active.

    From the second round on the name servers of the zones are asked too. Hold no transaction.
    """
    active = rows.targets()
    chosen = active if domains is None else [target for target in active if target.domain in frozenset(domains)]
    if not chosen:
        return None
    cycle_id = cycles.begin(Source.DNS)
    found = dns_round.ask([target.domain for target in chosen], get_settings(), own_servers=round > 1)
    return Asked(active, chosen, domains is not None, max(1, round), found, now(), cycle_id)


def settle(asked: Asked | None) -> Resolutions:
    """Store it in the caller's transaction; what is to follow."""
    if asked is None:
        return Resolutions(Swept(source=Source.DNS))
    findings = [_finding(asked, target) for target in asked.chosen]
    swept = sweeps.settle(
        Source.DNS, Reason.DNS_NOT_RESOLVABLE, asked.active, findings, cycle_id=asked.cycle_id,
        canary_ok=asked.found.canary.ok,
    )  # fmt: skip
    failures = tuple(f"{voice}: {problem}" for voice, problem in asked.found.canary.failures.items())
    if not asked.found.canary.ok:
        return Resolutions(swept, tuple(_nexts(asked, findings)), failures=failures)
    remarks = tuple(remark for target in asked.chosen for remark in _remarks(asked, target))
    fine = _fine(asked)
    rest = tuple(target.domain for target in asked.chosen if target.domain not in set(fine))
    return Resolutions(
        swept, tuple(_nexts(asked, findings)), remarks, fine, rest, whole=not asked.named, failures=failures
    )


def _finding(asked: Asked, target: Target) -> Finding:
    vote = asked.found.votes[target.domain]
    verdict = _VERDICTS.get(vote.resolution) or (Verdict.UNSAFE if _is_last(asked, target) else Verdict.SUSPECT)
    return Finding(
        target.domain_id, Source.DNS, verdict, target.domain, f"{asked.found.voices} resolvers", True,
        asked.found.canary.ok, _detail(vote, asked.round), asked.at, asked.at + MAX_AGE[Source.DNS], asked.cycle_id,
    )  # fmt: skip


def _detail(vote: Vote, round: int) -> dict[str, object]:
    said = {
        "positive": vote.positive, "negative": vote.negative, "sinkholed": vote.sinkholed,
        "abstained": vote.abstained, "addresses": vote.addresses[:_MOST_ADDRESSES], "chain": vote.chain,
    }  # fmt: skip
    return {"round": round} | {name: list(texts) for name, texts in said.items() if texts}


def _is_last(asked: Asked, target: Target) -> bool:
    """Whether a denial now is the one after which a name counts as gone."""
    return asked.round >= get_settings().dns_confirm_rounds and _was_denied(asked, target)


def _was_denied(asked: Asked, target: Target) -> bool:
    """Whether the rounds before this one denied the name too: a message may be late, or come twice."""
    known, apart = target.dns, timedelta(seconds=get_settings().dns_confirm_after)
    if asked.round == 1 or known is None or known.verdict not in BAD or known.first_bad_at is None:
        return False
    return asked.at - known.first_bad_at >= (asked.round - 1) * apart - _EARLY


def _nexts(asked: Asked, findings: Sequence[Finding]) -> Iterable[Next]:
    """Names that were denied come into the next round, after some time; names that nobody knows of into this one."""
    settings = get_settings()
    names = {target.domain_id: target for target in asked.chosen}
    rounds: dict[int, list[str]] = {}
    for finding in findings:
        if finding.verdict is Verdict.SUSPECT:
            target = names[finding.domain_id]
            number = asked.round + 1 if _was_denied(asked, target) else 2
            rounds.setdefault(number, []).append(target.domain)
    for number, denied in sorted(rounds.items()):
        yield Next(tuple(denied), number, settings.dns_confirm_after)
    unknown = [names[one.domain_id].domain for one in findings if one.verdict is Verdict.UNKNOWN]
    if unknown:
        everything = len(unknown) == len(asked.chosen) and not asked.named
        yield Next(None if everything else tuple(unknown), asked.round, AGAIN_SECONDS)


def _remarks(asked: Asked, target: Target) -> Iterable[Remark]:
    vote = asked.found.votes[target.domain]
    faults = {
        Fault.BROKEN: _is_silent(vote) and _unknown_for_long(asked, target),
        Fault.SINKHOLED: bool(vote.sinkholed),
        Fault.MISPOINTED: dns_votes.misses(vote, target.expected_cname),
        Fault.DIFFERING: vote.differing,
    }
    return [Remark(fault, target, vote) for fault, found in faults.items() if found]


def _is_silent(vote: Vote) -> bool:
    """Whether every resolver failed to get an answer: an error of the zone's servers, or nothing at all."""
    return bool(vote.abstained) and not (vote.positive or vote.negative or vote.sinkholed)


def _unknown_for_long(asked: Asked, target: Target) -> bool:
    known = target.dns
    return known is not None and known.verdict is Verdict.UNKNOWN and asked.at - known.since >= BROKEN_AFTER


def _fine(asked: Asked) -> tuple[str, ...]:
    """Names that resolve: whatever was remarked about them before and is not now is over."""
    votes = asked.found.votes
    return tuple(target.domain for target in asked.chosen if votes[target.domain].resolution is Resolution.RESOLVABLE)
