"""The commands about prices, on both engines."""

from __future__ import annotations

import pytest

from models.ads import ClickPrice
from tests.cli.conftest import Cli
from tests.core.ads import stage
from tests.core.ads.stage import Stage


@pytest.fixture
def here(cli: Cli) -> Stage:
    return stage.build()


def test_a_price_is_set_and_listed(cli: Cli, here: Stage) -> None:
    login = here.account.login
    words = ("prices", "set", "--account", login, "--percent", "57.5", "--floor", "0.06", "--cap", "0.95")
    assert cli.json(*words, "--yes")["price"] == "57.5 %, floor 0.06, cap 0.95"
    (row,) = cli.json("prices", "list", "--account", login, "--at", "now")["items"]
    assert (row["kind"], row["percent"], row["floor"], row["cap"], row["fixed"]) == (
        "floating", "57.5", "0.06", "0.95", None,
    )  # fmt: skip
    assert len(cli.json("prices", "list", "--account", login)["items"]) == 2


def test_a_dry_run_says_what_would_be_and_changes_nothing(cli: Cli, here: Stage) -> None:
    assert cli("prices", "set", "--account", here.account.login, "--fixed", "0.03", "--dry-run") == 0
    assert "0.03 per click would be set from" in cli.out
    assert ClickPrice.select().count() == 1


def test_without_a_terminal_and_yes_it_is_refused(cli: Cli, here: Stage) -> None:
    assert cli("prices", "set", "--account", here.account.login, "--fixed", "0.03") == 2
    assert "--yes" in cli.err
    assert ClickPrice.select().count() == 1


def test_a_floor_above_the_cap_is_warned_of(cli: Cli, here: Stage) -> None:
    words = ("--percent", "5", "--floor", "2", "--cap", "1", "--dry-run")
    assert cli("prices", "set", "--account", here.account.login, *words) == 0
    assert "the floor wins" in cli.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--percent", "57.555"), "--percent"),
        (("--fixed", "1", "--from", "2020-01-01T00:00:00Z"), "--from"),
        (("--fixed", "1", "--from", "soon"), "--from"),
        (("--fixed", "1", "--informer", "999999"), "--informer"),
        ((), "--fixed"),
    ],
)
def test_a_mistake_is_named_and_exits_with_2(cli: Cli, here: Stage, words: tuple[str, ...], named: str) -> None:
    assert cli("prices", "set", "--account", here.account.login, *words, "--yes") == 2
    assert named in cli.err
    assert ClickPrice.select().count() == 1


def test_an_instant_without_a_zone_is_utc(cli: Cli, here: Stage) -> None:
    words = ("--fixed", "1", "--from", "2099-01-01T00:00:00", "--yes")
    assert cli("prices", "set", "--account", here.account.login, *words) == 0
    assert "from 2099-01-01 00:00:00Z" in cli.out


def test_an_unknown_account_is_named(cli: Cli) -> None:
    assert cli("prices", "list", "--account", "nobody") == 2
    assert "nobody" in cli.err
