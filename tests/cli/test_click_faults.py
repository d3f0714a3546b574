"""The commands about clicks that failed, and about earnings that are taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from config.clock import now, today
from config.settings import get_settings
from core.ads.statistics import refresh_day
from models import audit, ledger
from models.ads import Account, ClickError, Informer
from models.database import fetch
from models.envelope import decode
from models.fields import instant
from tests.cli.conftest import Cli
from tests.core.ads import books, stage
from tests.core.ads.stage import Stage

DAY = timedelta(days=1)


def failed(count: int = 5) -> Stage:
    """So many clicks of as many people that failed because the campaign is on hold, and one without a price."""
    here = stage.build(status="hold")
    stage.local(*(here.click(ip=stage.ip(number)) for number in range(count)))
    other = stage.build()
    fetch("delete from click_price where account_id = %s returning id", (other.account.id,))
    stage.local(other.click(ip=stage.ip(99)))
    return here


def states() -> dict[str, int]:
    return dict(fetch("select state, count(*) from click_error group by state order by state"))


def test_a_dry_run_counts_by_code(cli: Cli) -> None:
    failed()
    found = cli.json("clicks", "replay", "--dry-run")
    assert (found["clicks"], found["sent"]) == (6, False)
    assert found["codes"] == {"adload_campaign_stopped": 5, "price_missing": 1}
    assert cli("clicks", "replay", "--dry-run") == 0
    assert "5  adload_campaign_stopped" in cli.out


@pytest.mark.parametrize("option", ["--campaign", "--informer", "--code", "--since", "--until", "--id"])
def test_every_filter_narrows_a_replay(cli: Cli, option: str) -> None:
    here = failed()
    times = [(now() + timedelta(hours=hours)).isoformat() for hours in (1, -1)]
    one = str(ClickError.get(ClickError.code == "price_missing").click_id)
    value, count = {
        "--campaign": (str(here.campaign.id), 5), "--informer": (str(here.informer.id), 5),
        "--code": ("price_missing", 1), "--since": (times[0], 0), "--until": (times[1], 0), "--id": (one, 1),
    }[option]  # fmt: skip
    assert cli.json("clicks", "replay", option, value, "--dry-run")["clicks"] == count
    assert cli.json("clicks", "dismiss", "--reason", "x", option, value, "--dry-run")["clicks"] == count


def test_a_replay_is_spread_over_time_by_its_rate(embedded: Cli) -> None:
    failed()
    with time_machine.travel(now(), tick=False):
        assert embedded.json("clicks", "replay", "--rate", "2", "--yes")["sent"] is True
    rows = fetch("select body, available_at from queue_message order by available_at")
    assert [len(decode(bytes(body))["kwargs"]["clicks"]) for body, _ in rows] == [2, 2, 2]
    first, *later = [instant(at) for _, at in rows]
    assert [(at - first).total_seconds() for at in later] == [1, 2]
    assert states() == {"retry": 6}


def test_a_bad_filter_is_refused_with_what_is_known(cli: Cli) -> None:
    assert cli("clicks", "replay", "--code", "adload_down") == 2
    assert "adload_unreachable" in cli.err
    assert cli("clicks", "replay", "--rate", "0") == 2
    assert cli("clicks", "dismiss", "--reason", " ") == 2
    for option, word in (("--since", "yesterday"), ("--until", "2026-11-20T12:00:00"), ("--id", "7")):
        assert cli("clicks", "replay", option, word) == 2
        assert f"error: {option}: " in cli.err


def test_dismissed_faults_are_settled_with_a_reason_and_never_replayed(cli: Cli) -> None:
    here = failed()
    words = ("clicks", "dismiss", "--campaign", str(here.campaign.id), "--reason", "campaign ended")
    assert cli(*words) == 2
    assert states() == {"open": 6}
    assert cli.json(*words, "--yes")["dismissed"] == 5
    assert states() == {"dismissed": 5, "open": 1}
    [row] = audit.page(action="clicks.dismiss")
    assert (row.reason, row.object) == ("campaign ended", "click_error")
    assert row.after == {"faults": 5, "campaign_id": str(here.campaign.id), "ids": ""}
    assert cli.json("clicks", "replay", "--dry-run")["clicks"] == 1
    assert (cli.json(*words, "--yes")["dismissed"], len(audit.page())) == (0, 1)


def test_a_fault_that_is_too_old_to_be_replayed_can_be_dismissed(cli: Cli) -> None:
    failed()
    with time_machine.travel(now() + 70 * DAY, tick=False):
        found = cli.json("clicks", "replay", "--dry-run")
        assert (found["clicks"], found["too_old"]) == (0, 6)
        assert cli.json("clicks", "dismiss", "--reason", "old", "--yes")["dismissed"] == 6


@pytest.fixture
def earned(any_day: None, cli: Cli) -> Iterator[books.Books]:
    """A publisher with one click on each of two days."""
    with time_machine.travel(now().replace(hour=12, minute=0), tick=False):
        found = books.build()
        for ago in (2, 3):
            books.click(found, now() - ago * DAY)
            refresh_day(today() - ago * DAY, get_settings())
        yield found


def invalidate(*more: str) -> tuple[str, ...]:
    days = ("--from", str(today() - 3 * DAY), "--to", str(today() - 2 * DAY))
    return ("clicks", "invalidate", *days, "--reason", "click farm", *more)


def test_a_dry_run_shows_what_each_day_would_give_back(cli: Cli, earned: books.Books) -> None:
    found = cli.json(*invalidate("--informer", str(earned.informers[0]), "--dry-run"))
    assert [(row["day"], row["amount"], row["state"]) for row in found["items"]] == [
        (str(today() - 3 * DAY), "0.03", "due"), (str(today() - 2 * DAY), "0.03", "due"),
    ]  # fmt: skip
    assert (found["due"], found["taken_back"]) == ("0.06", "0.00")
    assert ledger.standing(earned.accounts[0]).balance == 60_000


def test_a_publisher_is_invalidated_by_login_once(cli: Cli, earned: books.Books) -> None:
    words = invalidate("--account", Account.get_by_id(earned.accounts[0]).login)
    assert cli(*words) == 2
    assert cli.json(*words, "--yes")["taken_back"] == "0.06"
    again = cli.json(*words, "--yes")
    assert (again["taken_back"], again["taken_before"], ledger.standing(earned.accounts[0]).balance) == ("0.00", 2, 0)


def test_days_that_are_not_final_are_refused_with_the_command_to_run(cli: Cli, earned: books.Books) -> None:
    informer = str(earned.informers[0])
    assert cli("clicks", "invalidate", "--informer", informer, "--from", str(today()), "--to", str(today()),
               "--reason", "x", "--yes") == 3  # fmt: skip
    assert "aggregate_stats" in cli.err
    assert "Traceback" not in cli.err


def test_nothing_is_taken_back_without_a_reason_even_where_nothing_is_due(cli: Cli) -> None:
    days = ("--from", str(today() - 3 * DAY), "--to", str(today() - 2 * DAY))
    assert cli("clicks", "invalidate", "--informer", "1", *days, "--reason", " ", "--yes") == 2
    assert "error: --reason: " in cli.err


@pytest.mark.parametrize(
    ("more", "word"),
    [((), "--informer or --account"), (("--informer", "1", "--account", "x"), "--informer or --account"),
     (("--account", "nobody"), "no publisher"), (("--informer", "987654"), "no informer")],
)  # fmt: skip
def test_whose_earnings_are_meant_must_be_clear(
    cli: Cli, earned: books.Books, more: tuple[str, ...], word: str
) -> None:
    assert cli(*invalidate(*more, "--yes")) == 2
    assert word in cli.err
    assert Informer.select().count() == 4
