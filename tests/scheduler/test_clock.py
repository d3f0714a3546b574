"""Due times: multiples of a period, cron lines over clock changes, and what the stock trigger does there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from config import catalog
from scheduler.clock import BadSpec, Cron, Due, Interval, parse, trigger_of

BERLIN, BEIRUT, LORD_HOWE = "Europe/Berlin", "Asia/Beirut", "Australia/Lord_Howe"
seconds_since_2000 = st.integers(0, 3_000_000_000)
instants = seconds_since_2000.map(lambda second: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=second))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local_times(trigger: Due, zone: str, first: str, last: str) -> list[str]:
    """Due times as wall clock text with the offset in minutes."""
    return [
        due.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z")
        for due in trigger.between(wall(zone, first), wall(zone, last))
    ]


def wall(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@given(instants, st.integers(1, 90_000))
def test_an_interval_is_due_at_the_next_multiple_since_the_epoch(at: datetime, seconds: int) -> None:
    due = next(Interval(seconds).after(at))
    assert due > at
    assert due - at <= timedelta(seconds=seconds)
    assert int(due.timestamp()) % seconds == 0


def test_an_interval_does_not_count_from_process_start() -> None:
    restarted_often = [next(Interval(6 * 3600).after(utc(f"2026-05-01T{hour:02}:00"))) for hour in (1, 5, 5)]
    assert restarted_often == [utc("2026-05-01T06:00")] * 3


def test_between_excludes_the_last_due_time_and_includes_the_present() -> None:
    due = list(Interval(60).between(utc("2026-05-01T10:00"), utc("2026-05-01T10:02")))
    assert due == [utc("2026-05-01T10:01"), utc("2026-05-01T10:02")]


@given(instants, st.integers(0, 7200), st.integers(0, 7200))
def test_between_can_be_cut_anywhere_without_losing_or_repeating(at: datetime, first: int, second: int) -> None:
    trigger, middle = Cron("*/7 3-20 * * *"), at + timedelta(seconds=first)
    end = middle + timedelta(seconds=second)
    parts = [*trigger.between(at, middle), *trigger.between(middle, end)]
    assert parts == list(trigger.between(at, end))


def test_a_cron_line_is_read_in_utc_unless_told_otherwise() -> None:
    assert next(Cron("20 0 * * *").after(utc("2026-03-28T12:00"))) == utc("2026-03-29T00:20")


def test_a_fixed_time_in_the_spring_gap_runs_right_after_it() -> None:
    due = local_times(Cron("30 2 * * *", BERLIN), BERLIN, "2026-03-28T12:00", "2026-03-30T12:00")
    assert due == ["03-29 03:00+0200", "03-30 02:30+0200"]


def test_two_fixed_times_in_the_spring_gap_make_one_run() -> None:
    due = local_times(Cron("15,45 2 * * *", BERLIN), BERLIN, "2026-03-29T00:00", "2026-03-29T12:00")
    assert due == ["03-29 03:00+0200"]


def test_a_fixed_time_in_the_autumn_hour_runs_once_in_the_first_pass() -> None:
    due = local_times(Cron("30 2 * * *", BERLIN), BERLIN, "2026-10-24T12:00", "2026-10-26T12:00")
    assert due == ["10-25 02:30+0200", "10-26 02:30+0100"]


def test_asking_from_inside_the_second_pass_does_not_go_back() -> None:
    second_pass = utc("2026-10-25T01:35")
    assert next(Cron("15,45 2 * * *", BERLIN).after(second_pass)) > second_pass


def test_a_wildcard_hour_follows_real_time() -> None:
    due = list(Cron("30 * * * *", BERLIN).between(utc("2026-10-25T00:00"), utc("2026-10-25T03:00")))
    assert due == [utc(f"2026-10-25T0{hour}:30") for hour in (0, 1, 2)]


def test_a_midnight_gap_runs_at_one() -> None:
    due = local_times(Cron("0 0 * * *", BEIRUT), BEIRUT, "2026-03-28T12:00", "2026-03-30T12:00")
    assert due == ["03-29 01:00+0300", "03-30 00:00+0300"]


def test_a_half_hour_shift_is_followed() -> None:
    due = local_times(Cron("15 2 * * *", LORD_HOWE), LORD_HOWE, "2026-10-03T12:00", "2026-10-05T12:00")
    assert due == ["10-04 02:30+1100", "10-05 02:15+1100"]


def test_the_stock_trigger_skips_the_day_after_spring_forward() -> None:
    stock, at = CronTrigger.from_crontab("0 0 * * *", timezone=BERLIN), wall(BERLIN, "2026-03-28T12:00")
    days = []
    for _ in range(2):
        at = stock.get_next_fire_time(at, at + timedelta(seconds=1))
        days.append(at.astimezone(ZoneInfo(BERLIN)).day)
    ours = [due.astimezone(ZoneInfo(BERLIN)).day for due in islice(_daily(), 2)]
    assert days == [29, 31]
    assert ours == [29, 30]


def _daily() -> Iterator[datetime]:
    return Cron("0 0 * * *", BERLIN).after(wall(BERLIN, "2026-03-28T12:00"))


def expected_daily(zone: str, hour: int, minute: int, first: datetime, last: datetime) -> list[datetime]:
    """The model: walk over real minutes; a day's run is the first minute at or after the wanted wall time."""
    due, done, at = [], set(), first
    info = ZoneInfo(zone)
    while at <= last:
        local = at.astimezone(info)
        if local.date() not in done and (local.hour, local.minute) >= (hour, minute):
            done.add(local.date())
            due.append(at)
        at += timedelta(minutes=15)
    return due


@pytest.mark.parametrize("zone", [BERLIN, BEIRUT, LORD_HOWE, "America/New_York", "UTC"])
@pytest.mark.parametrize(("hour", "minute"), [(0, 0), (2, 15), (2, 30)])
def test_daily_times_agree_with_a_walk_over_real_time(zone: str, hour: int, minute: int) -> None:
    first, last = wall(zone, "2026-01-01T00:00"), wall(zone, "2027-12-31T23:45")
    before = first - timedelta(minutes=1)
    due = Cron(f"{minute} {hour} * * *", zone).between(before, last)
    assert list(due) == expected_daily(zone, hour, minute, first, last)


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("0 0 * * 1", "by name"),
        ("0 0 * * MON,5", "by name"),
        ("0 0 * *", "five fields"),
        ("0 0 0 * * *", "five fields"),
        ("61 0 * * *", "minute"),
        ("0 0 30 2 *", "day-of-month"),
        ("every 0", "at least one second"),
        ("every day", "five fields"),
    ],
)
def test_a_bad_spec_is_refused_with_the_remedy(spec: str, hint: str) -> None:
    with pytest.raises(BadSpec, match=hint):
        parse(spec)


@pytest.mark.parametrize("spec", ["every 60", "every 60 s", "5-59/10 * * * *", "0 6 * * MON-FRI", "0 6 * * FRI#2"])
def test_a_good_spec_is_read(spec: str) -> None:
    assert next(parse(spec).after(utc("2026-05-01T00:00"))) > utc("2026-05-01T00:00")


def test_the_written_spec_wins_over_the_catalog() -> None:
    task = catalog.find("clean_ip_blacklist")
    noon = utc("2026-05-01T12:00")
    assert next(trigger_of(task, None).after(noon)) == utc("2026-05-02T00:20")
    assert next(trigger_of(task, "every 3600").after(noon)) == utc("2026-05-01T13:00")


def test_a_task_without_times_has_no_trigger() -> None:
    with pytest.raises(BadSpec, match="not periodic"):
        trigger_of(catalog.find("process_click"), None)


def test_a_timer_that_slept_is_due_once_and_then_in_the_future() -> None:
    before, now = utc("2026-05-01T00:00"), utc("2026-05-01T06:00:30")
    assert Interval(60).get_next_fire_time(before, now) == utc("2026-05-01T06:01")
