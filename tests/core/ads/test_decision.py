"""Optional filters and limits, pairs of network and visitor, prices and faults; on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.ads.clicks import Flag
from models.ads import Account, Campaign, Click, ClickPrice, Informer, IpBlacklist
from tests.conftest import SettingsEnv
from tests.core.ads.stage import (
    DAY,
    SECOND,
    Stage,
    build,
    counts,
    fault,
    fixed_price,
    ip,
    listed,
    local,
    outcomes,
    refusal,
    stored,
)


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def test_an_unknown_offer_and_an_unknown_informer_are_faults(stage: Stage) -> None:
    offer = stage.click(offer_id=999_999)
    other = build()
    Informer.delete().where(Informer.id == other.informer.id).execute()
    informer = stage.click(1, informer=other.informer, at=SECOND)
    local(offer, informer)
    assert outcomes([offer, informer]) == ["error:unknown_offer", "error:unknown_informer"]


@pytest.mark.parametrize("state", ["light", "banned"])
def test_clicks_of_a_blocked_publisher_are_refused(stage: Stage, state: str) -> None:
    Account.update(block_state=state).execute()
    click = stage.click()
    local(click)
    assert outcomes([click]) == ["account_blocked"]


def test_a_click_without_a_price_is_a_fault_before_anybody_is_charged(stage: Stage) -> None:
    ClickPrice.delete().execute()
    click = stage.click()
    local(click)
    assert (outcomes([click]), Click.select().count()) == (["error:price_missing"], 0)
    assert fault(click).payload["token"] == click.token


def test_check_15_a_price_dated_after_the_click_is_ignored(stage: Stage) -> None:
    fixed_price(stage.account, 99_000, since=stage.start + SECOND)
    before, after = stage.click(0), stage.click(1, at=SECOND)
    local(before, after)
    assert (stored(before).partner_cost, stored(after).partner_cost) == (30_000, 99_000)


def test_an_informers_own_price_overrides_the_newer_one_of_the_account(stage: Stage) -> None:
    fixed_price(stage.account, 44_000, since=stage.start - 2 * DAY, informer=stage.informer)
    fixed_price(stage.account, 55_000, since=stage.start - DAY)
    click = stage.click()
    local(click)
    assert stored(click).partner_cost == 44_000


def test_a_bot_is_refused_by_default_and_only_flagged_when_told_so(stage: Stage, settings_env: SettingsEnv) -> None:
    refused = stage.click(0, user_agent="curl/8.0")
    local(refused)
    settings_env(BOT_UA_ACTION="flag")
    flagged = stage.click(1, user_agent="curl/8.0")
    local(flagged)
    assert outcomes([refused, flagged]) == ["bot_user_agent", "done"]
    assert stored(flagged).flags & Flag.BOT_USER_AGENT


def test_a_quick_click_is_flagged_and_refused_only_for_accounts_that_are_watched(stage: Stage) -> None:
    quick = stage.click(0, age=timedelta())
    local(quick)
    Account.update(block_state="filter").execute()
    watched, patient = stage.click(1, age=14 * SECOND, at=SECOND), stage.click(2, age=15 * SECOND, at=2 * SECOND)
    local(watched, patient)
    assert outcomes([quick, watched, patient]) == ["done", "too_fast", "done"]
    assert stored(quick).flags & Flag.TOO_FAST


def test_a_data_centre_is_flagged_by_default_and_refused_when_told_so(
    stage: Stage, settings_env: SettingsEnv, tmp_path: Path
) -> None:
    path = tmp_path / "nets.txt"
    path.write_text("198.51.100.0/24  # hosting\n")
    settings_env(DATACENTER_FILE=str(path))
    flagged = stage.click(0, ip="198.51.100.9")
    local(flagged)
    settings_env(DATACENTER_ACTION="reject")
    refused = stage.click(1, ip="198.51.100.9")
    local(refused)
    assert outcomes([flagged, refused]) == ["done", "datacenter_ip"]
    assert stored(flagged).flags & Flag.DATACENTER


def test_a_campaign_stops_counting_at_its_clicks_of_the_day_over_several_batches(database: Any) -> None:
    stage = build(clicks_per_day_limit=3)
    clicks = [stage.click(ip=ip(number), at=number * SECOND) for number in range(5)]
    local(*clicks[:2])
    local(*clicks[2:])
    assert outcomes(clicks) == ["done"] * 3 + ["campaign_capped"] * 2


def test_a_cap_set_later_knows_the_clicks_of_the_day_before_it(stage: Stage) -> None:
    clicks = [stage.click(ip=ip(number), at=number * SECOND) for number in range(3)]
    local(*clicks[:2])
    Campaign.update(clicks_per_day_limit=2).execute()
    local(clicks[2])
    assert outcomes(clicks) == ["done", "done", "campaign_capped"]


@pytest.mark.parametrize("place", ["informer", "campaign"])
def test_a_switched_off_filter_skips_the_blacklist_the_address_the_age_and_the_limits_but_not_the_signature(
    stage: Stage, place: str
) -> None:
    rows: dict[str, Any] = {"informer": stage.informer, "campaign": stage.campaign}
    rows[place].disable_filter = True
    rows[place].save()
    local(*[stage.click(number, at=number * SECOND) for number in range(5)])
    odd = [stage.click(0, age=DAY, ip=ip(1)), stage.click(0, issued_to=ip(9), ip=ip(2))]
    forged = stage.click(0, h="forged.example", ip=ip(3))
    local(*odd, forged)
    assert Click.select().count() == 7
    assert outcomes(odd) == ["done", "done"]
    assert outcomes([forged]) == ["token_invalid"]
    assert all(row.flags & Flag.FILTER_DISABLED for row in Click.select())


def test_a_weekly_limit_per_informer_refuses_and_lists(stage: Stage, settings_env: SettingsEnv) -> None:
    settings_env(LIMIT_INFORMER_WEEK="4")
    clicks = [stage.click(number, at=(number - 5) * DAY) for number in range(5)]
    for click in clicks:
        local(click)
    assert outcomes(clicks) == ["done"] * 4 + ["over_limit_week"]
    assert refusal(clicks[4]).detail | {"rules_id": 0} == {
        "rule": 4, "measured": 5, "rules_id": 0, "hours": 168, "age_seconds": 30, "listed": "203.0.113.7/32",
    }  # fmt: skip


def test_an_over_limit_click_can_be_kept_for_nothing_beside_its_refusal(
    stage: Stage, settings_env: SettingsEnv
) -> None:
    settings_env(RECORD_OVER_LIMIT_AS_NONUNIQUE="true")
    clicks = [stage.click(number, at=number * SECOND) for number in range(4)]
    local(*clicks)
    assert outcomes(clicks)[3] == "done*+over_limit_day"
    assert stored(clicks[3]).partner_cost == 0


def test_ipv6_clickers_are_told_apart_by_their_64_bit_network(stage: Stage) -> None:
    clicks = [stage.click(number, at=number * SECOND, ip=f"2001:db8:0:7::{number + 1}") for number in range(4)]
    other = stage.click(4, at=9 * SECOND, ip="2001:db8:0:8::1")
    local(*clicks, other)
    assert outcomes([*clicks, other]) == ["done", "done", "done", "over_limit_day", "done"]
    assert listed() == ["2001:db8:0:7::/64"]


def test_a_private_network_is_refused_but_never_listed(stage: Stage) -> None:
    clicks = [stage.click(number, at=number * SECOND, ip="10.0.0.9") for number in range(5)]
    local(*clicks)
    assert outcomes(clicks) == ["done", "done", "done", "over_limit_day", "over_limit_day"]
    assert listed() == []


def test_an_allowed_network_is_never_listed_and_its_visitors_are_told_apart(
    stage: Stage, settings_env: SettingsEnv
) -> None:
    settings_env(ALLOWLIST_NETS="203.0.113.0/24")
    clicks = [stage.click(n % 5, at=n * SECOND, visitor_id=f"v{n % 2}") for n in range(8)]
    local(*clicks)
    assert sorted(set(outcomes(clicks))) == ["done", "over_limit_day"]
    assert outcomes(clicks).count("done") == 6
    assert listed() == []


def test_with_pairs_the_visitor_is_listed_first_and_the_network_after_three_visitors(
    stage: Stage, settings_env: SettingsEnv
) -> None:
    settings_env(ACTOR_KEY="net+visitor", MAX_CLICKS_PER_DAY="1")
    clicks = [stage.click(n % 5, at=n * SECOND, visitor_id=f"v{n // 2}") for n in range(7)]
    for click in clicks[:4]:
        local(click)
    assert {row.visitor_id for row in IpBlacklist.select()} == {"v0", "v1"}
    for click in clicks[4:]:
        local(click)
    assert outcomes(clicks) == ["done", "over_limit_day"] * 3 + ["blacklisted"]
    assert {row.visitor_id for row in IpBlacklist.select()} == {"v0", "v1", "v2", ""}


def test_with_pairs_an_address_without_a_steady_visitor_is_limited_too(stage: Stage, settings_env: SettingsEnv) -> None:
    settings_env(ACTOR_KEY="net+visitor")
    clicks = [stage.click(n % 5, at=n * SECOND, visitor_id=f"fresh-{n}") for n in range(7)]
    local(*clicks)
    assert outcomes(clicks)[5:] == ["done", "over_limit_net_day"]


def test_clicks_of_a_listed_network_count_as_hits_and_do_not_renew_its_entry(stage: Stage) -> None:
    local(*[stage.click(number, at=number * SECOND) for number in range(4)])
    before = IpBlacklist.get()
    IpBlacklist.update(last_violation_at=before.last_violation_at - DAY).execute()
    local(stage.click(0, at=9 * SECOND), stage.click(1, at=10 * SECOND))
    after = IpBlacklist.get()
    assert (after.hits, after.last_violation_at) == (3, before.last_violation_at - DAY)


def test_hits_renew_an_entry_when_told_so(stage: Stage, settings_env: SettingsEnv) -> None:
    settings_env(BLACKLIST_REFRESH_ON_HIT="true")
    local(*[stage.click(number, at=number * SECOND) for number in range(4)])
    IpBlacklist.update(last_violation_at=stage.start - DAY).execute()
    local(stage.click(0, at=9 * SECOND))
    assert IpBlacklist.get().last_violation_at > stage.start


def test_a_test_link_stores_nothing(stage: Stage) -> None:
    click = stage.click(test=True)
    assert counts(local(click)) == {"test": 1}
    assert outcomes([click]) == ["nothing"]


def test_a_click_near_midnight_is_stored_under_its_own_utc_day(stage: Stage) -> None:
    midnight = stage.start.replace(hour=0, minute=0, second=0)
    last, first = midnight - timedelta(microseconds=1) - stage.start, midnight - stage.start
    clicks = [stage.click(0, at=last), stage.click(1, at=first, ip=ip(1))]
    local(*clicks)
    assert [stored(click).click_day for click in clicks] == [(midnight - DAY).date(), midnight.date()]
