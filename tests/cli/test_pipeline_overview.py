"""What the overview of pipelines must not hide: a hold on all, pipelines that are off, platforms that nobody reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from config.clock import now
from models import observations
from models.observations import UNREAD, Observation
from tests.cli.conftest import Cli
from tests.core.domains.yard import pipeline, read


def seen(
    platform: str, number: str, domain: str, ago: timedelta = timedelta(), field: str = "preferredTrackingDomain"
) -> None:
    row = Observation(
        platform=platform, object_type="campaign", object_id=number, field=field, domain=domain,
        seen_at=now() - ago, pipeline_id=read().id,
    )  # fmt: skip
    observations.record([row])


def listed(cli: Cli) -> list[dict[str, str]]:
    assert cli("pipelines", "list") == 0
    head, *rows = [line.split("\t") for line in cli.out.splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_a_hold_on_all_shows_at_every_pipeline(cli: Cli) -> None:
    pipeline("P", "a.example")
    pipeline("Q", "b.example")
    assert cli("pipelines", "hold", "Q", "--reason", "partner") == 0
    assert [row["held"] for row in listed(cli)] == ["no", "yes"]
    assert cli("pipelines", "hold", "--all", "--reason", "resolver trouble") == 0
    assert [row["held"] for row in listed(cli)] == ["all", "all"]
    rows: list[dict[str, Any]] = cli.json("pipelines", "list")["items"]
    assert [(row["held"], row["all_held"]) for row in rows] == [(False, True), (True, True)]


def test_a_pipeline_that_is_not_checked_says_so(cli: Cli) -> None:
    pipeline()
    assert cli("pipelines", "set", "P", "--no-enabled") == 0
    assert [row["status"] for row in listed(cli)] == ["disabled"]


def test_what_was_not_read_lately_is_unread_and_in_sync_no_more(cli: Cli) -> None:
    pipeline()
    seen("voluum", "1", "a.example")
    seen("voluum", "2", "a.example", ago=UNREAD + timedelta(minutes=1))
    seen("voluum", "3", "b.example")
    assert [row["platforms"] for row in listed(cli)] == ["voluum 1/3 (1 unread)"]
    badge = {"in_sync": 1, "seen": 3, "unread": 1}
    assert cli.json("pipelines", "list")["items"][0]["platforms"] == {"voluum": badge}
    assert cli.json("pipelines", "show", "P")["platforms"] == [{"platform": "voluum"} | badge]


def test_a_pipeline_shows_whatever_can_be_set_on_it(cli: Cli) -> None:
    pipeline()
    wish = ("--expected-cname", "edge.example", "--block-on-tls", "--cool-down", "60", "--max-switches-per-day", "5")
    assert cli("pipelines", "set", "P", *wish) == 0
    assert cli("pipelines", "requests", "limit", "P", "--no-auto", "--most", "7") == 0
    facts = cli.json("pipelines", "show", "P")["pipeline"]
    assert (facts["expected_cname"], facts["block_on_tls"]) == ("edge.example", True)
    assert (facts["cool_down_s"], facts["max_switches_per_day"]) == (60, 5)
    assert (facts["affise_auto_approve"], facts["affise_max_items"]) == (False, 7)
    assert (cli("pipelines", "show", "P"), "expected_cname=edge.example" in cli.out) == (0, True)


def test_a_switch_shows_how_many_campaigns_and_offers_would_follow(cli: Cli) -> None:
    pipeline("P", "a.example", "b.example", with_update_voluum=True, with_update_affise=True)
    words = ("pipelines", "switch", "P", "--reason", "slow", "--dry-run")
    assert cli(*words) == 0
    assert cli.err.splitlines()[2:] == [
        "+  active   b.example; voluum and affise not read yet, what is found there follows"
    ]
    for number in ("1", "2"):
        seen("voluum", number, "a.example")
        seen("affise", number, "a.example", field="url")
        seen("affise", number, "a.example", field="trafficback_url")
    assert cli.json(*words)["objects"] == {"voluum": 2, "affise": 2}
    assert cli.err.splitlines()[3:] == ["+  voluum   2 campaigns follow", "+  affise   2 offers follow"]
