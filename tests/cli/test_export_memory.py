"""Exports take the same memory for any number of rows, on both engines."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.settings import environment
from models.database import db, execute, is_postgres
from models.fields import bind
from models.partitions import keep_ahead

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SERIES = {
    True: "select number from generate_series(1, %s) as s (number)",
    False: "with recursive s (number) as (select 1 union all select number + 1 from s where number < %s) "
    "select number from s",
}
FILL = """
insert into click (click_day, click_id, clicked_at, offer_id, campaign_id, informer_id, account_id, url, state,
    is_unique, is_social, advertiser_cost, partner_cost, view_ms, created_at, user_agent)
select %s, {id}, %s, 1, 1, 1, 1, 'https://shop.example/', 'done', true, false, 5, 3, 1000, %s, %s from ({series}) as n
"""
PROGRAM = """
import resource, sys
from cli.main import run
assert run(["export", "clicks", "-o", sys.argv[1], "--from", "2026-11-20", "--to", "2026-11-20"]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def fill(number: int) -> None:
    """So many clicks of one day, of about 400 bytes each."""
    identity = "gen_random_uuid()" if is_postgres() else "lower(hex(randomblob(16)))"
    statement = FILL.format(id=identity, series=SERIES[is_postgres()])
    execute(statement, (bind(NOON.date()), bind(NOON), bind(NOON), "x" * 300, number))


def peak(target: Path) -> int:
    """The most memory that an export took in a process of its own, in KiB; the driver's buffers included."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(target)], env=environment(), capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.slow
def test_four_times_the_rows_take_no_more_memory(database: Any, tmp_path: Path) -> None:
    keep_ahead(NOON.date(), NOON.date())
    target = tmp_path / "many.csv"
    fill(50_000)
    few = peak(target)
    small = target.stat().st_size
    fill(150_000)
    db.close()
    many = peak(target)
    assert target.stat().st_size > 3.9 * small > 10_000_000
    assert many - few < 8 * 1024, f"{few} KiB, then {many} KiB"
