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
    DOMAINS = "domains"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a periodic task is due: a cron line in UTC, or a multiple of `every` seconds since the epoch.

    `setting` names a setting that says the seconds instead, or for a cron line the time zone; what stands here is
    its default.
    """

    cron: str | None = None
    every: int | None = None
    catch_up: CatchUp = CatchUp.SKIP
    setting: str | None = None

    def __str__(self) -> str:
        named = self.setting.upper() if self.setting else None
        if self.cron:
            return f"cron {self.cron} {named or 'UTC'}"
        return f"every {self.every} s" + (f" ({named})" if named else "")


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


def cron(line: str, catch_up: CatchUp, zone: str | None = None) -> Trigger:
    """A trigger on a cron line, in UTC or in the zone of a setting; weekdays are written as names."""
    return Trigger(cron=line, catch_up=catch_up, setting=zone)


def every(seconds: int, catch_up: CatchUp = CatchUp.SKIP, setting: str | None = None) -> Trigger:
    """A trigger at the multiples of a period since the epoch, so that a restart never shifts it."""
    return Trigger(every=seconds, catch_up=catch_up, setting=setting)


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
_DOMAINS = (
    Task(
        "check_active_tracking_domains_via_gsb",
        "domain-checks",
        Area.DOMAINS,
        60,
        trigger=every(300, setting="check_active_links_interval"),
        lease=60,
        seed="check_active_tracking_domains_via_gsb_task",
    ),
    Task(
        "check_active_tracking_domains_via_dns",
        "domain-checks",
        Area.DOMAINS,
        60,
        seed="check_active_tracking_domains_via_dns_task",
    ),
    Task(
        "check_active_tracking_domains_via_gsc",
        "domain-checks",
        Area.DOMAINS,
        60,
        trigger=cron("0 * * * *", CatchUp.SKIP),
        lease=60,
        seed="check_active_tracking_domains_via_gsc_task",
    ),
    Task(
        "block_active_tracking_domain",
        "domain-switches",
        Area.DOMAINS,
        30,
        Retry(8, 1, 60),
        seed="block_active_tracking_domain_task",
    ),
    Task(
        "check_blocked_tracking_domains",
        "domain-checks",
        Area.DOMAINS,
        300,
        trigger=every(7200),
        lease=300,
        seed="check_blocked_tracking_domains_task",
    ),
    Task(
        "unblock_blocked_tracking_domain",
        "domain-switches",
        Area.DOMAINS,
        30,
        Retry(5, 5, 300),
        seed="unblock_blocked_tracking_domain_task",
    ),
    Task(
        "check_spare_tracking_domains",
        "domain-checks",
        Area.DOMAINS,
        300,
        trigger=every(300, setting="check_active_links_interval"),
        lease=300,
    ),
    Task("update_voluum_campaigns", "domain-switches", Area.DOMAINS, 300, SOON),
    Task("plan_affise_switch_request", "domain-switches", Area.DOMAINS, 300, SOON),
    Task("apply_affise_switch_item", "domain-switches", Area.DOMAINS, 120, SOON),
    Task("announce_pipeline_switch", "alerts", Area.DOMAINS, 30, HOURLONG),
    Task("sweep_unfinished_switches", "periodic", Area.DOMAINS, 30, trigger=every(60), lease=30),
    Task(
        "check_platform_domains",
        "domain-checks",
        Area.DOMAINS,
        300,
        trigger=every(600, setting="platform_check_interval"),
        lease=300,
    ),
    Task("dispatch_domain_safety_request", "domain-checks", Area.DOMAINS, 60, Retry(10, 5, 300)),
    Task("expire_domain_safety_requests", "periodic", Area.DOMAINS, 60, trigger=every(300), lease=60),
)
_SHARED = (
    Task("give_up", "retry", Area.SHARED, 60, PATIENTLY),
    Task("publish_event", "jobs", Area.SHARED, 60, SOON),
    Task("announce_alert", "alerts", Area.SHARED, 40, HOURLONG),
    Task("remind_of_alerts", "periodic", Area.SHARED, 50, trigger=every(60), lease=50),
    Task(
        "send_domains_digest",
        "periodic",
        Area.SHARED,
        30,
        Retry(3, 5, 60),
        cron("0 9 * * *", CatchUp.LATEST, zone="local_timezone"),
        30,
    ),
)

TASKS: dict[str, Task] = {task.name: task for task in (*_ADS, *_DOMAINS, *_SHARED)}
SEED_NAMES: dict[str, str] = {task.seed: task.name for task in TASKS.values() if task.seed}
QUEUES: tuple[str, ...] = tuple(sorted({task.queue for task in TASKS.values()}))

LANES: dict[str, Lane] = {
    lane.name: lane
    for lane in (
        Lane("clicks", ("clicks",), 2, 300),
        Lane("switches", ("domain-switches",), 4, 4),
        Lane("checks", ("domain-checks",), 8, 8),
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
