"""People hear of messages that were given up: at once, not again while nothing changes, and once a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from dramatiq.brokers.stub import StubBroker
from structlog.testing import capture_logs

from config.clock import now
from config.ids import new_id
from models import incidents
from models.database import execute
from models.dead_letters import Letter, bury
from models.envelope import encode_message
from models.fields import bind
from models.runtime import DeadReason
from worker.ads.dead_letters import report_dead_letters

QUARTER = timedelta(minutes=15)


@pytest.fixture
def clock(database: Any, stub_broker: StubBroker) -> Iterator[Any]:
    with time_machine.travel(now().replace(hour=10, minute=0), tick=False) as travel:
        yield travel


def letter(task: str = "refresh_campaign") -> int | None:
    body = encode_message(task, {}, message_id=new_id())
    return bury(Letter(new_id(), 0, task, "jobs", body, DeadReason.EXHAUSTED, "TimeoutError"))


def run(clock: Any) -> list[dict[str, Any]]:
    """One run of the task as a worker books it, then a quarter of an hour passes; the alerts."""
    at: datetime = now()
    with capture_logs() as logged:
        total = report_dead_letters()
    execute(
        "insert into task_run (task, message_id, started_at, finished_at, result, rows_done) "
        "values (%s, %s, %s, %s, 'done', %s)",
        ["report_dead_letters", bind(new_id()), bind(at), bind(at), total],
    )
    clock.shift(QUARTER)
    return [dict(line) for line in logged if line["log_level"] == "error"]


def test_without_letters_nobody_is_told(clock: Any) -> None:
    assert (run(clock), run(clock)) == ([], [])


def test_one_alert_names_every_task_with_its_count_and_the_oldest_age(clock: Any) -> None:
    letter()
    clock.shift(timedelta(hours=2))
    for _ in range(3):
        letter("process_clicks")
    [alert] = run(clock)
    assert alert["event"] == "dead_letters_open"
    assert (alert["tasks"], alert["total"]) == ({"process_clicks": 3, "refresh_campaign": 1}, 4)
    assert alert["oldest_age_s"] == 7200


def test_the_incident_is_open_until_no_letter_is_left(clock: Any) -> None:
    first = letter()
    run(clock)
    (incident,) = incidents.open_ones(10)
    assert (incident.kind, incident.payload["evidence"]) == ("dead_letter_spike", ["refresh_campaign: 1"])
    execute("update dead_letter set state = 'replayed', resolved_at = %s where id = %s", [bind(now()), first])
    run(clock)
    assert incidents.open_ones(10) == []


def test_while_nothing_changes_it_is_not_told_again_until_the_next_day(clock: Any) -> None:
    letter()
    told = [len(run(clock)) for _ in range(4 * 24)]
    assert (told[0], sum(told)) == (1, 2)


def test_a_new_letter_is_told(clock: Any) -> None:
    letter()
    run(clock)
    letter()
    [alert] = run(clock)
    assert (alert["total"], run(clock)) == (2, [])


def test_a_letter_in_place_of_a_settled_one_is_told(clock: Any) -> None:
    first = letter()
    run(clock)
    execute("update dead_letter set state = 'replayed', resolved_at = %s where id = %s", [bind(now()), first])
    letter()
    assert [alert["total"] for alert in run(clock)] == [1]


def test_settled_letters_and_those_of_other_areas_are_not_told(clock: Any) -> None:
    first = letter()
    letter("give_up")
    execute("update dead_letter set state = 'discarded', resolved_at = %s where id = %s", [bind(now()), first])
    assert run(clock) == []


def test_a_run_that_failed_does_not_count_as_told(clock: Any) -> None:
    letter()
    execute(
        "insert into task_run (task, started_at, result, rows_done) values ('report_dead_letters', %s, 'failed', 1)",
        [bind(now())],
    )
    assert len(run(clock)) == 1
