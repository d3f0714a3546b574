"""Broken messages and rows that the database refuses: kept for a person, never in the way of the others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import time_machine

from config.clock import now
from core.ads import clicks as messages
from core.ads.admission import admit, admit_bodies
from core.ads.errors_replay import take
from core.ads.faults import store_dead
from core.ads.local_adload import LocalAdLoad
from integrations.adload.port import ChargeStatus, OutcomeCode
from models.ads import ClickError
from models.click_errors import ErrorFilter
from models.database import execute, fetch, is_postgres
from models.fields import bind
from tests.conftest import SettingsEnv
from tests.core.ads.stage import DAY, SECOND, Answering, Stage, build, counts, fault, ip, local, outcomes


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def test_a_message_that_breaks_the_schema_is_kept_whole_and_the_others_are_decided(stage: Stage) -> None:
    good, bad = stage.click(0), messages.payload(stage.click(1)) | {"ip": "nowhere"}
    tally = admit_bodies([messages.payload(good), bad], LocalAdLoad())
    assert counts(tally) == {"error.internal": 1, "counted": 1}
    row = ClickError.get()
    assert (row.stage, row.code, row.message, row.payload) == ("decode", "internal", "ip: not an IP address", bad)


@pytest.mark.parametrize("body", [None, 7, "text", [], {}, {"click_id": "x"}, {"a": "\0"}, {"a": "\ud800"}])
def test_anything_at_all_is_kept_once_however_often_it_is_delivered(stage: Stage, body: Any) -> None:
    for _ in range(3):
        admit_bodies([body], LocalAdLoad())
    assert ClickError.select().count() == 1


@pytest.mark.parametrize("bodies", [None, "text", 7])
def test_a_message_without_a_list_is_kept_as_one_fault(stage: Stage, bodies: Any) -> None:
    assert counts(admit_bodies(bodies, LocalAdLoad())) == {"error.internal": 1}


def test_encoded_clicks_are_decided_like_decoded_ones(stage: Stage) -> None:
    click = stage.click()
    admit_bodies([messages.encode(click)], LocalAdLoad(), mode="sync")
    assert outcomes([click]) == ["done"]


def test_the_one_click_that_the_database_refuses_is_found_and_the_other_99_are_counted(stage: Stage) -> None:
    clicks = [stage.click(ip=ip(number), at=number * SECOND) for number in range(100)]
    clicks[37] = msgspec.structs.replace(clicks[37], user_agent="\ud800", url="https://x.example/\ud800")
    local(*clicks)
    assert outcomes(clicks).count("done") == 99
    assert outcomes([clicks[37]]) == ["error:internal"]
    assert fault(clicks[37]).stage == "record"


def test_clicks_of_implausible_times_are_kept_as_faults_and_get_no_partition(stage: Stage) -> None:
    clicks = [stage.click(0, at=-61 * DAY), stage.click(1, at=2 * DAY)]
    admit(clicks, LocalAdLoad())
    assert outcomes(clicks) == ["error:internal", "error:internal"]


def test_clicks_of_a_day_that_was_brought_back_are_welcome(stage: Stage) -> None:
    click = stage.click(0, at=-70 * DAY)
    query = "insert into archived_day (day, name, state, row_count, archived_at) values (%s, 'click', %s, 0, %s)"
    execute(query, (bind(click.clicked_at.date()), "restored", bind(click.clicked_at)))
    admit([click, stage.click(1, at=-69 * DAY)], LocalAdLoad())
    assert outcomes([click]) == ["done"]
    assert ClickError.select().count() == 1


def test_a_missing_partition_is_made_and_the_click_counted(stage: Stage) -> None:
    click = stage.click(at=-30 * DAY)
    local(click)
    assert outcomes([click]) == ["done"]
    if is_postgres():
        name = f"click_{click.clicked_at:%Y%m%d}"
        assert fetch("select count(*) from pg_class where relname = %s", (name,)) == [(1,)]


def test_dead_clicks_are_kept_unless_they_were_decided_after_all(stage: Stage) -> None:
    decided, lost = stage.click(0), stage.click(1)
    local(decided)
    store_dead([messages.payload(decided), messages.payload(lost)], "poison")
    assert outcomes([decided, lost]) == ["done", "error:internal"]
    assert fault(lost).payload == messages.payload(lost)


def test_a_click_of_a_day_that_may_be_archived_is_a_fault_whatever_the_archive_keeps(
    database: Any, settings_env: SettingsEnv
) -> None:
    settings_env(ARCHIVE_AFTER_DAYS="40")
    here = build()
    old, fresh = (here.click(at=-days * DAY, ip=ip(days)) for days in (41, 39))
    local(old, fresh)
    assert outcomes([old, fresh]) == ["error:internal", "done"]


def test_a_click_without_a_usable_time_is_one_fault_also_after_midnight(database: Any) -> None:
    old = build().click(at=-80 * DAY)
    local(old)
    with time_machine.travel(now() + DAY, tick=False):
        local(old, old)
    assert outcomes([old]) == ["error:internal"]


def test_a_counted_click_that_comes_again_when_it_is_too_old_stays_counted(
    database: Any, settings_env: SettingsEnv
) -> None:
    click = build().click(at=-50 * DAY)
    local(click)
    settings_env(ARCHIVE_AFTER_DAYS="40")
    local(click)
    assert outcomes([click]) == ["done"]


def test_a_replayed_click_whose_message_is_given_up_is_open_again(database: Any) -> None:
    click = build().click()
    admit([click], Answering(default=(ChargeStatus.REFUSED, OutcomeCode.NO_FUNDS, 0)))
    bodies = take(ErrorFilter())
    assert outcomes([click]) == ["error:adload_no_funds:retry+void"]
    store_dead(bodies, "exhausted")
    assert outcomes([click]) == ["error:internal+void"]
