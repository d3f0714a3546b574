"""What a certificate, a page and a registration amount to, and when their end is near enough to warn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.domains.dns_votes import Resolution, Vote
from integrations.http_preview import Preview
from integrations.rdap import Registration, RegistrationState
from integrations.tls import INVALID, TlsFacts, TlsState
from models.domain_states import Verdict

LEAST_LEFT = timedelta(days=3)
CERTIFICATE_DAYS = (14, 7, 3, 1)
REGISTRATION_DAYS = (30, 14, 7, 3, 1)


def of_vote(vote: Vote) -> Verdict:
    """One negative round is a suspicion; the second one makes it unsafe, which is not for a single vote to say."""
    verdicts = {Resolution.RESOLVABLE: Verdict.SAFE, Resolution.NOT_RESOLVABLE: Verdict.SUSPECT}
    return verdicts.get(vote.resolution, Verdict.UNKNOWN)


def of_certificate(facts: TlsFacts, at: datetime) -> Verdict:
    """A certificate that is refused, or about to be, is unsafe; a host that shows none could not be judged."""
    if facts.state in INVALID:
        return Verdict.UNSAFE
    if facts.state is not TlsState.VALID or facts.not_after is None:
        return Verdict.UNKNOWN
    return Verdict.SAFE if facts.not_after - at >= LEAST_LEFT else Verdict.UNSAFE


def of_page(preview: Preview) -> Verdict:
    """A page below 500 is safe, none is a suspicion; behind a refused certificate nothing was asked."""
    if preview.alive:
        return Verdict.SAFE
    return Verdict.UNKNOWN if preview.tls.state in INVALID else Verdict.SUSPECT


def of_registration(found: Registration, at: datetime) -> Verdict:
    """On hold, gone, or about to go is unsafe; without a date nothing is known."""
    if found.on_hold or found.state is RegistrationState.NOT_REGISTERED:
        return Verdict.UNSAFE
    if found.expires_at is None:
        return Verdict.UNKNOWN
    return Verdict.SAFE if found.expires_at - at > LEAST_LEFT else Verdict.UNSAFE


def days_to_warn(until: datetime | None, at: datetime, steps: Sequence[int]) -> int | None:
    """The lowest of the steps (days, falling) that an end has come to; each is worth one warning."""
    if until is None:
        return None
    return min((step for step in steps if until - at <= timedelta(days=step)), default=None)
