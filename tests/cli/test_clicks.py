"""The commands about clicks, the blacklist and dead letters, on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from core.ads.actors import actor_net
from models.ads import ClickError, IpBlacklist
from models.dead_letters import Letter, bury
from models.envelope import decode, encode_message
from models.runtime import DeadReason
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.ads import stage
from tests.core.ads.stage import IP, Stage


def clicked(here: Stage, times: int = 5) -> Sequence[Any]:
    made = [here.click(number, at=timedelta(seconds=number)) for number in range(times)]
    for click in made:
        stage.local(click)
    return made


def test_a_link_for_a_visitor_is_printed(cli: Cli) -> None:
    document = cli.json("clicks", "link", "--offer", "3", "--informer", "1", "--ip", "203.0.113.7")
    assert document["schema"] == "signalbox.clicks.link/1"
    assert document["link"].startswith("http://127.0.0.1:8001/r/")


def test_a_link_for_no_address_is_refused_as_usage(cli: Cli) -> None:
    assert cli("clicks", "link", "--offer", "3", "--informer", "1", "--ip", "nowhere") == 2
    assert "Traceback" not in cli.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--ip", "203.0.113.0/24"),
        ("--page", "not a page at all"),
        ("--to", "javascript:alert(1)"),
        ("--to", "//shop.example/"),
        ("--to", "https://shop.example/\r\nX: y"),
        ("--to", "https://shop.example/" + "a" * 9000),
        ("--to", ""),
    ],
)
def test_a_link_that_would_lead_nowhere_is_refused_by_the_name_of_its_option(cli: Cli, option: str, value: str) -> None:
    words = {"--offer": "3", "--informer": "1", "--ip": "203.0.113.7", option: value}
    assert cli("clicks", "link", *(word for pair in words.items() for word in pair)) == 2
    assert cli.err.startswith(f"error: {option}: ")
    assert cli.out == ""


def test_where_there_is_no_click_yet_the_last_one_is_not_found(cli: Cli) -> None:
    assert cli("clicks", "explain", "last") == 1
    assert cli.err.startswith("error: no click is stored")


def test_a_counted_click_is_explained_with_the_limits_of_its_moment(cli: Cli) -> None:
    click, *_ = clicked(stage.build())
    assert cli("clicks", "explain", str(click.click_id)) == 0
    assert "COUNTED" in cli.out
    assert "no. 1 of 3 in 24 h" in cli.out
    assert "publisher +0.03" in cli.out


def test_limits_that_were_changed_since_do_not_change_the_explanation(cli: Cli, settings_env: SettingsEnv) -> None:
    click, *_ = clicked(stage.build())
    settings_env(MAX_CLICKS_PER_DAY="9")
    assert cli("clicks", "explain", str(click.click_id)) == 0
    assert "no. 1 of 3 in 24 h" in cli.out


def test_the_fourth_click_is_explained_with_its_number_and_the_ban(cli: Cli) -> None:
    made = clicked(stage.build())
    document = cli.json("clicks", "explain", str(made[3].click_id))
    assert (document["verdict"], document["code"], document["number"]) == ("rejected", "over_limit_day", 3)
    deciding = next(step for step in document["steps"] if step["stopped"])
    assert deciding["text"] == "no. 4 of 3 in 24 h"
    assert actor_net(IP) in deciding["then"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"issued_to": "203.0.113.99"}, "same address"),
        ({"age": timedelta(hours=3)}, "180 min of 120 min"),
        ({"token": "A" * 58}, "a valid signature"),
        ({"user_agent": "Googlebot/2.1"}, "says that it is a program"),
    ],
)
def test_every_kind_of_refusal_is_explained(cli: Cli, kind: dict[str, Any], words: str) -> None:
    click = stage.build().click(**kind)
    stage.local(click)
    assert cli("clicks", "explain", "last") == 0
    assert "REJECTED" in cli.out
    assert words in cli.out


def test_a_click_that_is_not_stored_is_told_with_the_likely_causes(cli: Cli) -> None:
    assert cli("clicks", "explain", "0197a3c4-7c00-7000-8000-000000000001") == 1
    assert "queue" in cli.err


def test_what_is_no_click_id_is_refused_as_usage(cli: Cli) -> None:
    assert cli("clicks", "explain", "12; drop table click") == 2


def test_a_replay_is_counted_first_and_needs_a_yes(cli: Cli) -> None:
    here = stage.build(status="hold")
    clicked(here, 2)
    assert cli.json("clicks", "replay", "--code", "adload_campaign_stopped", "--dry-run")["clicks"] == 2
    assert cli("clicks", "replay", "--code", "adload_campaign_stopped") == 2
    assert ClickError.select().where(ClickError.state == "open").count() == 2


def test_a_listed_network_is_shown_and_taken_off(cli: Cli) -> None:
    clicked(stage.build())
    assert [row["net"] for row in cli.json("ip", "list")["items"]] == [actor_net(IP)]
    assert cli("ip", "unblock", IP, "--reason", "office") == 2
    assert IpBlacklist.select().count() == 1
    assert cli.json("ip", "unblock", IP, "--reason", "office", "--yes")["removed"] == 1
    assert IpBlacklist.select().count() == 0


def test_unblocking_what_is_not_listed_says_so(cli: Cli) -> None:
    assert cli("ip", "unblock", "198.51.100.1", "--reason", "mistake", "--yes") == 1
    assert "not on the blacklist" in cli.err


def test_unblocking_without_a_reason_is_refused_and_changes_nothing(cli: Cli) -> None:
    clicked(stage.build())
    assert cli("ip", "unblock", IP, "--reason", " ", "--yes") == 2
    assert cli.err.startswith("error: --reason: ")
    assert IpBlacklist.select().count() == 1


@pytest.mark.parametrize("verb", ["list", "replay", "discard"])
def test_a_reason_that_no_letter_has_is_refused_with_what_is_known(cli: Cli, verb: str) -> None:
    assert cli("dead", verb, "--reason", "poisoned") == 2
    assert cli.err.startswith("error: --reason: ")
    assert "unknown_actor" in cli.err


def test_dead_letters_are_listed_shown_and_discarded(cli: Cli) -> None:
    body = encode_message("refresh_campaign", {"campaign_id": 7})
    bury(Letter(decode(body)["message_id"], 0, "refresh_campaign", "jobs", body, DeadReason.EXHAUSTED, "KeyError"))
    (group,) = cli.json("dead", "list")["items"]
    assert (group["task"], group["reason"], group["count"]) == ("refresh_campaign", "exhausted", 1)
    shown = cli.json("dead", "show", "1")
    assert shown["arguments"] == ["campaign_id"]
    assert cli.json("dead", "discard", "--reason", "exhausted", "--dry-run") == {
        "schema": "signalbox.dead.discard/1", "matched": 1, "done": 0,
    }  # fmt: skip
    assert cli.json("dead", "discard", "--id", "1", "--yes")["done"] == 1
    assert cli.json("dead", "list")["items"] == []


def test_the_doctor_checks_the_promises_when_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    clicked(stage.build())
    findings = {item["area"]: item for item in cli.json("doctor", "--live")["items"]}
    assert findings["invariants"]["state"] == "ok"
    assert findings["database"]["state"] == "ok"


def test_tasks_name_everything_an_operator_asks_for(cli: Cli) -> None:
    rows = {row["name"]: row for row in cli.json("tasks")["items"]}
    row = rows["clean_ip_blacklist"]
    assert row["seed_name"] == "clean_ip_blacklist"
    assert (row["queue"], row["retries"], row["time_limit_s"]) == ("periodic", 3, 600)
    assert row["trigger"] == "cron 20 0 * * * UTC"
