"""What surrounds every run, in order; hooks observe or skip, because the library goes on when one of them fails."""

from __future__ import annotations

import logging
import secrets
from threading import Timer
from typing import Any

import structlog
from dramatiq import Broker, Middleware
from dramatiq.middleware import AgeLimit, CurrentMessage, ShutdownNotifications, SkipMessage
from dramatiq.middleware import TimeLimit as StockTimeLimit
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from config.clock import monotonic, now
from models.database import db, disconnect, drop_connection
from worker import metrics
from worker.interrupts import interrupts
from worker.poison import PoisonGuard
from worker.retries import SafeRetries

SHUTDOWN_AFTER = 15.0
log = structlog.get_logger(__name__)
_LOGGER = logging.getLogger(__name__)


def middleware() -> list[Middleware]:
    """The list of runtime design section 3: before-hooks run top down, after-hooks bottom up."""
    return [
        StaleDelivery(),
        PoisonGuard(),
        AgeLimit(),
        CurrentMessage(),
        ThreadConnection(),
        TraceContext(),
        RunLog(),
        Metrics(),
        LateShutdown(),
        SafeRetries(max_retries=0),
        TimeLimit(time_limit=120_000),
    ]


class StaleDelivery(Middleware):
    """Skips what an earlier connection delivered: the broker delivers it again, and this acknowledgement is ignored."""

    def before_process_message(self, broker: Broker, message: Any) -> None:
        begin = getattr(getattr(message, "_consumer", None), "begin", None)
        if begin is not None and not begin(message):
            message.outcome = "stale"
            message.requeue = True
            message.fail()
            raise SkipMessage("stale delivery")


class ThreadConnection(Middleware):
    """Closes a thread's database connection with the thread."""

    def before_worker_thread_shutdown(self, broker: Broker, thread: Any) -> None:
        if db.obj is not None and db.in_transaction():
            drop_connection()
        disconnect()


class TraceContext(Middleware):
    """Carries a W3C trace through messages: what a run sends belongs to the trace of the run."""

    def before_enqueue(self, broker: Broker, message: Any, delay: int | None) -> None:
        trace_id = get_contextvars().get("trace_id")
        if trace_id and "traceparent" not in message.options:
            message.options["traceparent"] = f"00-{trace_id}-{secrets.token_hex(8)}-01"

    def before_process_message(self, broker: Broker, message: Any) -> None:
        parts = message.options.get("traceparent", "").split("-")
        trace_id = parts[1] if len(parts) == 4 and len(parts[1]) == 32 else secrets.token_hex(16)
        bind_contextvars(
            trace_id=trace_id,
            task=message.actor_name,
            message_id=message.message_id,
            attempt=message.options.get("attempt", 0),
        )

    def after_process_message(
        self, broker: Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        clear_contextvars()

    def after_skip_message(self, broker: Broker, message: Any) -> None:
        clear_contextvars()


class RunLog(Middleware):
    """One line per attempt: how it ended and how long it took; never an argument."""

    def before_process_message(self, broker: Broker, message: Any) -> None:
        message.started_at = monotonic()

    def after_process_message(
        self, broker: Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if exception is None and not _LOGGER.isEnabledFor(logging.INFO):
            return
        say = log.info if exception is None else log.warning
        fields = {"error": type(exception).__name__} if exception is not None else {}
        if (rows := getattr(message, "rows_done", None)) is not None:
            fields["rows"] = rows
        say(
            "task_ended",
            result=outcome_of(message, exception),
            duration_s=round(duration_of(message), 4),
            waited_s=round(_waited(message), 3),
            **fields,
        )

    def after_skip_message(self, broker: Broker, message: Any) -> None:
        log.info("task_skipped", result=outcome_of(message, None))


class Metrics(Middleware):
    """The same for Prometheus."""

    def after_process_message(
        self, broker: Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        runs, duration = metrics.of_run(message.actor_name, outcome_of(message, exception))
        runs.inc()
        duration.observe(duration_of(message))
        metrics.WAITED.labels(message.queue_name).set(_waited(message))

    def after_skip_message(self, broker: Broker, message: Any) -> None:
        metrics.RUNS.labels(message.actor_name, outcome_of(message, None)).inc()


class LateShutdown(ShutdownNotifications):
    """Leaves runs 15 of the 25 seconds that a worker has to end, then interrupts those that can be."""

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None

    def before_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        self._timer = Timer(SHUTDOWN_AFTER, interrupts.shutdown)
        self._timer.daemon = True
        self._timer.start()

    def after_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def before_process_message(self, broker: Broker, message: Any) -> None:
        """Nothing: `worker.interrupts` knows what runs."""

    def after_process_message(
        self, broker: Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Nothing, as above."""

    after_skip_message = after_process_message


class TimeLimit(StockTimeLimit):
    """Holds the option; the limit itself is kept by `worker.interrupts`, around the function and nothing else."""

    def after_process_boot(self, broker: Broker) -> None:
        """Nothing to start."""

    def before_process_message(self, broker: Broker, message: Any) -> None:
        """Nothing, as above."""

    def after_process_message(
        self, broker: Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Nothing, as above."""

    after_skip_message = after_process_message


def outcome_of(message: Any, exception: BaseException | None) -> str:
    """done, retried, dead, returned, stale, quarantined, cancelled, overlap or skipped."""
    known = getattr(message, "outcome", None)
    if known:
        return str(known)
    if getattr(message, "quarantined", False):
        return "quarantined"
    return "done" if exception is None else "failed"


def duration_of(message: Any) -> float:
    """Seconds since the run began; 0 if it did not."""
    started = getattr(message, "started_at", None)
    return 0.0 if started is None else monotonic() - started


def _waited(message: Any) -> float:
    """Seconds that the message waited for this attempt before its run began."""
    sent = message.options.get("requeue_timestamp", message.message_timestamp) / 1000
    return float(max(0.0, now().timestamp() - duration_of(message) - sent))
