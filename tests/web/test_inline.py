"""Clicks that are decided in the redirect are counted like those of the workers."""

from __future__ import annotations

from typing import Any

from prometheus_client import REGISTRY

from config.settings import get_settings
from core.ads import clicks as messages
from tests.core.ads.stage import build, outcomes
from web.inline import admission


def counted(outcome: str, reason: str = "") -> float:
    labels = {"outcome": outcome, "reason": reason}
    return REGISTRY.get_sample_value("signalbox_click_outcomes_total", labels) or 0.0


def test_what_became_of_a_click_is_counted_where_it_was_decided(sqlite_database: Any) -> None:
    here = build()
    made = [here.click(0), here.click(1, token="A" * 58)]
    before = counted("counted"), counted("rejected", "token_invalid")
    admission(get_settings())([messages.encode(click) for click in made])
    assert outcomes(made) == ["done", "token_invalid"]
    assert (counted("counted"), counted("rejected", "token_invalid")) == (before[0] + 1, before[1] + 1)
