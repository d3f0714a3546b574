"""What may be relied on about the outcomes."""

from __future__ import annotations

import pickle

import pytest

from integrations.errors import (
    Conflict,
    Malformed,
    OutcomeUnknown,
    OutsideError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
)


def test_no_generic_retry_catches_an_unknown_outcome_or_a_rejection() -> None:
    assert not issubclass(OutcomeUnknown, (Unavailable, Rejected))
    assert not issubclass(Rejected, Unavailable)


def test_the_narrower_outcomes_are_kinds_of_the_wider() -> None:
    assert issubclass(Malformed, Unavailable)
    assert issubclass(RateLimited, Unavailable)
    assert issubclass(Conflict, Rejected)
    assert issubclass(Unauthorized, Rejected)


ALL = [
    Unavailable("a", sent=True, timed_out=True, retry_after=3.0),
    Malformed("a", "<html>"),
    RateLimited("a", retry_after=9.0),
    Rejected("http_400", "why", status=400),
    Conflict("http_409", "why", status=409),
    Unauthorized("http_401", status=401),
    OutcomeUnknown("a", timed_out=True),
]


@pytest.mark.parametrize("error", ALL)
def test_an_outcome_survives_pickling_with_all_it_carries(error: OutsideError) -> None:
    error.service = "adload"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
