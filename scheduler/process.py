"""The scheduler process: one timer that asks the database what is due; any number of them may run at once."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from apscheduler.events import EVENT_SCHEDULER_STARTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

from config import catalog, clock, logs
from config.metrics import expose
from config.settings import Settings, get_settings
from models import schedule
from models.database import DATABASE_DOWN, connect, disconnect, drop_connection, ensure_connection
from models.migrate import require_current
from models.retention import forget_old
from models.schedule import Entry
from scheduler import metrics
from scheduler.clock import BadSpec, Due, Interval, trigger_of
from scheduler.firing import fire_due

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 30
RETENTION_SECONDS = 3600
FROZEN_AFTER_MS = 10_000
_SILENT = timedelta(days=1)


class Timer:
    """The jobs of one APScheduler instance: one per periodic task, the sweep and the heartbeat."""

    def __init__(self, scheduler: BaseScheduler) -> None:
        self._scheduler = scheduler
        self._instance = f"{socket.gethostname()}-{os.getpid()}"
        self._started_at = clock.now()
        self._versions: dict[str, int] = {}
        self._triggers: dict[str, Due] = {}

    def add_jobs(self) -> None:
        """Seed missing rows and start watching every task; what is due already is fired first."""
        schedule.seed(catalog.periodic())
        schedule.forget_silent(schedule.database_now() - _SILENT)
        for entry in schedule.entries():
            self._watch(entry)
        self._add(self.sweep, "sweep", SWEEP_SECONDS)
        self._add(self.heartbeat, "heartbeat", 1)

    def sweep(self) -> None:
        """Ask for every task: whatever the timer slept through is in the database."""
        _guarded(_sweep)

    def heartbeat(self) -> None:
        """Leave a sign of life and notice rows that an operator changed or that are due by the database's clock."""
        _guarded(self._heartbeat)

    def _heartbeat(self) -> None:
        schedule.beat(self._instance, self._started_at)
        metrics.LAST_BEAT.set_to_current_time()
        at = schedule.database_now()
        for entry in schedule.entries():
            if self._versions.get(entry.task) != entry.version:
                self._watch(entry)
            elif entry.enabled and self._is_due(entry, at):
                _fire(entry.task)

    def _is_due(self, entry: Entry, at: datetime) -> bool:
        # the job may have asked a moment early, when this machine's clock is ahead of the database's
        trigger = self._triggers.get(entry.task)
        return trigger is not None and any(trigger.between(entry.last_due_at, at))

    def _watch(self, entry: Entry) -> None:
        task = catalog.TASKS.get(entry.task)
        self._versions[entry.task] = entry.version
        if task is None or task.trigger is None:
            return
        try:
            trigger = trigger_of(task, entry.spec, entry.zone)
        except BadSpec as error:
            log.error("schedule_spec_refused", task=entry.task, problem=str(error))
            return
        self._triggers[entry.task] = trigger
        self._scheduler.add_job(fire, trigger, [entry.task], id=entry.task, replace_existing=True)

    def _add(self, job: Callable[[], None], name: str, seconds: int) -> None:
        self._scheduler.add_job(job, Interval(seconds), id=f"_{name}", next_run_time=clock.now())

    def realign(self) -> None:
        """Compute all next times anew, after the machine's clock was set back."""
        for job in self._scheduler.get_jobs():
            job.reschedule(job.trigger)


def fire(task: str) -> None:
    """The job of one task."""
    _guarded(lambda: _fire(task))


def _sweep() -> None:
    for task in catalog.periodic():
        _fire(task.name)


def _fire(task: str) -> None:
    try:
        fire_due(task)
    except BadSpec as error:
        log.error("schedule_spec_refused", task=task, problem=str(error))


def _guarded(work: Callable[[], None]) -> None:
    """Run on a live connection; without a database there is nothing to do but to ask again soon."""
    try:
        ensure_connection()
        work()
    except DATABASE_DOWN as error:
        log.warning("schedule_check_failed", error=type(error).__name__)
        drop_connection()


class Pulse(threading.Thread):
    """Sees the machine's clock go back, which would make the timer sleep for as long, and ends the timer on request."""

    def __init__(self, timer: Timer, scheduler: BaseScheduler) -> None:
        super().__init__(name="scheduler-pulse", daemon=True)
        self._timer, self._scheduler = timer, scheduler
        self._last = clock.now()
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(1.0):
            self.look(clock.now())
        self._scheduler.shutdown()

    def look(self, now: datetime) -> None:
        """Compare the wall clock with its last reading."""
        if now < self._last:
            log.warning("clock_went_back", seconds=round((self._last - now).total_seconds(), 3))
            self._timer.realign()
        self._last = now

    def stop(self, *_: object) -> None:
        """End the timer when the running job is done; safe to call from a signal handler."""
        self._stop_asked.set()


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; a frozen process loses its row lock after ten seconds.

    Raises SchemaError unless the database has exactly this version's schema.
    """
    logs.configure(settings)
    connect(settings, role="scheduler", idle_ms=FROZEN_AFTER_MS)
    require_current()
    expose(settings.metrics_port)
    scheduler = BlockingScheduler(**_options())
    pulse = _prepare(scheduler)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pulse.stop)
    log.info("scheduler_started", tasks=len(catalog.periodic()))
    scheduler.start()
    pulse.join()
    log.info("scheduler_stopped")


def start_background() -> Pulse:
    """The same timer beside other work, on the handle that is already connected; end it with `stop` and `join`."""
    scheduler = BackgroundScheduler(**_options())
    pulse = _prepare(scheduler)
    # without a relay nobody else forgets old rows
    scheduler.add_job(_forget_old, Interval(RETENTION_SECONDS), id="_retention", next_run_time=clock.now())
    scheduler.start()
    return pulse


def _forget_old() -> None:
    _guarded(lambda: log.info("old_rows_forgotten", rows=forget_old(get_settings().dead_letter_days)))


def _prepare(scheduler: BaseScheduler) -> Pulse:
    # the heartbeat would be two lines a second
    logging.getLogger("apscheduler").setLevel(max(logging.WARNING, logging.getLogger().level))
    timer = Timer(scheduler)
    timer.add_jobs()
    disconnect()
    pulse = Pulse(timer, scheduler)
    scheduler.add_listener(lambda _: pulse.start(), EVENT_SCHEDULER_STARTED)
    return pulse


def _options() -> dict[str, Any]:
    return {
        "timezone": "UTC",
        "jobstores": {"default": MemoryJobStore()},
        # one thread, so one connection; jobs are short and a slow database shows in the heartbeat
        "executors": {"default": ThreadPoolExecutor(1)},
        "job_defaults": {"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    }
