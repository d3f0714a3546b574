"""The one table of tasks, queues and lanes; actors, schedule, command line and reference are derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed run is tried again, and how long to wait: first × 2ⁿ seconds with jitter, never above last."""

    times: int
    first: float = 1.0
    last: float = 60.0


NEVER = Retry(0)
SOON = Retry(5, 1, 60)
MINUTELY = Retry(3, 60, 60)
PATIENTLY = Retry(53, 30, 300)
HOURLONG = Retry(60, 5, 300)


class CatchUp(StrEnum):
    """What happens to due times that passed while no scheduler ran."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class Area(StrEnum):
    """The part of the product a task belongs to."""

    ADS = "ads"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a periodic task is due: a cron line in UTC, or a multiple of `every` seconds since the epoch."""

    cron: str | None = None
    every: int | None = None
    catch_up: CatchUp = CatchUp.SKIP

    def __str__(self) -> str:
        return f"cron {self.cron} UTC" if self.cron else f"every {self.every} s"


@dataclass(frozen=True, slots=True)
class Task:
    """One row: what a task is called, where it runs, when, how long and how often it may fail."""

    name: str
    queue: str
    area: Area
    seconds: int
    retry: Retry = NEVER
    trigger: Trigger | None = None
    lease: int | None = None
    gave_up: str | None = None
    seed: str | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """Queues served together by one worker unit, with its default threads and prefetch."""

    name: str
    queues: tuple[str, ...]
    threads: int
    prefetch: int


def cron(line: str, catch_up: CatchUp) -> Trigger:
    """A trigger on a cron line in UTC; weekdays are written as names."""
    return Trigger(cron=line, catch_up=catch_up)


def every(seconds: int, catch_up: CatchUp = CatchUp.SKIP) -> Trigger:
    """A trigger at the multiples of a period since the epoch, so that a restart never shifts it."""
    return Trigger(every=seconds, catch_up=catch_up)


_ADS = (
    Task("process_click", "clicks", Area.ADS, 30, gave_up="record_dead_clicks", seed="process_click"),
    Task("process_clicks", "clicks", Area.ADS, 30, gave_up="record_dead_clicks"),
    Task("finish_pending_clicks", "clicks", Area.ADS, 50, trigger=every(60), lease=50),
    Task("replay_spool", "clicks", Area.ADS, 50, trigger=every(60), lease=50),
    Task(
        "clean_ip_blacklist",
        "periodic",
        Area.ADS,
        600,
        MINUTELY,
        cron("20 0 * * *", CatchUp.LATEST),
        600,
        seed="clean_ip_blacklist",
    ),
    Task(
        "check_outdated_campaigns",
        "periodic",
        Area.ADS,
        300,
        trigger=cron("5-59/10 * * * *", CatchUp.SKIP),
        lease=300,
        seed="check_outdated_campaigns",
    ),
    Task("check_impression_servers", "periodic", Area.ADS, 60, trigger=every(900), lease=60),
    Task("refresh_campaign", "jobs", Area.ADS, 60, PATIENTLY),
    Task("announce_campaign", "jobs", Area.ADS, 60, PATIENTLY),
    Task("report_dead_letters", "periodic", Area.ADS, 60, trigger=every(900), lease=60),
    Task("check_campaigns", "periodic", Area.ADS, 300, trigger=cron("2-59/10 * * * *", CatchUp.SKIP), lease=300),
    Task("stop_old_campaigns", "periodic", Area.ADS, 600, MINUTELY, cron("50 0 * * *", CatchUp.LATEST), 600),
    Task("deactivate_orphan_offers", "periodic", Area.ADS, 600, MINUTELY, cron("55 0 * * *", CatchUp.LATEST), 600),
    Task("replay_click_errors", "jobs", Area.ADS, 600, MINUTELY),
    Task("erase_account", "jobs", Area.ADS, 60, MINUTELY),
    Task(
        "decline_unconfirmed_moneyout_requests",
        "periodic",
        Area.ADS,
        600,
        MINUTELY,
        cron("5 0,8,16 * * *", CatchUp.LATEST),
        600,
        seed="decline_unconfirmed_moneyout_requests",
    ),
    Task("send_mail", "notify-internal", Area.ADS, 90, Retry(10, 60, 900), gave_up="record_dead_mail"),
    Task("keep_click_partitions", "database", Area.ADS, 600, MINUTELY, cron("10 1 * * *", CatchUp.LATEST), 600),
    Task(
        "archive_old_stats",
        "database",
        Area.ADS,
        1500,
        MINUTELY,
        cron("10 1 * * *", CatchUp.LATEST),
        1500,
        seed="archive_old_stats",
    ),
    Task("erase_old_addresses", "database", Area.ADS, 1500, MINUTELY, cron("40 1 * * *", CatchUp.LATEST), 1500),
    Task("drop_old_rejections", "database", Area.ADS, 1500, MINUTELY, cron("50 1 * * *", CatchUp.LATEST), 1500),
    Task("reconcile_adload", "reporting", Area.ADS, 600, Retry(5, 300, 300), cron("10 6 * * *", CatchUp.LATEST), 600),
    Task(
        "aggregate_stats",
        "reporting",
        Area.ADS,
        1500,
        Retry(1, 60, 60),
        cron("2,32 * * * *", CatchUp.LATEST),
        1500,
        seed="agregate_stats",
    ),
)
_SHARED = (
    Task("give_up", "retry", Area.SHARED, 60, PATIENTLY),
    Task("publish_event", "jobs", Area.SHARED, 60, SOON),
    Task("announce_alert", "alerts", Area.SHARED, 40, HOURLONG),
    Task("remind_of_alerts", "periodic", Area.SHARED, 50, trigger=every(60), lease=50),
)

TASKS: dict[str, Task] = {task.name: task for task in (*_ADS, *_SHARED)}
SEED_NAMES: dict[str, str] = {task.seed: task.name for task in TASKS.values() if task.seed}
QUEUES: tuple[str, ...] = tuple(sorted({task.queue for task in TASKS.values()}))

LANES: dict[str, Lane] = {
    lane.name: lane
    for lane in (
        Lane("clicks", ("clicks",), 2, 300),
        Lane("saving", ("database",), 8, 16),
        Lane("retry", ("retry",), 4, 4),
        Lane("jobs", ("jobs",), 4, 4),
        Lane("periodic", ("periodic",), 4, 4),
        Lane("internal", ("notify-internal",), 8, 8),
        Lane("alerts", ("alerts",), 2, 2),
        Lane("reporting", ("reporting",), 4, 4),
    )
}


class UnknownTask(LookupError):
    """No row of the catalog has this name, nor this seed name."""


def find(name: str) -> Task:
    """The task of this name or seed name; raises UnknownTask naming the nearest ones."""
    task = TASKS.get(SEED_NAMES.get(name, name))
    if task is None:
        raise UnknownTask(f"unknown task {name!r}; known are {', '.join(sorted(TASKS))}")
    return task


def periodic() -> tuple[Task, ...]:
    """The tasks that the scheduler fires, in catalog order."""
    return tuple(task for task in TASKS.values() if task.trigger)


def queues_of(lanes: list[str]) -> tuple[str, ...]:
    """The queues of these lanes, without repetition; all queues for an empty list."""
    unknown = [name for name in lanes if name not in LANES]
    if unknown:
        raise UnknownTask(f"unknown lane {unknown[0]!r}; known are {', '.join(LANES)}")
    return tuple(dict.fromkeys(queue for name in lanes or LANES for queue in LANES[name].queues))
