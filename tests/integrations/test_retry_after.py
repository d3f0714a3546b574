"""How long a Retry-After header makes us wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine

from integrations import retry_after

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("header", "seconds"), [("1", 1.0), ("90", 90.0), (" 3600 ", 3600.0), ("1.5", 1.5)])
def test_seconds_are_taken_as_given(header: str, seconds: float) -> None:
    assert retry_after.seconds(header, 60.0) == seconds


ABSURD = [None, "", "0", "-5", "3601", "9" * 400, "inf", "nan", "soon", "Wed, 99 Nov 2026", "١٢", "1e3", "\x00"]


@pytest.mark.parametrize("header", ABSURD)
def test_anything_absurd_means_the_default(header: str | None) -> None:
    assert retry_after.seconds(header, 42.0) == 42.0


@pytest.mark.parametrize(("ahead", "expected"), [(30, 30.0), (-30, 42.0), (7200, 42.0)])
def test_a_date_counts_from_now_and_a_past_one_means_the_default(ahead: int, expected: float) -> None:
    with time_machine.travel(NOW, tick=False):
        header = format_datetime(NOW + timedelta(seconds=ahead), usegmt=True)
        assert retry_after.seconds(header, 42.0) == expected
