"""What workers tell Prometheus of clicks, queues and the ledger."""

from __future__ import annotations

from typing import Any

from prometheus_client import REGISTRY

from models.database import execute
from tests.core.ads import stage
from worker import metrics
from worker.ads.stats import aggregate_stats
from worker.depths import UNKNOWN
from worker.outbox import Sounding


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"signalbox_{name}", labels) or 0.0


def test_outcomes_are_counted_with_their_reason() -> None:
    before = value("click_outcomes_total", outcome="rejected", reason="link_expired")
    metrics.count_clicks({"counted": 2, "rejected.link_expired": 3})
    assert value("click_outcomes_total", outcome="rejected", reason="link_expired") == before + 3


def test_a_queue_that_cannot_be_asked_keeps_its_last_figure() -> None:
    Sounding(lambda queue: 7)()
    Sounding(lambda queue: UNKNOWN if queue == "clicks" else 3)()
    assert (value("queue_ready", queue="clicks"), value("queue_ready", queue="jobs")) == (7, 3)


def test_a_ledger_that_contradicts_the_statistics_shows_as_imbalance(database: Any) -> None:
    stage.local(stage.build().click(at=-3 * stage.DAY))
    aggregate_stats()
    assert value("ledger_imbalance", ledger="earnings") == 0
    execute("update ledger_entry set amount = amount + 1")
    aggregate_stats()
    assert value("ledger_imbalance", ledger="earnings") == 1
