"""What a click costs, who may not be charged, and the sums."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import CAMPAIGN, OFFER, ask, charge, click


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        ({}, 333),
        ({"percent_bp": 5000}, 167),
        ({"percent_bp": 20_000}, 666),
        ({"percent_bp": 0}, 0),
        ({"price_override": 7, "percent_bp": 5000}, 7),
        ({"price_override": 0}, 0),
        ({"social": True, "price_override": 7}, 0),
    ],
)
def test_the_cost_is_the_override_or_the_scaled_cost_half_up(
    sandbox: Sandbox, changes: dict[str, Any], cost: int
) -> None:
    sandbox.edit("adload", CAMPAIGN, offers=[{"id": OFFER, "cost_micros": 333}])
    assert charge(sandbox, click(**changes))["c1"]["cost_micros"] == cost


def test_a_budget_is_spent_to_the_last_unit_and_never_beyond(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, budget_micros=90_000)
    codes = [charge(sandbox, click(f"c{number}"))[f"c{number}"].get("code") for number in range(3)]
    assert codes == [None, None, "no_funds"]
    assert sum(line["cost_micros"] for line in sandbox.ledger()) == 90_000


def test_a_raised_budget_lets_clicks_pass_again(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, budget_micros=0)
    assert charge(sandbox, click())["c1"]["code"] == "no_funds"
    sandbox.edit("adload", CAMPAIGN, budget_micros=None)
    assert charge(sandbox, click())["c1"]["status"] == "ok"


@pytest.mark.parametrize("changes", [{"stopped": True}, {"allowed": False}])
def test_a_campaign_stopped_without_notice_refuses_clicks_and_says_so_when_asked(
    sandbox: Sandbox, changes: dict[str, Any]
) -> None:
    sandbox.edit("adload", CAMPAIGN, **changes)
    assert charge(sandbox, click())["c1"]["code"] == "campaign_stopped"
    assert ask(sandbox, "GET", f"/adload/campaigns/{CAMPAIGN}").json["allowed"] is False


def test_an_inactive_offer_is_refused(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, offers=[{"id": OFFER, "active": False}])
    assert charge(sandbox, click())["c1"]["code"] == "offer_inactive"


def test_a_strict_sandbox_knows_only_what_it_was_told(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", strict=True)
    assert charge(sandbox, click())["c1"]["code"] == "offer_unknown"
    sandbox.edit("adload", CAMPAIGN, offers=[{"id": OFFER}])
    assert charge(sandbox, click())["c1"]["status"] == "ok"


@pytest.mark.parametrize(
    ("ending", "answer"),
    [
        ("0000", {"status": "refused", "code": "campaign_stopped"}),
        ("0001", {"status": "refused", "code": "no_funds"}),
        ("0002", {"status": "ok", "cost_micros": 0}),
    ],
)
def test_an_offer_id_triggers_by_its_ending(sandbox: Sandbox, ending: str, answer: dict[str, Any]) -> None:
    result = charge(sandbox, click(offer=OFFER[:-4] + ending))["c1"]
    assert {name: result[name] for name in answer} == answer


def test_an_offer_ending_in_0003_is_slow_but_charged(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", slow_ms=50)
    before = time.monotonic()
    assert charge(sandbox, click(offer=OFFER[:-4] + "0003"))["c1"]["status"] == "ok"
    assert time.monotonic() - before >= 0.05


def test_triggers_can_be_switched_off(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", triggers=False)
    assert charge(sandbox, click(offer=OFFER[:-4] + "0000"))["c1"]["status"] == "ok"


def test_totals_add_up_by_campaign_and_utc_day_of_the_click(sandbox: Sandbox) -> None:
    charge(
        sandbox,
        click("a"),
        click("b", clicked_at="2026-11-21T01:00:00+02:00"),
        click("next day", clicked_at="2026-11-21T00:00:00Z"),
        click("other", offer="other", campaign="other"),
    )
    totals = ask(sandbox, "GET", "/adload/totals?day=2026-11-20").json["totals"]
    assert {"campaign": CAMPAIGN, "clicks": 2, "cost_micros": 90_000} in totals
    assert {"campaign": "other", "clicks": 1, "cost_micros": 45_000} in totals


def test_the_ledger_lists_each_charge_in_order_with_its_sums(sandbox: Sandbox) -> None:
    for name in ("a", "b", "c"):
        charge(sandbox, click(name))
    listed = sandbox.control("GET", "adload/ledger?since=1&limit=1")
    assert [line["click_id"] for line in listed["charges"]] == ["b"]
    assert (listed["count"], listed["cost_micros"]) == (3, 135_000)


def test_a_line_of_the_ledger_says_what_was_charged_and_how(sandbox: Sandbox) -> None:
    charge(sandbox, click())
    [line] = sandbox.ledger()
    assert (line["charge_id"], line["via"], line["offer"], line["campaign"]) == ("A-1", "http", OFFER, CAMPAIGN)
    assert (line["cost_micros"], line["currency"], line["number"]) == (45_000, "USD", 1)
