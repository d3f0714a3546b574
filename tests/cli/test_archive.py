"""The commands about the archive, on both engines."""

from __future__ import annotations

import pytest

from models import archive
from models.database import execute, fetch
from tests.cli.conftest import Cli
from tests.core.ads import old_days
from tests.core.ads.old_days import days_ago

DAY = str(days_ago(61))


def test_a_dry_run_says_what_would_leave_and_changes_nothing(cli: Cli) -> None:
    old_days.make(61, 60)
    before = old_days.state()
    document = cli.json("archive", "run", "--dry-run")
    assert [item["day"] for item in document["items"]] == [DAY]
    assert document["items"][0]["tables"].split() == sorted(archive.KEYS)
    assert old_days.state() == before


def test_a_run_moves_what_is_due_and_the_list_shows_it(cli: Cli) -> None:
    old_days.make(61, 60)
    assert cli.json("archive", "run")["items"][0]["rows"] == 14
    items = {item["table"]: item for item in cli.json("archive", "list")["items"]}
    assert set(items) == set(archive.KEYS)
    assert items["click"] | {"bytes": 0, "moved_at": "", "addresses_erased_at": None} == {
        "day": DAY, "table": "click", "state": "archived", "rows": 6, "advertiser_cost": 4 * old_days.COST,
        "partner_cost": 4 * old_days.PAY, "bytes": 0, "moved_at": "", "addresses_erased_at": None,
    }  # fmt: skip
    assert cli.json("archive", "list", "--since", str(days_ago(60)))["items"] == []


def test_a_day_that_must_stay_is_told_with_its_differences_and_exit_code_4(cli: Cli) -> None:
    old_days.make(61)
    execute("update stats_daily_adv set clicks = 7")
    assert cli("archive", "run") == 4
    assert "clicks 6 and 7" in cli.out


def test_a_day_is_restored_stays_and_leaves_again_on_request(cli: Cli) -> None:
    old_days.make(61)
    before = old_days.live()
    cli("archive", "run")
    assert cli.json("archive", "restore", DAY, "--dry-run")["restored"] is False
    assert cli("archive", "restore", DAY) == 2
    assert cli("archive", "restore", DAY, "--yes") == 0
    assert old_days.live() == before
    assert cli.json("archive", "run")["items"] == []
    assert cli.json("archive", "run", "--day", DAY)["items"][0]["rows"] == 14
    assert fetch("select action from audit_log order by id") == [("archive.restore",), ("archive.run",)]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("restore", "yesterday", "--yes"), "not a day"),
        (("restore", DAY, "--yes"), "nothing of"),
        (("run", "--day", str(days_ago(3))), "too young"),
        (("list", "--since", "x"), "not a day"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(cli: Cli, words: tuple[str, ...], text: str) -> None:
    old_days.make(3)
    assert cli("archive", *words) == 2
    assert text in cli.err
