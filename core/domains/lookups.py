"""Domains looked at on request: every check at once, a verdict and its grounds for each, stored for those we know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from config.clock import now
from config.settings import Settings, get_settings
from core.domains import asking, dns_round, hosts, looks, reputation, spare_checks
from core.domains.dns_round import Round
from models import spares
from models.answers import BAD, Finding
from models.domain_states import Reason, Role, Source, Verdict
from models.evidence import Stored
from models.spares import Watched

CHECKS = {"gsb": Source.GSB, "dns": Source.DNS, "tls": Source.TLS, "http": Source.HTTP, "expiry": Source.RDAP}
"""What may be asked for, by word, in the order in which it is shown."""
PAGE_SECONDS = 30.0
FEW = 20
REGISTRY_SECONDS = {True: 30.0, False: 1.5}
"""A registry is asked once a second: worth the wait for a few names, not for hundreds."""
_DAY = timedelta(hours=24)
_REASONS = {Source.GSB: Reason.GSB_UNSAFE, Source.DNS: Reason.DNS_NOT_RESOLVABLE, Source.TLS: Reason.TLS_INVALID}
_MOST_PIECES, _LONGEST_PIECE = 3, 200
_WORST = (Verdict.UNSAFE, Verdict.SUSPECT, Verdict.UNKNOWN, Verdict.SAFE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check says about a domain, and on what grounds."""

    verdict: Verdict
    note: str
    provider: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Examined:
    """What was asked about, and what was answered; domains that we do not know have the id 0."""

    domains: Sequence[Watched]
    only: Sequence[str]
    findings: Sequence[Finding]
    seen: Mapping[str, Mapping[str, Seen]]

    def verdict(self, name: str) -> Verdict:
        """The worst that was said about a domain; unknown only if nobody could say anything."""
        said = {one.verdict for one in self.seen[name].values()}
        return Verdict.UNKNOWN if said <= {Verdict.UNKNOWN} else min(said - {Verdict.UNKNOWN}, key=_WORST.index)


def check(names: Sequence[str], only: Collection[str], done: Callable[[int], object]) -> Examined:
    """Ask about names, live; `done` is told how many answers came. Talks to the network: hold no transaction."""
    settings, wanted = get_settings(), [word for word in CHECKS if word in only]
    domains = _domains(names)
    findings: list[Finding] = []
    asked = _resolved(domains, settings) if {"dns", "tls", "http"} & set(wanted) else None
    for words, ask in _asking(domains, asked, settings):
        if count := len(set(words) & set(wanted)):
            findings += ask()
            done(count * len(domains))
    shown = _shown(domains, wanted, findings)
    return Examined(domains, wanted, [one for one in findings if one.source in map(CHECKS.get, wanted)], shown)


def _domains(names: Sequence[str]) -> list[Watched]:
    known = {one.name: one for one in spares.named(names)}
    return [known.get(name) or Watched(0, name, hosts.registrable(name)) for name in names]


def _resolved(domains: Sequence[Watched], settings: Settings) -> Round:
    return dns_round.ask([one.name for one in domains], settings, own_servers=True)


def _asking(
    domains: Sequence[Watched], asked: Round | None, settings: Settings
) -> list[tuple[tuple[str, ...], Callable[[], list[Finding]]]]:
    """Checks with the words that ask for them."""
    return [
        (("gsb",), lambda: _listings(domains, settings)),
        (("dns",), lambda: asking.resolutions(domains, asked, settings) if asked else []),
        (("tls", "http"), lambda: _pages(domains, asked, settings) if asked else []),
        (("expiry",), lambda: _registrations(domains, settings)),
    ]


def _pages(domains: Sequence[Watched], asked: Round, settings: Settings) -> list[Finding]:
    return asking.previews(domains, asked, settings, seconds=PAGE_SECONDS)


def _registrations(domains: Sequence[Watched], settings: Settings) -> list[Finding]:
    patience = REGISTRY_SECONDS[len(domains) <= FEW]
    return asking.registered([one for one in domains if _outdated(one)], settings, seconds=patience)


def _listings(domains: Sequence[Watched], settings: Settings) -> list[Finding]:
    """Of an active domain the first listing is evidence to act on, which is confirmed then; of others the second."""
    heard = reputation.confirm([one.name for one in domains])
    before = now() - timedelta(seconds=settings.confirm_after)
    return [
        looks.listing(
            one, heard.verdicts[one.name], canary_ok=heard.canary_ok,
            confirmed=one.role is Role.ACTIVE or _doubted_since(one, before),
        )
        for one in domains
    ]  # fmt: skip


def _doubted_since(domain: Watched, at: datetime) -> bool:
    return domain.bad(Source.GSB) and (domain.known[Source.GSB].first_bad_at or at) <= at


def _outdated(domain: Watched) -> bool:
    """Registries are asked once a day; until then their last answer is shown."""
    known = domain.known.get(Source.RDAP)
    return known is None or known.observed_at <= now() - _DAY


def _shown(
    domains: Sequence[Watched], wanted: Sequence[str], findings: Sequence[Finding]
) -> dict[str, dict[str, Seen]]:  # fmt: skip
    said = {(one.subject if not one.domain_id else one.domain_id, one.source): one for one in findings}
    return {one.name: {word: _seen(one, CHECKS[word], _found(said, one, CHECKS[word])) for word in wanted}
            for one in domains}  # fmt: skip


def _found(said: Mapping[Any, Finding], domain: Watched, source: Source) -> Finding | None:
    """Answers about names that we do not know are told apart by what was looked at."""
    subjects = {Source.HTTP: f"https://{domain.name}/", Source.RDAP: domain.registrable}
    return said.get((domain.domain_id or subjects.get(source, domain.name), source))


def _seen(domain: Watched, source: Source, found: Finding | None) -> Seen:
    if found is None:
        known = domain.known.get(source) if source is Source.RDAP else None
        if known is None:
            return Seen(Verdict.UNKNOWN, _SILENT[source], "", None)
        return Seen(known.verdict, grounds(source, known.verdict, known.detail), source.value, known.observed_at)
    note, verdict = grounds(source, found.verdict, found.detail), found.verdict
    if source in (Source.GSB, Source.DNS) and verdict is Verdict.SUSPECT:
        verdict, note = Verdict.UNSAFE, f"{note}, not confirmed yet"
    return Seen(verdict, note, found.provider, found.observed_at)


_SILENT = {
    Source.GSB: "not asked", Source.DNS: "not asked", Source.TLS: "no address", Source.HTTP: "no address",
    Source.RDAP: "not asked yet: a registry is asked once a second",
}  # fmt: skip


def grounds(source: Source, verdict: Verdict, detail: Mapping[str, Any]) -> str:
    """What an answer rests on, in a few words."""
    return ", ".join(text for text in _NOTES.get(source, _of_pieces)(verdict, detail) if text)


def _of_listing(verdict: Verdict, detail: Mapping[str, Any]) -> list[str]:
    threats = ", ".join(detail.get("threats", ()))
    return [f"suspected {threats}" if threats else str(detail.get("reason", ""))]


def _of_vote(verdict: Verdict, detail: Mapping[str, Any]) -> list[str]:
    parts = [f"denied by {', '.join(detail['negative'])}" if detail.get("negative") else ""]
    parts.append(f"does not lead to {detail['mispointed']}" if detail.get("mispointed") else "")
    parts.append(f"sinkholed by {', '.join(detail['sinkholed'])}" if detail.get("sinkholed") else "")
    silent = verdict is Verdict.UNKNOWN and not any(parts)
    return [*parts, "no resolver gave an answer that counts" if silent else ""]


def _of_certificate(verdict: Verdict, detail: Mapping[str, Any]) -> list[str]:
    return [str(detail.get("state", "")), f"until {str(detail['until'])[:10]}" if detail.get("until") else ""]


def _of_page(verdict: Verdict, detail: Mapping[str, Any]) -> list[str]:
    return [f"status {detail['status']}" if detail.get("status") else "no page"]


def _of_registration(verdict: Verdict, detail: Mapping[str, Any]) -> list[str]:
    until = f"until {str(detail['until'])[:10]}" if detail.get("until") else "no date"
    return [until, "on hold" if detail.get("hold") else "", "not registered" if detail.get("gone") else ""]


def _of_pieces(verdict: Verdict, detail: Mapping[str, Any]) -> list[str]:
    """What a checker or a person brought with an answer."""
    pieces = [piece for piece in detail.get("evidence", ()) if isinstance(piece, Mapping)]
    words = [
        " ".join(str(piece[name]) for name in ("kind", "category", "detail") if piece.get(name)) for piece in pieces
    ]
    return [text[:_LONGEST_PIECE] for text in words[:_MOST_PIECES]] + ["late" if detail.get("late") else ""]


_NOTES: dict[Source, Callable[[Verdict, Mapping[str, Any]], list[str]]] = {
    Source.GSB: _of_listing, Source.DNS: _of_vote, Source.TLS: _of_certificate, Source.HTTP: _of_page,
    Source.RDAP: _of_registration,
}  # fmt: skip


def store(examined: Examined) -> list[tuple[str, Reason, int | None]]:
    """Keep answers about domains that we know, in the caller's transaction; who could be blocked: name, why, evidence.

    Those are active domains; whether one is left is decided by the task that blocks, after a second answer.
    """
    by_id = {one.domain_id: one for one in examined.domains if one.domain_id}
    stored = spare_checks.keep([one for one in examined.findings if one.domain_id])
    return [_call(by_id[one.finding.domain_id], one) for one in stored if _calls(by_id, one)]


def _calls(by_id: Mapping[int, Watched], stored: Stored) -> bool:
    domain, finding = by_id[stored.finding.domain_id], stored.finding
    if (
        finding.verdict not in BAD
        or finding.source not in _REASONS
        or not (domain.role is Role.ACTIVE and domain.enabled)
    ):
        return False
    if finding.source is Source.TLS:
        return domain.block_on_tls and bool(finding.detail.get("invalid"))
    return "mispointed" not in finding.detail


def _call(domain: Watched, stored: Stored) -> tuple[str, Reason, int | None]:
    confirmed = stored.finding.verdict is Verdict.UNSAFE
    return domain.name, _REASONS[stored.finding.source], stored.evidence_id if confirmed else None
