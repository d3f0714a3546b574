"""What is found outside becomes a verdict, and never more than was found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.domains import outside_verdicts as verdicts
from core.domains.dns_votes import Resolution, Vote
from integrations.http_preview import Preview
from integrations.rdap import Registration, RegistrationState
from integrations.tls import TlsFacts, TlsState
from models.domain_states import Verdict

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


def test_a_single_vote_is_never_more_than_a_suspicion() -> None:
    found = {resolution: verdicts.of_vote(Vote(resolution)) for resolution in Resolution}
    assert found == {
        Resolution.RESOLVABLE: Verdict.SAFE,
        Resolution.NOT_RESOLVABLE: Verdict.SUSPECT,
        Resolution.UNKNOWN: Verdict.UNKNOWN,
    }


@pytest.mark.parametrize(
    ("state", "left", "verdict"),
    [
        (TlsState.VALID, timedelta(days=3), Verdict.SAFE),
        (TlsState.VALID, timedelta(days=3) - MOMENT, Verdict.UNSAFE),
        (TlsState.VALID, None, Verdict.UNKNOWN),
        (TlsState.EXPIRED, timedelta(days=-1), Verdict.UNSAFE),
        (TlsState.NOT_YET_VALID, timedelta(days=90), Verdict.UNSAFE),
        (TlsState.WRONG_NAME, timedelta(days=90), Verdict.UNSAFE),
        (TlsState.UNTRUSTED, None, Verdict.UNSAFE),
        (TlsState.NO_ANSWER, None, Verdict.UNKNOWN),
    ],
)
def test_a_certificate(state: TlsState, left: timedelta | None, verdict: Verdict) -> None:
    until = NOW + left if left is not None else None
    assert verdicts.of_certificate(TlsFacts(state, until), NOW) is verdict


@pytest.mark.parametrize(
    ("status", "state", "verdict"),
    [
        (200, TlsState.VALID, Verdict.SAFE),
        (499, TlsState.VALID, Verdict.SAFE),
        (500, TlsState.VALID, Verdict.SUSPECT),
        (None, TlsState.VALID, Verdict.SUSPECT),
        (None, TlsState.NO_ANSWER, Verdict.SUSPECT),
        (None, TlsState.EXPIRED, Verdict.UNKNOWN),
    ],
)
def test_a_page(status: int | None, state: TlsState, verdict: Verdict) -> None:
    assert verdicts.of_page(Preview(status, TlsFacts(state))) is verdict


@pytest.mark.parametrize(
    ("state", "left", "statuses", "verdict"),
    [
        (RegistrationState.REGISTERED, timedelta(days=3) + MOMENT, (), Verdict.SAFE),
        (RegistrationState.REGISTERED, timedelta(days=3), (), Verdict.UNSAFE),
        (RegistrationState.REGISTERED, timedelta(days=90), ("client hold",), Verdict.UNSAFE),
        (RegistrationState.REGISTERED, None, ("pending delete",), Verdict.UNSAFE),
        (RegistrationState.REGISTERED, None, (), Verdict.UNKNOWN),
        (RegistrationState.NOT_REGISTERED, None, (), Verdict.UNSAFE),
        (RegistrationState.UNKNOWN, None, (), Verdict.UNKNOWN),
    ],
)
def test_a_registration(
    state: RegistrationState, left: timedelta | None, statuses: tuple[str, ...], verdict: Verdict
) -> None:
    found = Registration(state, expires_at=NOW + left if left is not None else None, statuses=statuses)
    assert verdicts.of_registration(found, NOW) is verdict


@pytest.mark.parametrize(
    ("left", "step"),
    [(31, None), (30, 30), (14.1, 30), (14, 14), (7, 7), (3.5, 7), (3, 3), (1, 1), (0, 1), (-5, 1)],
)
def test_the_end_comes_near_in_steps(left: float, step: int | None) -> None:
    assert verdicts.days_to_warn(NOW + timedelta(days=left), NOW, verdicts.REGISTRATION_DAYS) == step


def test_an_unknown_end_warns_of_nothing() -> None:
    assert verdicts.days_to_warn(None, NOW, verdicts.CERTIFICATE_DAYS) is None
