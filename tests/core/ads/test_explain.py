"""The explanation of a click: six steps with the limits of that moment."""

from __future__ import annotations

from typing import Any

import pytest

from config.ids import new_id
from core.ads.admission import admit
from core.ads.clicks import ClickMessage
from core.ads.explain import Explanation, Verdict, explain
from integrations.adload.port import ChargeStatus, OutcomeCode
from tests.conftest import SettingsEnv
from tests.core.ads.stage import SECOND, Answering, Stage, build, local


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def explained(click: ClickMessage) -> Explanation:
    found = explain(click.click_id)
    assert found is not None
    return found


def texts(explanation: Explanation) -> list[tuple[str, str]]:
    return [(step.name, step.text) for step in explanation.steps]


def test_a_refused_click_shows_the_step_that_stopped_it_and_what_followed(stage: Stage) -> None:
    clicks = [stage.click(number, at=number * SECOND, age=14 * 60 * SECOND) for number in range(4)]
    local(*clicks)
    found = explained(clicks[3])
    assert (found.verdict, found.code, found.number) == (Verdict.REJECTED, "over_limit_day", 3)
    assert texts(found) == [
        ("blacklist", "not listed"),
        ("same address", "link's network = click's network"),
        ("link age", "14 min of 120 min"),
        ("limit", "no. 4 of 3 in 24 h"),
        ("AdLoad", "not asked"),
        ("record", "click_rejected"),
    ]
    assert [step.then for step in found.steps if step.stopped] == [
        "203.0.113.7/32 blacklisted until 28 days without violation"
    ]


def test_a_counted_click_shows_its_number_its_charge_and_its_price(stage: Stage) -> None:
    click = stage.click()
    local(click)
    found = explained(click)
    assert (found.verdict, found.publisher_cost, found.network_income) == (Verdict.COUNTED, 30_000, 20_000)
    assert texts(found)[3:5] == [("limit", "no. 1 of 3 in 24 h"), ("AdLoad", "charged 0.05")]


def test_the_limits_shown_are_those_of_then_and_not_of_now(stage: Stage, settings_env: SettingsEnv) -> None:
    click = stage.click()
    local(click)
    settings_env(MAX_CLICKS_PER_DAY="9")
    later = stage.click(1, at=SECOND)
    local(later)
    assert [texts(explained(each))[3][1] for each in (click, later)] == ["no. 1 of 3 in 24 h", "no. 2 of 9 in 24 h"]


@pytest.mark.parametrize(
    ("click", "code", "step"),
    [
        ({"issued_to": "198.51.100.1"}, "ip_mismatch", "same address"),
        ({"h": "forged.example"}, "token_invalid", "same address"),
        ({"age": 7300 * SECOND}, "link_expired", "link age"),
        ({"age": -90 * SECOND}, "clock_skew", "link age"),
        ({"user_agent": "curl/8"}, "bot_user_agent", "limit"),
    ],
)
def test_each_refusal_is_shown_at_its_step(stage: Stage, click: dict[str, Any], code: str, step: str) -> None:
    made = stage.click(**dict(click))
    local(made)
    found = explained(made)
    assert (found.code, [item.name for item in found.steps if item.stopped]) == (code, [step])
    assert len(found.steps) == 6


def test_a_blacklisted_click_names_the_entry(stage: Stage) -> None:
    clicks = [stage.click(number, at=number * SECOND) for number in range(5)]
    local(*clicks)
    stopped = explained(clicks[4]).steps[0]
    assert stopped.stopped
    assert "203.0.113.7/32 listed since" in stopped.text
    assert stopped.text.endswith("for over_limit_day")


def test_a_pending_click_and_one_that_failed_are_shown_at_adload(stage: Stage) -> None:
    pending, failed = stage.click(0), stage.click(1, at=SECOND)
    admit([pending], Answering(default=(ChargeStatus.ERROR, OutcomeCode.TIMEOUT, 0)))
    admit([failed], Answering(default=(ChargeStatus.REFUSED, OutcomeCode.NO_FUNDS, 0)))
    waiting, lost = explained(pending), explained(failed)
    assert (waiting.verdict, lost.verdict, lost.code) == (Verdict.PENDING, Verdict.ERROR, "adload_no_funds")
    assert [step.name for step in (*waiting.steps, *lost.steps) if step.stopped] == ["AdLoad", "AdLoad"]


def test_an_unknown_click_has_no_explanation(stage: Stage) -> None:
    assert explain(new_id()) is None
