"""Every command that changes a pipeline can be rehearsed, answers with JSON, and refuses what makes no sense."""

from __future__ import annotations

import pytest

from models import alert_edits
from models.database import fetch
from models.domain_states import Verdict
from tests.cli.conftest import Cli
from tests.core.domains import yard
from tests.core.domains.yard import answer, pipeline, read
from tests.worker.postroom import sent
from worker import alerts
from worker.alerts import Severity

COMMANDS = {
    "add": ("add", "Q", "--domain", "q.example"),
    "extend": ("add", "P", "--update", "--domain", "q.example", "--mode", "watch"),
    "set": ("set", "P", "--no-enabled", "--unset", "cool-down"),
    "mode": ("mode", "P", "watch"),
    "hold": ("hold", "P", "--reason", "partner", "--for", "2h"),
    "hold all": ("hold", "--all", "--reason", "resolver"),
    "release": ("release", "H", "--yes"),
    "park": ("park", "P", "B.Example.", "--reason", "slow"),
    "put back": ("put-back", "P", "c.example", "--reason", "fast again"),
}


@pytest.fixture
def yards(embedded: Cli) -> Cli:
    pipeline()
    pipeline("H", "h.example")
    assert embedded("pipelines", "park", "P", "c.example", "--reason", "slow") == 0
    assert embedded("pipelines", "hold", "H", "--reason", "partner") == 0
    return embedded


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_dry_run_changes_nothing_and_the_same_command_does_it(yards: Cli, words: tuple[str, ...]) -> None:
    before, waiting = yard.everything(), fetch("select count(*) from queue_message")
    rehearsed = yards.json("pipelines", *words, "--dry-run")
    assert (rehearsed["done"], yard.everything() == before) == (False, True)
    assert fetch("select count(*) from queue_message") == waiting
    assert (yards("pipelines", *words, "--dry-run"), "would " in yards.out, yard.everything() == before) == (
        0,
        True,
        True,
    )
    done = yards.json("pipelines", *words)
    assert done == rehearsed | {"done": True, **({"until": done["until"]} if "until" in done else {})}
    assert done["schema"] == f"signalbox.pipelines.{words[0]}/1"
    assert yard.everything() != before


def test_a_rehearsed_release_names_who_would_be_asked_about_and_asks_nobody(yards: Cli) -> None:
    answer("h.example", Verdict.UNSAFE)
    found = yards.json("pipelines", "release", "H", "--dry-run")
    assert found["still_unsafe"] == [{"domain": "h.example", "pipeline": "H", "reason": "GSB_UNSAFE"}]
    assert ("would be asked about again: h.example" in yards.err, sent("block_active_tracking_domain")) == (True, [])
    assert read("H").held_at is not None


def test_what_would_be_refused_is_refused_in_a_rehearsal_too(yards: Cli) -> None:
    assert (yards("pipelines", "add", "P", "--domain", "q.example", "--dry-run"), "--update" in yards.err) == (2, True)
    assert (yards("pipelines", "release", "P", "--dry-run"), "is not held" in yards.err) == (2, True)


def test_an_end_for_a_hold_on_all_is_a_mistake_of_whoever_types_it(yards: Cli) -> None:
    assert yards("pipelines", "hold", "--all", "--reason", "x", "--for", "2h") == 2
    assert "--for: a hold on all has no end" in yards.err


def test_a_spare_is_kept_out_until_somebody_puts_it_back(yards: Cli) -> None:
    assert yards.json("pipelines", "park", "P", "b.example", "--reason", "slow")["role"] == "parked"
    assert (yards("pipelines", "park", "P", "b.example", "--reason", "slow"), "as before" in yards.out) == (0, True)
    assert (yards("pipelines", "add", "P", "--update", "--domain", "b.example"), "put-back" in yards.err) == (2, True)
    assert (yards("pipelines", "park", "P", "a.example", "--reason", "x"), "is active in 'P'" in yards.err) == (2, True)
    assert (yards("pipelines", "put-back", "P", "zz.example", "--reason", "x"), "is not there" in yards.err) == (
        2,
        True,
    )
    alerts.tell("parked", "b.example/P", Severity.WARNING, object="P: b.example")
    assert (yards("pipelines", "put-back", "P", "b.example", "--reason", "fast"), read("P").next_domain) == (
        0,
        "b.example",
    )
    assert alert_edits.open_words("parked") == {}


def test_the_domain_that_is_put_back_into_an_exhausted_pipeline_goes_to_work(yards: Cli) -> None:
    assert yards("pipelines", "park", "P", "b.example", "--reason", "slow") == 0
    assert read("P").block_active_domain("MANUAL")
    assert yards.json("pipelines", "put-back", "P", "b.example", "--reason", "needed")["role"] == "active"
    assert (read("P").active_domain, len(sent("announce_pipeline_switch"))) == ("b.example", 1)
