"""Every limit that an operator may set holds at its number, in its window, and for whom it is meant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from config.clock import now
from core.ads import campaigns, pending_clicks
from core.ads.admission import admit
from core.ads.clicks import Flag
from integrations.adload.port import ChargeStatus, OutcomeCode
from models.ads import Account, Click
from tests.conftest import SettingsEnv
from tests.core.ads.stage import DAY, SECOND, Answering, Stage, build, fault, local, outcomes, refusal, stored

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def each(stage: Stage, times: list[timedelta], **more: Any) -> list[str]:
    """One click on another offer at each of these times, decided one by one."""
    clicks = [stage.click(number % 5, at=at, **more) for number, at in enumerate(times)]
    for click in clicks:
        local(click)
    return outcomes(clicks)


def test_the_number_of_clicks_a_day_and_the_length_of_that_day_can_be_set(
    stage: Stage, settings_env: SettingsEnv
) -> None:
    settings_env(MAX_CLICKS_PER_DAY="2", LIMIT_WINDOW_HOURS="6")
    assert each(stage, [-13 * HOUR, -7 * HOUR, -6 * HOUR, -HOUR]) == ["done"] * 4
    assert each(stage, [-HOUR + SECOND]) == ["over_limit_day"]


@pytest.mark.parametrize(
    ("limit", "times", "hours"),
    [
        ("LIMIT_NET_DAY", [-3 * HOUR, -2 * HOUR, -HOUR], 24),
        ("LIMIT_NET_WEEK", [-6 * DAY, -4 * DAY, -2 * DAY], 168),
    ],
)
def test_a_network_is_limited_over_all_its_visitors_and_the_visitor_of_the_last_click_is_listed(
    stage: Stage, settings_env: SettingsEnv, limit: str, times: list[timedelta], hours: int
) -> None:
    settings_env(ACTOR_KEY="net+visitor", **{limit: "2"})
    clicks = [stage.click(number, at=at, visitor_id=f"v{number}") for number, at in enumerate(times)]
    for click in clicks:
        local(click)
    code = f"over_limit_net_{'day' if hours == 24 else 'week'}"
    assert outcomes(clicks) == ["done", "done", code]
    assert (refusal(clicks[2]).detail["rule"], refusal(clicks[2]).detail["hours"]) == (2, hours)
    assert outcomes([stage.click(3, visitor_id="v9", ip="198.51.100.1")]) == ["nothing"]


@pytest.mark.parametrize(
    ("hours", "ages", "unique"), [("1", [2], [True]), ("1", [0.5], [False]), ("0", [500], [False])]
)
def test_how_long_a_second_click_on_an_offer_is_worth_nothing_can_be_set_and_0_means_ever(
    stage: Stage, settings_env: SettingsEnv, hours: str, ages: list[float], unique: list[bool]
) -> None:
    settings_env(UNIQUE_WINDOW_HOURS=hours)
    clicks = [stage.click(0, at=-age * HOUR) for age in [*ages, 0]]
    for click in clicks:
        local(click)
    assert [stored(click).is_unique for click in clicks] == [True, *unique]


def test_how_soon_a_click_is_suspicious_can_be_set_and_watched_accounts_have_a_time_of_their_own(
    stage: Stage, settings_env: SettingsEnv
) -> None:
    settings_env(MIN_VIEW_MS_FLAG="5000")
    clicks = [stage.click(number, age=age * SECOND, at=number * SECOND) for number, age in enumerate((4, 6))]
    local(*clicks)
    assert [bool(stored(click).flags & Flag.TOO_FAST) for click in clicks] == [True, False]
    Account.update(block_state="filter", click_min_seconds=8).execute()
    watched = [stage.click(number, age=age * SECOND, ip="198.51.100.1") for number, age in enumerate((7, 9))]
    local(*watched)
    assert outcomes(watched) == ["too_fast", "done"]


def test_how_long_adload_is_asked_can_be_set(stage: Stage, settings_env: SettingsEnv) -> None:
    settings_env(ADLOAD_RETRY_MAX_AGE_H="2")
    silent, click = Answering(default=(ChargeStatus.ERROR, OutcomeCode.TIMEOUT, 0)), stage.click()
    admit([click], silent)
    for age, wanted in ((2 * HOUR - MINUTE, "pending"), (2 * HOUR + MINUTE, "error:adload_timeout+void")):
        with time_machine.travel(Click.get().created_at + age, tick=False):
            Click.update(next_attempt_at=now()).execute()
            pending_clicks.finish(silent, batch=1, seconds=0)
        assert outcomes([click]) == [wanted]
    assert fault(click).attempts > 1


def test_how_many_refusals_within_how_many_minutes_make_a_campaign_outdated_can_be_set(
    stage: Stage, settings_env: SettingsEnv
) -> None:
    settings_env(OUTDATED_MIN_ERRORS="2", OUTDATED_WINDOW_MIN="5")
    broke = Answering(default=(ChargeStatus.REFUSED, OutcomeCode.NO_FUNDS, 0))
    admit([stage.click(0)], broke)
    assert campaigns.outdated(broke) == []
    admit([stage.click(1)], broke)
    assert campaigns.outdated(broke) == [stage.campaign.id]
    with time_machine.travel(now() + 6 * MINUTE, tick=False):
        assert campaigns.outdated(broke) == []
