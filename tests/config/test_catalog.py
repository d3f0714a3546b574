"""Facts that must hold for every row of the catalog, whoever adds one."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from config import catalog
from config.catalog import LANES, NEVER, QUEUES, SEED_NAMES, TASKS, Area, CatchUp, Task, UnknownTask
from config.clock import now
from config.settings import Settings
from scheduler.clock import trigger_of

ROOT = Path(__file__).parents[2]
ADS_SEED_NAMES = {"process_click", "clean_ip_blacklist", "check_outdated_campaigns"}
ALL_SEED_NAMES_OF_ADS = ADS_SEED_NAMES | {
    "decline_unconfirmed_moneyout_requests",
    "agregate_stats",
    "archive_old_stats",
}
SEED_NAMES_OF_DOMAINS = {
    "check_active_tracking_domains_via_gsb_task",
    "check_active_tracking_domains_via_dns_task",
    "check_active_tracking_domains_via_gsc_task",
    "block_active_tracking_domain_task",
    "check_blocked_tracking_domains_task",
    "unblock_blocked_tracking_domain_task",
}
PERIODIC = catalog.periodic()
each_task = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
each_periodic = pytest.mark.parametrize("task", PERIODIC, ids=lambda task: task.name)


def test_every_queue_is_served_by_exactly_one_lane() -> None:
    served = Counter(queue for lane in LANES.values() for queue in lane.queues)
    assert served == Counter(QUEUES)


def test_the_default_worker_set_consumes_every_queue_once() -> None:
    text = (ROOT / "Procfile").read_text()
    units = [re.findall(r"--lane (\S+)", line) for line in text.splitlines() if " worker " in line]
    consumed = Counter(queue for lanes in units for queue in catalog.queues_of(lanes))
    assert consumed == Counter(QUEUES)


def test_lanes_are_found_under_their_names() -> None:
    assert all(name == lane.name for name, lane in LANES.items())


def test_a_lane_can_keep_its_threads_busy() -> None:
    assert all(lane.prefetch >= lane.threads >= 1 for lane in LANES.values())


def test_clicks_have_a_lane_of_their_own() -> None:
    assert LANES["clicks"].queues == ("clicks",)


@each_task
def test_a_task_is_named_in_snake_case_and_its_queue_in_kebab_case(task: Task) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", task.name)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", task.queue)


@each_task
def test_a_time_limit_stays_below_the_acknowledgement_timeout(task: Task) -> None:
    assert 0 < task.seconds <= 25 * 60


@each_task
def test_retries_are_bounded_and_grow(task: Task) -> None:
    assert 0 <= task.retry.times <= 60
    assert 0 < task.retry.first <= task.retry.last <= 900


@each_task
def test_a_lease_lasts_exactly_as_long_as_a_run_may(task: Task) -> None:
    assert task.lease in (None, task.seconds)


@each_periodic
def test_a_periodic_task_never_overlaps_itself(task: Task) -> None:
    assert task.lease is not None


@each_periodic
def test_a_tick_is_not_retried_because_the_next_one_is_the_retry(task: Task) -> None:
    assert task.trigger is not None
    if task.trigger.catch_up is CatchUp.SKIP:
        assert task.retry == NEVER


@each_periodic
@pytest.mark.usefixtures("settings_env")
def test_a_run_ends_before_the_next_one_is_due(task: Task) -> None:
    first, second = islice(trigger_of(task, None).after(now()), 2)
    assert (second - first).total_seconds() >= task.seconds


@each_periodic
def test_a_trigger_is_either_a_cron_line_or_a_period(task: Task) -> None:
    assert task.trigger is not None
    assert (task.trigger.cron is None) != (task.trigger.every is None)


@each_periodic
def test_weekdays_are_written_as_names(task: Task) -> None:
    assert task.trigger is not None
    if task.trigger.cron:
        assert not re.search(r"\d", task.trigger.cron.split()[4])


@each_periodic
def test_a_trigger_can_be_read_aloud(task: Task) -> None:
    assert re.fullmatch(r"cron \S+( \S+){4} (UTC|[A-Z_]+)|every \d+ s( \([A-Z_]+\))?", str(task.trigger))


@each_periodic
def test_a_trigger_names_a_setting_that_exists(task: Task) -> None:
    assert task.trigger is not None
    assert task.trigger.setting is None or task.trigger.setting in Settings.model_fields


def test_money_and_clicks_are_never_retried_by_the_queue() -> None:
    assert [task.name for task in TASKS.values() if task.queue == "clicks" and task.retry != NEVER] == []


def test_seed_names_are_known_ones_and_each_is_given_once() -> None:
    ads = [task.seed for task in TASKS.values() if task.seed and task.area is Area.ADS]
    assert len(ads) == len(set(ads))
    assert ADS_SEED_NAMES <= set(ads) <= ALL_SEED_NAMES_OF_ADS
    domains = [task.seed for task in TASKS.values() if task.seed and task.area is Area.DOMAINS]
    assert sorted(domains) == sorted(SEED_NAMES_OF_DOMAINS)


def test_a_task_is_found_by_its_name_and_by_its_seed_name() -> None:
    assert all(catalog.find(name).name == name for name in TASKS)
    assert all(catalog.find(seed).name == name for seed, name in SEED_NAMES.items())


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownTask, match=r"unknown task 'nothing'.*process_click"):
        catalog.find("nothing")


def test_an_unknown_lane_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownTask, match=r"unknown lane 'fast'.*clicks"):
        catalog.queues_of(["clicks", "fast"])


def test_no_lane_means_every_queue() -> None:
    assert set(catalog.queues_of([])) == set(QUEUES)


def test_queues_of_lanes_are_not_repeated() -> None:
    assert catalog.queues_of(["clicks", "retry", "clicks"]) == ("clicks", "retry")
