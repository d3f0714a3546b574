"""What worker processes count."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)

CONFIRM_SECONDS = Histogram(
    "signalbox_publish_confirm_seconds", "Time from writing a message to its confirm", ["role"], buckets=_FAST
)
RUNS = Counter("signalbox_task_runs_total", "Attempts to run a task", ["task", "result"])
DURATION = Histogram("signalbox_task_duration_seconds", "Time of one attempt", ["task", "result"], buckets=_LONG)
RETRIES = Counter("signalbox_task_retries_total", "Attempts that led to another one", ["task", "result"])
DEAD = Counter("signalbox_dead_letters_total", "Messages that were given up", ["task"])
POISON = Counter("signalbox_poison_total", "Messages set aside because they took workers down with them", ["task"])
ORPHANS = Counter("signalbox_open_transactions_total", "Runs that left a transaction open", ["task"])
UNHEALTHY = Counter("signalbox_worker_unhealthy_total", "Times a worker ended itself", ["unit"])
CLICKS = Counter("signalbox_click_outcomes_total", "What became of clicks", ["outcome", "reason"])
GROUPS = Histogram(
    "signalbox_click_group_size", "Clicks decided together", ["side"], buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
READY = Gauge("signalbox_queue_ready", "Messages that wait in a queue", ["queue"])
WAITED = Gauge("signalbox_queue_oldest_age_seconds", "How long the message taken last had waited", ["queue"])
IMBALANCE = Gauge(
    "signalbox_ledger_imbalance", "Accounts whose rows contradict what they come from; must be 0", ["ledger"]
)
THREADS_ALIVE = Gauge("signalbox_worker_threads_alive", "Threads of this worker that live", ["unit"])
RSS_BYTES = Gauge("signalbox_worker_rss_bytes", "Memory of this worker", ["unit"])


@cache
def of_run(task: str, result: str) -> tuple[Counter, Histogram]:
    """The counter and the histogram of one way a task's attempts end, looked up once for all of them."""
    return RUNS.labels(task, result), DURATION.labels(task, result)


def count_clicks(counts: Mapping[str, int], side: str = "worker") -> None:
    """Add the outcomes of a batch decided on this side; keys are a tally's, `rejected.over_limit_day` for example."""
    for key, number in counts.items():
        outcome, _, reason = key.partition(".")
        CLICKS.labels(outcome, reason).inc(number)
    GROUPS.labels(side).observe(sum(counts.values()))
