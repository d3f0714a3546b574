"""What operators are to be warned of before it happens: ends of certificates and registrations, holds, dead pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.domains.outside_verdicts import CERTIFICATE_DAYS, REGISTRATION_DAYS, days_to_warn
from models.alerts import Severity
from models.domain_states import Role, Source, Verdict
from models.spares import Watched

KINDS = ("expiry", "not_registered", "registrar_hold", "tls_invalid", "http_down")


@dataclass(frozen=True, slots=True)
class Warn:
    """An incident that should be open; one that `fresh` is False for stays open, but is no news by itself."""

    kind: str
    key: str
    severity: Severity
    payload: dict[str, Any]
    fresh: bool = True


def warnings(domains: Iterable[Watched], at: datetime) -> list[Warn]:
    """Every incident that the stored facts about domains at work call for."""
    return [warn for domain in domains for part in _PARTS for warn in part(domain, at)]


def _certificate(domain: Watched, at: datetime) -> Iterator[Warn]:
    until = domain.moment(Source.TLS, "until")
    yield from _ends("certificate", domain, until, at, CERTIFICATE_DAYS)


def _registration(domain: Watched, at: datetime) -> Iterator[Warn]:
    until = domain.moment(Source.RDAP, "until")
    yield from _ends("registration", domain, until, at, REGISTRATION_DAYS)


def _ends(
    what: str, domain: Watched, until: datetime | None, at: datetime, steps: Sequence[int]
) -> Iterator[Warn]:  # fmt: skip
    """One incident for each threshold; those that are behind stay open until somebody renews."""
    reached = days_to_warn(until, at, steps)
    if until is None or reached is None:
        return
    over = "has ended" if until <= at else "ends"
    happened = f"the {what} {over} {until:%Y-%m-%d %H:%MZ}, {max(0, (until - at).days)} days left"
    for step in (step for step in steps if step >= reached):
        payload = _payload(domain, happened, f"renew the {what}", f"warned at {step} d")
        yield Warn("expiry", f"{domain.name}:{what}:{step}", Severity.WARNING, payload, fresh=step == reached)


def _lost(domain: Watched, at: datetime) -> Iterator[Warn]:
    """A hold takes a domain out of its zone; one that is not registered may be anybody's tomorrow."""
    statuses = ", ".join(domain.fact(Source.RDAP, "statuses") or [])
    if domain.fact(Source.RDAP, "gone"):
        payload = _payload(domain, f"{domain.registrable} is not registered", "register it at once, or take it out")
        yield Warn("not_registered", domain.name, Severity.CRITICAL, payload)
    if domain.fact(Source.RDAP, "hold"):
        payload = _payload(domain, f"{domain.registrable} is on hold: {statuses}", "ask the registrar")
        loud = Severity.CRITICAL if domain.role is Role.ACTIVE else Severity.WARNING
        yield Warn("registrar_hold", domain.name, loud, payload)


def _visitors(domain: Watched, at: datetime) -> Iterator[Warn]:
    """What keeps visitors of a domain in use from getting through."""
    if domain.role is not Role.ACTIVE:
        return
    if domain.fact(Source.TLS, "invalid") and domain.bad(Source.TLS):
        happened = f"browsers refuse its certificate: {domain.fact(Source.TLS, 'state')}"
        left = "it is blocked for that" if domain.block_on_tls else "it stays active; renew the certificate"
        yield Warn("tls_invalid", domain.name, Severity.CRITICAL, _payload(domain, happened, left))
    if Source.HTTP in domain.known and domain.known[Source.HTTP].verdict is Verdict.UNSAFE:
        status = domain.fact(Source.HTTP, "status")
        happened = f"two looks found no page: {f'status {status}' if status else 'no answer'}"
        yield Warn("http_down", domain.name, Severity.CRITICAL, _payload(domain, happened, "look at the web server"))


def _payload(domain: Watched, happened: str, left: str, evidence: str = "") -> dict[str, Any]:
    role = {Role.ACTIVE: "active", Role.BACKUP: "spare"}[domain.role] if domain.role else "kept"
    return {
        "object": f"{domain.pipeline}: {domain.name}", "happened": f"{happened} ({role})", "left": left,
        "evidence": evidence, "domain": domain.name, "pipeline": domain.pipeline,
    }  # fmt: skip


_PARTS = (_certificate, _registration, _lost, _visitors)
