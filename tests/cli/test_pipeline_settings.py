"""How a pipeline is watched, set on the command line."""

from __future__ import annotations

import pytest

from models import audit, pipeline_writes
from tests.cli.conftest import Cli
from tests.core.domains.yard import pipeline, read

SET = ("pipelines", "set", "P")


def test_what_is_named_is_set_and_the_rest_stays(cli: Cli) -> None:
    pipeline("P", "a.example", "b.example", with_update_voluum=True)
    wish = ("--expected-cname", "Edge.Example.", "--block-on-tls", "--cool-down", "60", "--max-switches-per-day", "5")
    assert cli.json(*SET, *wish)["expected_cname"] == "edge.example"
    made = read("P")
    assert (made.expected_cname, made.block_on_tls, made.cool_down_s) == ("edge.example", True, 60)
    assert (made.max_switches_per_day, made.with_update_voluum, made.enabled) == (5, True, True)
    assert cli(*SET, "--no-enabled", "--destination", "https://shop.example/") == 0
    assert (read("P").enabled, read("P").block_on_tls) == (False, True)
    assert pipeline_writes.destinations([made.id]) == [(made.id, "https://shop.example/", "operator")]
    assert [row.action for row in audit.page()][:2] == ["pipeline.change"] * 2


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "nothing to set"),
        (("--expected-cname", "10.0.0.1"), "--expected-cname: "),
        (("--destination", "shop"), "--destination: "),
        (("--cool-down", "-1"), "--cool-down"),
        (("--max-switches-per-day", "0"), "--max-switches-per-day"),
        (("--unset", "mode"), "--unset"),
        (("--unset", "cool-down", "--cool-down", "9"), "--unset: cool_down_s"),
        (("--no-destination", "https://other.example/"), "destination: https://other.example/ is not behind 'P'"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(embedded: Cli, words: tuple[str, ...], text: str) -> None:
    pipeline("P", "a.example")
    assert (embedded(*SET, *words), text in embedded.err) == (2, True)
    assert (read("P").expected_cname, read("P").cool_down_s) == (None, None)


def test_what_a_pipeline_had_of_its_own_can_be_taken_away(cli: Cli) -> None:
    pipeline("P", "a.example", trafficback_url="https://fallback.example/")
    assert cli(*SET, "--expected-cname", "edge.example", "--cool-down", "60", "--max-switches-per-day", "5") == 0
    taken = cli.json(*SET, "--unset", "cool-down", "--unset", "expected-cname", "--block-on-tls")
    assert (taken["unset"], taken["block_on_tls"]) == (["cool_down_s", "expected_cname"], True)
    made = read("P")
    assert (made.cool_down_s, made.expected_cname, made.max_switches_per_day) == (None, None, 5)
    assert cli(*SET, "--unset", "trafficback-url", "--unset", "max-switches-per-day") == 0
    assert (read("P").trafficback_url, read("P").max_switches_per_day, read("P").block_on_tls) == (None, None, True)


def test_a_page_that_is_behind_a_pipeline_no_more_is_forgotten(cli: Cli) -> None:
    made = pipeline("P", "a.example")
    assert cli(*SET, "--destination", "https://listed.example/", "--destination", "https://shop.example/") == 0
    assert cli(*SET, "--no-destination", "https://listed.example/") == 0
    assert pipeline_writes.destinations([made.id]) == [(made.id, "https://shop.example/", "operator")]
    assert audit.page()[0].after == {"without_destinations": "https://listed.example/"}
