"""The relay: publishes what waits in the outbox, files dead letters, forgets old rows; any number of them may run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Protocol

import structlog
from dramatiq.errors import ConnectionClosed
from prometheus_client import Counter, Gauge

from config import logs
from config.catalog import QUEUES
from config.clock import monotonic
from config.errors import SettingsError
from config.metrics import expose
from config.settings import Settings
from models import outbox
from models.database import DATABASE_DOWN, connect, db, disconnect, drop_connection, ensure_connection
from models.migrate import require_current
from models.outbox import Waiting
from models.retention import forget_old
from worker import metrics
from worker.broker import HardenedRabbitmqBroker
from worker.dead_drain import drain
from worker.depths import UNKNOWN, Depths
from worker.supervisor import notify

log = structlog.get_logger(__name__)

ROUND_SECONDS = 0.2
BATCH = 500
PROBE = 10
CONFIRM_SECONDS = 2.0
STATEMENT_MS = 5000
DRAIN_SECONDS = 5.0
SAMPLE_SECONDS = 5.0
RETENTION_SECONDS = 3600.0
STOP_SECONDS = 5.0
FAIR_SHARE = 200
QUEUE_IS_FULL = 2000

PENDING = Gauge("signalbox_outbox_pending", "Messages in the outbox that are due")
OLDEST = Gauge("signalbox_outbox_oldest_age_seconds", "Seconds since the oldest of them was due")
RELAYED = Counter("signalbox_outbox_relayed_total", "Messages that the relay tried to publish", ["result"])


class Publisher(Protocol):
    """What the relay needs of a broker."""

    def publish(self, queue: str, body: bytes, deadline: float) -> Future[None]:
        """Publish within `deadline` seconds; the future fails when the broker does not confirm."""


class Relay:
    """Rounds of take, publish, delete what is confirmed; the rows stay locked meanwhile, so relays share the work."""

    def __init__(self, publisher: Publisher, depth: Callable[[str], int]) -> None:
        self._publisher = publisher
        self._depth = depth
        self._most = BATCH
        self._last_key = ""

    def round(self) -> bool:
        """One round over urgent rows, then over bulk ones; True if there may be more at once."""
        urgent = self._publish_taken(lambda: outbox.take(self._most), BATCH)
        bulk = self._publish_taken(self._take_fair, FAIR_SHARE)
        return urgent or bulk

    def _publish_taken(self, take: Callable[[], list[Waiting]], full: int) -> bool:
        with db.atomic():
            rows = take()
            if not rows:
                return False
            confirmed, failed = self._publish(rows)
            outbox.remove(confirmed)
            outbox.postpone(failed)
        # while the broker takes nothing, a few rows are enough to find out when it does again
        self._most = BATCH if confirmed else PROBE
        return bool(confirmed) and len(rows) >= full

    def _publish(self, rows: Sequence[Waiting]) -> tuple[list[int], list[int]]:
        futures = {row.id: self._publisher.publish(row.queue, row.body, CONFIRM_SECONDS) for row in rows}
        wait(futures.values(), CONFIRM_SECONDS + 0.5)
        confirmed = [row_id for row_id, future in futures.items() if _is_confirmed(future)]
        failed = [row_id for row_id in futures if row_id not in set(confirmed)]
        RELAYED.labels("confirmed").inc(len(confirmed))
        RELAYED.labels("failed").inc(len(failed))
        if failed:
            log.warning("outbox_rows_postponed", failed=len(failed), confirmed=len(confirmed), error=_why(futures))
        return confirmed, failed

    def _take_fair(self) -> list[Waiting]:
        keys = self._next_keys()
        if not keys:
            return []
        full = [queue for queue in QUEUES if self._depth(queue) >= QUEUE_IS_FULL]
        return outbox.take_fair(keys, full, min(FAIR_SHARE, max(1, self._most // len(keys))))

    def _next_keys(self) -> list[str]:
        """The keys of this turn, from where the last one stopped, and from the start when it came to the end."""
        keys = outbox.fair_keys(self._last_key, self._most)
        self._last_key = keys[-1] if len(keys) == self._most else ""
        return keys


def _is_confirmed(future: Future[None]) -> bool:
    return future.done() and future.exception() is None


def _why(futures: dict[int, Future[None]]) -> str:
    errors = (future.exception() if future.done() else TimeoutError() for future in futures.values())
    return next(type(error).__name__ for error in errors if error)


class Chore(threading.Thread):
    """Work on a thread of its own every so many seconds, with its own connection to the database."""

    def __init__(self, name: str, seconds: float, work: Callable[[], object], stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._seconds, self._work, self._stop_asked = seconds, work, stop

    def run(self) -> None:
        while not self._stop_asked.is_set():
            guarded(self._work)
            self._stop_asked.wait(self._seconds)
        disconnect()


def guarded(work: Callable[[], object]) -> object:
    """Run on a live connection; without a database there is nothing to do but to try again soon."""
    try:
        ensure_connection()
        return work()
    except DATABASE_DOWN as error:
        log.warning("relay_without_database", error=type(error).__name__)
        drop_connection()
        return None


def sample() -> None:
    """Measure what waits."""
    pending, age = outbox.backlog()
    PENDING.set(pending)
    OLDEST.set(age)


class Sounding:
    """Measures how many messages wait in each queue; a queue that cannot be asked keeps its last figure."""

    def __init__(self, depths: Callable[[str], int]) -> None:
        self._depths = depths

    def __call__(self) -> None:
        for queue in QUEUES:
            if (ready := self._depths(queue)) < UNKNOWN:
                metrics.READY.labels(queue).set(ready)


def run_rounds(relay: Relay, stop: threading.Event) -> None:
    """Rounds until `stop` is set; a full one is followed by the next without a pause."""
    while not stop.is_set():
        started_at = monotonic()
        if not guarded(relay.round):
            stop.wait(max(0.0, ROUND_SECONDS - (monotonic() - started_at)))
    disconnect()


def run(settings: Settings) -> int:
    """Relay until SIGTERM or SIGINT, which end it within seconds; 0.

    Raises SettingsError in the embedded mode, SchemaError unless the database has exactly this version's schema.
    """
    if settings.embedded or settings.database_dsn.startswith("sqlite:"):
        raise SettingsError(["RABBITMQ_URL, DATABASE_URL: the relay needs both; the embedded mode has no relay"])
    logs.configure(settings)
    connect(settings, role="relay", statement_ms=STATEMENT_MS)
    require_current()
    disconnect()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    expose(settings.metrics_port)
    _relay(settings, HardenedRabbitmqBroker(settings, "relay", []), stop)
    return 0


def _relay(settings: Settings, broker: HardenedRabbitmqBroker, stop: threading.Event) -> None:
    depths = Depths(broker.parameters)
    chores = _chores(settings, broker, stop)
    for chore in chores:
        chore.start()
    log.info("relay_started")
    notify("READY=1")
    run_rounds(Relay(broker.publisher, depths), stop)
    for chore in chores:
        chore.join(STOP_SECONDS)
    depths.close()
    broker.close()
    log.info("relay_stopped")


def _chores(settings: Settings, broker: HardenedRabbitmqBroker, stop: threading.Event) -> list[Chore]:
    return [
        Chore("dead-letters", DRAIN_SECONDS, lambda: _drain(broker), stop),
        Chore("outbox-sample", SAMPLE_SECONDS, sample, stop),
        Chore("queue-depths", SAMPLE_SECONDS, Sounding(Depths(broker.parameters)), stop),
        Chore("retention", RETENTION_SECONDS, lambda: forget_old(settings.dead_letter_days), stop),
    ]


def _drain(broker: HardenedRabbitmqBroker) -> None:
    try:
        drain(broker)
    except ConnectionClosed as error:
        log.info("dead_letters_not_read", error=type(error).__name__)
