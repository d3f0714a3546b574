"""Calls to the outside are counted by service and result."""

from __future__ import annotations

import pytest
from dramatiq.middleware import TimeLimitExceeded
from prometheus_client import REGISTRY

from integrations.errors import Unavailable
from integrations.metrics import measured


def calls(result: str) -> float:
    return REGISTRY.get_sample_value("signalbox_outside_calls_total", {"service": "probe", "result": result}) or 0.0


def test_a_call_that_ends_well_counts_as_ok_and_has_a_time() -> None:
    before = calls("ok")
    with measured("probe"):
        pass
    assert calls("ok") == before + 1
    assert REGISTRY.get_sample_value("signalbox_outside_call_seconds_count", {"service": "probe"}) == before + 1


def test_a_call_that_fails_counts_under_the_name_of_its_failure() -> None:
    before = calls("Unavailable")
    with pytest.raises(Unavailable), measured("probe"):
        raise Unavailable("gone")
    assert calls("Unavailable") == before + 1


def test_a_call_that_is_interrupted_is_not_counted_as_answered() -> None:
    before = calls("ok"), calls("TimeLimitExceeded")
    with pytest.raises(TimeLimitExceeded), measured("probe"):
        raise TimeLimitExceeded
    assert (calls("ok"), calls("TimeLimitExceeded")) == (before[0], before[1] + 1)
