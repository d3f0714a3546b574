"""The checks of old days see what is wrong, and nothing when all is well."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from core.ads import archive, privacy
from models import invariants_kept
from models.archive import store
from models.database import execute
from tests.conftest import SettingsEnv
from tests.core.ads import old_days
from tests.core.ads.old_days import days_ago
from tests.core.ads.test_archive import run

EVER = date(1, 1, 1)


def found() -> dict[str, Any]:
    rows = {check.name: check.find(EVER) for check in invariants_kept.CHECKS}
    return {name: violations for name, violations in rows.items() if violations}


def test_all_is_well_after_the_nightly_tasks(database: Any) -> None:
    old_days.make(181, 91, 61, 60, 2)
    run()
    privacy.erase_addresses()
    privacy.drop_old_refusals()
    assert found() == {}
    archive.restore(days_ago(61), "test")
    assert found() == {}


def test_a_row_that_is_live_and_archived_is_seen(database: Any) -> None:
    old_days.make(61)
    run()
    old_days.fault(days_ago(61), "dismissed")
    assert found()["archived twice"] == [(days_ago(61), "click_error", 1)]


def test_an_archived_day_that_lost_a_row_or_money_is_seen(database: Any) -> None:
    old_days.make(61)
    run()
    with store().session():
        place = store().place("click", days_ago(61))
        execute(f"delete from {place} where click_id = %s", (old_days.click_id(days_ago(61), 0),))
    ((day, table, noted, held),) = found()["archive differs"]
    assert (day, table, noted[0] - held[0], noted[1] - held[1]) == (days_ago(61), "click", 1, old_days.COST)


def test_what_the_nightly_tasks_did_not_do_is_seen(database: Any, settings_env: SettingsEnv) -> None:
    old_days.make(190, errors=("dismissed",))
    seen = found()
    assert set(seen) == {"addresses kept", "kept too long"}
    assert len(seen["kept too long"]) == 6
    run()
    assert set(found()) == {"addresses kept"}
    settings_env(PURGE_AFTER_DAYS="100")
    assert set(found()) == {"addresses kept", "kept too long"}


@pytest.mark.parametrize("late", [0, 1])
def test_a_day_that_left_before_it_was_closed_is_seen(database: Any, late: int) -> None:
    query = "insert into archived_day (day, name, state, row_count, archived_at) values (%s, 'click', 'purged', 1, %s)"
    execute(query, (days_ago(34 + late).isoformat(), old_days.moment(days_ago(0))))
    assert bool(found()) is not bool(late)
