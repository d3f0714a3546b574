"""The sweep over spares, as strict as the one over active domains, and the slow checks of both: pages, registries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zlib import crc32

from config.clock import now
from config.settings import get_settings
from core.domains import asking, brakes, cases, dns_round
from models import evidence, pipeline_writes, pipelines, roles, spares
from models.answers import BAD, Finding
from models.domain_states import Reason, Role, Source, Trigger, Verdict
from models.evidence import Stored
from models.pipelines import Line
from models.spares import Known, Watched
from models.switches import Order, Switched

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
AGAIN = timedelta(minutes=30)
"""So long a suspicion is followed up between two sweeps."""
AGAIN_SECONDS = 60.0
PAGE_SECONDS = 60.0
JITTER_SECONDS = 7200
_REASONS = {Source.GSB: Reason.GSB_UNSAFE, Source.DNS: Reason.DNS_NOT_RESOLVABLE}


@dataclass(frozen=True, slots=True)
class Looked:
    """What the outside said, in order; nothing is stored yet."""

    domains: Sequence[Watched]
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Lost:
    """A spare that was blocked, and how many are left in its pipeline."""

    pipeline: str
    domain: str
    reason: Reason
    finding: Finding
    left: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sweep has changed, and what is to follow.

    `refused` are active domains whose certificate is refused and that shall be blocked for it: (name, evidence).
    `again` is after how many seconds a suspicion is to be looked at again. `doubted` are spares that are bad, too many
    at once for any of them to be dropped.
    """

    lost: Sequence[Lost] = ()
    doubted: Sequence[str] = ()
    filled: Sequence[Switched] = ()
    refused: Sequence[tuple[str, int]] = ()
    again: float | None = None
    domains: Sequence[Watched] = field(default=())


def look() -> Looked:
    """Ask about everything that is due. Talks to the network: hold no transaction."""
    settings, domains = get_settings(), spares.at_work()
    if not domains:
        return Looked((), ())
    waiting = [domain for domain in domains if domain.is_spare]
    due = [domain for domain in domains if _page_is_due(domain, now())]
    found = asking.listings(waiting, settings)
    asked = dns_round.ask([domain.name for domain in (*waiting, *due)], settings, own_servers=True)
    found += asking.resolutions(waiting, asked, settings)
    found += asking.previews(due, asked, settings, seconds=PAGE_SECONDS)
    return Looked(
        domains, found + asking.registered([one for one in domains if _registration_is_due(one, now())], settings)
    )


def _page_is_due(domain: Watched, at: datetime) -> bool:
    """Hourly, and at once again when nobody was at home."""
    tls, http = domain.known.get(Source.TLS), domain.known.get(Source.HTTP)
    if tls is None or http is None or http.verdict is Verdict.SUSPECT:
        return True
    return min(tls.observed_at, http.observed_at) <= at - HOUR


def _registration_is_due(domain: Watched, at: datetime) -> bool:
    """Daily, spread over some hours, so that not all domains are asked about at once."""
    known = domain.known.get(Source.RDAP)
    early = timedelta(seconds=crc32(domain.name.encode()) % JITTER_SECONDS)
    return known is None or known.observed_at <= at - DAY + early


def note(looked: Looked) -> Outcome:
    """Store what was said and act on it, in the caller's transaction; harmless to repeat."""
    stored = keep(looked.findings)
    by_id = {domain.domain_id: domain for domain in looked.domains}
    doubted = _doubted(by_id, stored)
    lost = [(by_id[one.finding.domain_id], one) for one in stored if _is_lost(by_id, one)]
    return Outcome(
        lost=[] if doubted else _block(lost),
        doubted=doubted,
        filled=_fill(),
        refused=list(_refused(by_id, stored)),
        again=_again(by_id, stored),
        domains=spares.at_work(),
    )


def keep(findings: Sequence[Finding]) -> list[Stored]:
    """Store answers with their facts, in the caller's transaction."""
    stored = evidence.store(findings)
    spares.remember([(one.domain_id, one.source, one.detail, one.observed_at) for one in findings])
    return stored


def _doubted(by_id: Mapping[int, Watched], stored: Sequence[Stored]) -> list[str]:
    """Spares that are said to be bad, if those are so many that the fault is likely to be ours; as for active ones."""
    spare = [one for one in stored if by_id[one.finding.domain_id].is_spare]
    bad = {by_id[one.finding.domain_id].name for one in spare if one.verdict in BAD and _speaks_against_it(one)}
    until = pipeline_writes.control().released_until if bad else None
    wide = brakes.too_wide(len(bad), len({one.finding.domain_id for one in spare}), cases.limits())
    return sorted(bad) if wide and (until is None or until <= now()) else []


def _is_lost(by_id: Mapping[int, Watched], stored: Stored) -> bool:
    """Confirmed now, and by an answer that speaks against the domain itself."""
    finding = stored.finding
    confirmed = finding.verdict is Verdict.UNSAFE and bool(finding.canary_ok)
    return confirmed and by_id[finding.domain_id].is_spare and _speaks_against_it(stored)


def _speaks_against_it(stored: Stored) -> bool:
    return stored.finding.source in _REASONS and "mispointed" not in stored.finding.detail


def _block(bad: Sequence[tuple[Watched, Stored]]) -> list[Lost]:
    """With one statement for all; what is left is counted without those that are bad."""
    if not bad:
        return []
    lines = pipelines.hold_still({spare.pipeline_id or 0 for spare, _ in bad})
    first = {spare.domain_id: (spare, stored) for spare, stored in reversed(bad)}
    rows = [
        (spare.pipeline_id or 0, number, _REASONS[stored.finding.source].value, stored.evidence_id)
        for number, (spare, stored) in first.items()
    ]
    gone = roles.block_spares(rows, now())
    return [_lost(lines, *first[number]) for number in first if number in gone]


def _lost(lines: Mapping[int, Line], spare: Watched, stored: Stored) -> Lost:
    line, finding = lines[spare.pipeline_id or 0], stored.finding
    return Lost(line.pipeline.name, spare.name, _REASONS[finding.source], finding, len(line.spares))


def _fill() -> list[Switched]:
    """Put spares to work where no domain is in use, unless a person holds that back."""
    if pipeline_writes.control().held_at is not None:
        return []
    order = Order(reason="a spare became fit", actor="system", trigger=Trigger.RETURN, seq=None)
    made = [roles.fill(number, order, now()) for number in spares.exhausted(now())]
    return [one for one in made if one is not None]


def _refused(by_id: Mapping[int, Watched], stored: Iterable[Stored]) -> Iterable[tuple[str, int]]:
    for one in stored:
        domain = by_id[one.finding.domain_id]
        invalid = one.finding.source is Source.TLS and one.finding.detail.get("invalid") and one.finding.canary_ok
        if invalid and domain.role is Role.ACTIVE and domain.block_on_tls and one.evidence_id is not None:
            yield domain.name, one.evidence_id


def _again(by_id: Mapping[int, Watched], stored: Iterable[Stored]) -> float | None:
    """Suspicions that are young are followed up before the next sweep."""
    doubts = [one for one in stored if one.verdict is Verdict.SUSPECT and one.finding.source in _REASONS]
    waits = [_wait(by_id[one.finding.domain_id].known.get(one.finding.source), one.finding.source) for one in doubts]
    return min((wait for wait in waits if wait is not None), default=None)


def _wait(before: Known | None, source: Source) -> float | None:
    settings = get_settings()
    if before is None or not before.bad or before.first_bad_at is None:
        return float(settings.confirm_after if source is Source.GSB else settings.dns_confirm_after)
    return AGAIN_SECONDS if before.first_bad_at > now() - AGAIN else None
