"""Blocked domains on their way back: looked at live, counted, confirmed once more, given back to their pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from config.clock import now
from config.settings import Settings, get_settings
from core.domains import asking, dns_round, looks, pages, pipelines, reputation, spare_checks
from core.domains.dns_round import Round
from core.domains.dns_votes import Resolution
from core.domains.reputation import Findings
from integrations.http_preview import Preview
from integrations.safe_browsing.port import State
from integrations.tls import TlsState
from models import returns, spares
from models.answers import Finding
from models.domain_states import Reason, Source
from models.roles import Unblocked
from models.spares import Watched

SECONDS, SECONDS_FOR_ONE = 60.0, 8.0
"""How long a reputation provider may take; everything about one domain has to fit into half a minute."""
TLS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Looked:
    """What was said about blocked domains, by id; who is neither clean nor dirty could not be judged."""

    findings: Sequence[Finding] = ()
    clean: frozenset[int] = frozenset()
    dirty: frozenset[int] = frozenset()
    names: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """Domains that are safe again: those to unblock, and those that a person blocked and has to decide about."""

    unblock: Sequence[str]
    by_hand: Sequence[str]


def look() -> Looked:
    """Ask, past every cache, about each domain that is blocked in an enabled pipeline. Hold no transaction."""
    return _look([name for _, name in returns.watched()], SECONDS)


def look_at(domain: str) -> Looked:
    """The same about one domain, wherever it is blocked; nothing is asked when it is not."""
    return _look([domain] if domain in {name for _, name in returns.watched()} else [], SECONDS_FOR_ONE)


def _look(names: Sequence[str], seconds: float) -> Looked:
    domains = spares.named(names)
    if not domains:
        return Looked()
    settings = get_settings()
    heard = reputation.confirm([one.name for one in domains], seconds=seconds)
    asked = dns_round.ask([one.name for one in domains], settings, own_servers=True)
    shown = _certificates(domains, asked, settings)
    states = {one.domain_id: _states(one, heard, asked, shown) for one in domains}
    return Looked(
        _findings(domains, heard, asked, settings),
        frozenset(number for number, said in states.items() if all(said)),
        frozenset(number for number, said in states.items() if any(each is False for each in said)),
        {one.domain_id: one.name for one in domains},
    )


def _certificates(domains: Sequence[Watched], asked: Round, settings: Settings) -> dict[str, Preview | None]:
    """Those that were blocked for their certificate are not clean before it is good."""
    refused = spares.blocked_for(Reason.TLS_INVALID)
    wanted = {one.name: asked.votes[one.name].addresses for one in domains if one.name in refused}
    return dict.fromkeys(wanted) | pages.look(wanted, settings, seconds=TLS_SECONDS)


def _states(
    domain: Watched, heard: Findings, asked: Round, shown: dict[str, Preview | None]
) -> tuple[bool | None, ...]:  # fmt: skip
    """Whether each of those that were asked says that it is clean; None if it could not tell."""
    said, vote = heard.verdicts[domain.name], asked.votes[domain.name]
    clean = {State.SAFE: said.live or None, State.UNSAFE: False}.get(said.state)
    there = {Resolution.RESOLVABLE: True, Resolution.NOT_RESOLVABLE: False}.get(vote.resolution)
    return clean, there, *([_accepted(shown[domain.name])] if domain.name in shown else [])


def _accepted(shown: Preview | None) -> bool | None:
    if shown is None or shown.tls.state is TlsState.NO_ANSWER:
        return None
    return shown.tls.state is TlsState.VALID


def _findings(domains: Sequence[Watched], heard: Findings, asked: Round, settings: Settings) -> list[Finding]:
    """A live listing of what was listed before is its second answer."""
    found = [
        looks.listing(one, heard.verdicts[one.name], canary_ok=heard.canary_ok, confirmed=one.bad(Source.GSB))
        for one in domains
    ]
    return found + asking.resolutions(domains, asked, settings)


def note(looked: Looked) -> Due:
    """Store what was said and count it, in the caller's transaction; who of the clean ones is safe again by now."""
    spare_checks.keep(looked.findings)
    returns.note(looked.clean, looked.dirty, now())
    clean = {looked.names[number] for number in looked.clean}
    due, by_hand = (found(now(), _quiet()) for found in (returns.safe_again, returns.safe_by_hand))
    return Due([name for name in due if name in clean], [name for name in by_hand if name in clean])


def unknown(looked: Looked) -> bool:
    """Whether somebody was asked about and nobody could tell."""
    return bool(looked.names.keys() - looked.clean - looked.dirty)


def give_back(domain: str, looked: Looked) -> list[Unblocked]:
    """Unblock a domain everywhere, in the caller's transaction, if this look found it clean and it still is due.

    A message that comes late, or twice, finds a domain that is free already, or one blocked anew, and changes nothing.
    """
    stored = spare_checks.keep(looked.findings)
    returns.note((), looked.dirty, now())
    if not looked.clean or domain not in returns.safe_again(now(), _quiet()):
        return []
    said = next((one.evidence_id for one in stored if one.finding.source is Source.GSB), None)
    return pipelines.return_to_work(domain, evidence_id=said)


def _quiet() -> timedelta:
    return timedelta(hours=get_settings().return_after_quiet)
