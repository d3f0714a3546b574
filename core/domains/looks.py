"""From what the outside says about a domain to an answer that can be stored: verdict, grounds, how long it holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from core.domains import dns_votes, outside_verdicts
from core.domains.dns_votes import Resolution, Vote
from integrations.http_preview import Preview
from integrations.rdap import Registration, RegistrationState
from integrations.safe_browsing.port import State
from integrations.safe_browsing.port import Verdict as Listing
from integrations.tls import INVALID
from models.answers import Finding
from models.domain_states import Source, Verdict
from models.spares import Watched

DNS_HOLDS = timedelta(minutes=5)
PAGE_HOLDS = timedelta(hours=24)
REGISTRATION_HOLDS = timedelta(hours=48)
_REPUTATION = {State.SAFE: Verdict.SAFE, State.UNSAFE: Verdict.SUSPECT, State.UNKNOWN: Verdict.UNKNOWN}


def listing(domain: Watched, found: Listing, *, canary_ok: bool, confirmed: bool = False) -> Finding:
    """What a reputation provider says; a listing is a suspicion until a second answer confirms it."""
    verdict = Verdict.UNSAFE if confirmed and found.state is State.UNSAFE else _REPUTATION[found.state]
    detail: dict[str, Any] = {"threats": list(found.threats)} if found.threats else {}
    if found.reason:
        detail["reason"] = found.reason
    return Finding(
        domain.domain_id, Source.GSB, verdict, domain.name, found.provider, found.live, canary_ok, detail,
        found.observed_at, found.expires_at,
    )  # fmt: skip


def resolution(domain: Watched, vote: Vote, at: datetime, *, canary_ok: bool, confirmed: bool = False) -> Finding:
    """What the resolvers say; a name that leads elsewhere than it should is as little use as one that leads nowhere."""
    mispointed = dns_votes.misses(vote, domain.expected)
    denied = vote.resolution is Resolution.NOT_RESOLVABLE
    verdict = Verdict.UNSAFE if mispointed or (denied and confirmed) else outside_verdicts.of_vote(vote)
    return Finding(
        domain.domain_id, Source.DNS, verdict, domain.name, "resolvers", True, canary_ok,
        _votes(vote) | ({"mispointed": domain.expected} if mispointed else {}), at, at + DNS_HOLDS,
    )  # fmt: skip


def _votes(vote: Vote) -> dict[str, Any]:
    said = {"positive": vote.positive, "negative": vote.negative, "sinkholed": vote.sinkholed}
    detail: dict[str, Any] = {word: list(voices) for word, voices in said.items() if voices}
    return detail | {"differ": vote.differing, "addresses": list(vote.addresses[:8]), "chain": list(vote.chain[:8])}


def certificate(domain: Watched, preview: Preview, at: datetime, *, canary_ok: bool) -> Finding:
    """What the certificate of a domain amounts to."""
    facts = preview.tls
    detail = {"state": facts.state.value, "until": _text(facts.not_after), "invalid": facts.state in INVALID}
    return Finding(
        domain.domain_id, Source.TLS, outside_verdicts.of_certificate(facts, at), domain.name, "tls", True, canary_ok,
        detail | ({"said": facts.detail[:200]} if facts.detail else {}), at, at + PAGE_HOLDS,
    )  # fmt: skip


def page(domain: Watched, preview: Preview, at: datetime, *, canary_ok: bool, in_voluum: bool | None) -> Finding:
    """Whether somebody is at home; the second time in a row that nobody is, it is no suspicion any more."""
    verdict = outside_verdicts.of_page(preview)
    if verdict is Verdict.SUSPECT and domain.bad(Source.HTTP):
        verdict = Verdict.UNSAFE
    return Finding(
        domain.domain_id, Source.HTTP, verdict, f"https://{domain.name}/", "https", True, canary_ok,
        {"status": preview.status, "in_voluum": in_voluum}, at, at + PAGE_HOLDS,
    )  # fmt: skip


def registration(domain: Watched, found: Registration, at: datetime) -> Finding:
    """What the registry says of the registered part of a name."""
    detail = {
        "state": found.state.value, "until": _text(found.expires_at), "since": _text(found.registered_at),
        "hold": found.on_hold, "gone": found.state is RegistrationState.NOT_REGISTERED,
        "statuses": list(found.statuses[:10]),
    }  # fmt: skip
    return Finding(
        domain.domain_id, Source.RDAP, outside_verdicts.of_registration(found, at), domain.registrable, "rdap", True,
        None, detail, at, at + REGISTRATION_HOLDS,
    )  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
