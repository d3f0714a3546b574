"""The worker process: boots once, runs the tasks of its queues, ends in order within 25 seconds."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import sleep
from typing import Any

import structlog
from dramatiq import Broker, Worker

from config import logs
from config.catalog import LANES, QUEUES, Lane, queues_of
from config.errors import SettingsError
from config.metrics import expose
from config.settings import Settings, get_settings
from models import migrate
from models.database import connect, disconnect
from worker.broker import load_actors, make_broker
from worker.supervisor import Supervisor, notify

STOP_MS = 22_000
EXIT_SECONDS = 25.0
WORKER_TIMEOUT_MS = 200
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unit:
    """What one worker process serves; of several lanes it takes the largest number of threads and prefetch."""

    name: str
    queues: tuple[str, ...]
    threads: int
    prefetch: int


class SupervisedWorker(Worker):
    """The library's worker with its supervisor."""

    def __init__(self, broker: Broker, unit: Unit, max_rss_mib: int) -> None:
        super().__init__(broker, queues=set(unit.queues), worker_threads=unit.threads, worker_timeout=WORKER_TIMEOUT_MS)
        self.queue_prefetch = unit.prefetch
        self._supervisor = Supervisor(self, unit=unit.name, max_rss_mib=max_rss_mib)

    def start(self) -> None:
        """Start consuming and watching."""
        super().start()
        await_threads(self)
        self._supervisor.start()

    def stop(self, timeout: int = STOP_MS) -> None:
        """Finish what runs, at most `timeout` milliseconds; give the rest back."""
        self._supervisor.stop()
        super().stop(timeout)


def await_threads(worker: Any) -> None:
    """Until every thread of a worker has begun: one that is told to end before that would not hear it."""
    while not all(thread.running for thread in [*worker.workers, *worker.consumers.values()]):
        sleep(0.001)


def run(
    settings: Settings, *, lanes: Sequence[str] = (), queues: Sequence[str] = (), threads: int | None = None
) -> int:
    """Work until a signal says stop; 0. Raises what keeps a worker from starting."""
    if not settings.embedded and settings.database_dsn.startswith("sqlite:"):
        raise SettingsError(["DATABASE_URL: is not set; beside RABBITMQ_URL it must name a PostgreSQL database"])
    logs.configure(settings)
    connect(settings, role="worker")
    migrate.require_current()
    disconnect()
    unit = plan(lanes, queues, threads)
    ending = Ending()
    broker = make_broker(settings, "worker")
    load_actors()
    expose(settings.metrics_port)
    gc.collect()
    gc.freeze()  # what is loaded by now stays for good, so no collection needs to look at it
    worker = _start(broker, unit, settings.worker_max_rss_mib)
    log.info("worker_started", unit=unit.name, queues=list(unit.queues), threads=unit.threads, prefetch=unit.prefetch)
    notify("READY=1")
    ending.wait()
    _stop(worker, broker)
    return 0


def start_worker(
    broker: Broker, *, threads: int | None = None, queues: Sequence[str] = (), max_rss_mib: int | None = None
) -> SupervisedWorker:
    """A running worker in this process, for those who bring their own broker and their own end."""
    unit = plan((), queues, threads)
    return _start(broker, unit, max_rss_mib or get_settings().worker_max_rss_mib)


def plan(lanes: Sequence[str], queues: Sequence[str], threads: int | None) -> Unit:
    """The unit of these lanes, or of these queues, or of everything; raises UnknownTask, SettingsError."""
    unknown = sorted(set(queues) - set(QUEUES))
    if unknown:
        raise SettingsError([f"unknown queue {unknown[0]!r}; known are {', '.join(QUEUES)}"])
    names = tuple(queues) or queues_of(list(lanes))
    served = [lane for lane in LANES.values() if set(lane.queues) & set(names)]
    return Unit(
        "+".join(lanes) or ("+".join(queues) or "all"),
        names,
        threads or _largest(served, "threads"),
        max(_largest(served, "prefetch"), threads or 0),
    )


def _largest(lanes: Sequence[Lane], what: str) -> int:
    return max((int(getattr(lane, what)) for lane in lanes), default=4)


def _start(broker: Broker, unit: Unit, max_rss_mib: int) -> SupervisedWorker:
    for queue in unit.queues:
        broker.declare_queue(queue)
    broker.emit_after("process_boot")
    worker = SupervisedWorker(broker, unit, max_rss_mib)
    worker.start()
    return worker


def _stop(worker: Worker, broker: Broker) -> None:
    notify("STOPPING=1")
    log.info("worker_stopping")
    # whatever hangs now must not keep the process: the broker has every message that is not acknowledged
    last = threading.Timer(EXIT_SECONDS - 1, _exit_at_once)
    last.daemon = True
    last.start()
    worker.stop(STOP_MS)
    broker.close()
    disconnect()
    last.cancel()
    log.info("worker_stopped")


def _exit_at_once() -> None:
    log.error("worker_did_not_stop_in_time")
    os._exit(1)


class Ending:
    """The signals of a process: SIGTERM or Ctrl-C begins its end; a second Ctrl-C on a terminal ends it at once."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, _reload)

    def wait(self) -> None:
        """Until the process is asked to end."""
        self._asked.wait()

    def _end(self, number: int, frame: Any) -> None:
        # service managers and dynos send SIGTERM more than once and mean one end
        if self._asked.is_set() and number == signal.SIGINT and sys.stdin.isatty():
            os._exit(130)
        self._asked.set()


def _reload(number: int, frame: Any) -> None:
    get_settings.cache_clear()
    try:
        logs.configure(get_settings())
    except SettingsError as error:
        log.error("settings_not_reloaded", problems=error.problems)
    else:
        log.info("settings_reloaded")
