"""Batches of clicks: the answers per item, the idempotency, and the refusals of a whole batch."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import CAMPAIGN, OFFER, ask, charge, click


def test_an_unknown_offer_costs_the_default_so_that_nothing_has_to_be_set_up(sandbox: Sandbox) -> None:
    assert charge(sandbox, click())["c1"] == {
        "click_id": "c1",
        "status": "ok",
        "cost_micros": 45_000,
        "currency": "USD",
        "charge_id": "A-1",
        "duplicate": False,
    }


def test_a_repeated_click_gets_the_first_answer_and_no_second_charge(sandbox: Sandbox) -> None:
    first = charge(sandbox, click())["c1"]
    sandbox.edit("adload", OFFER, cost_micros=90_000)
    assert charge(sandbox, click())["c1"] == first | {"duplicate": True}
    assert len(sandbox.ledger()) == 1


def test_a_key_reused_with_another_body_is_a_conflict(sandbox: Sandbox) -> None:
    charge(sandbox, click())
    assert charge(sandbox, click(percent_bp=5000))["c1"]["code"] == "conflict"
    assert len(sandbox.ledger()) == 1


def test_a_refusal_does_not_bind_the_key(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, stopped=True)
    assert charge(sandbox, click())["c1"]["code"] == "campaign_stopped"
    sandbox.edit("adload", CAMPAIGN, stopped=False)
    assert charge(sandbox, click(percent_bp=5000))["c1"]["status"] == "ok"


def test_the_same_click_twice_in_one_batch_is_charged_once(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "POST", "/adload/clicks", {"clicks": [click(), click()]})
    assert sorted(result["duplicate"] for result in reply.json["results"]) == [False, True]
    assert len(sandbox.ledger()) == 1


def order(sandbox: Sandbox) -> list[str]:
    batch = {"clicks": [click(f"c{number}") for number in range(50)]}
    return [result["click_id"] for result in ask(sandbox, "POST", "/adload/clicks", batch).json["results"]]


def test_results_come_in_a_shuffled_but_seeded_order(sandbox: Sandbox) -> None:
    with Sandbox() as twin, Sandbox(seed=2) as other:
        mixed = order(sandbox)
        assert mixed != sorted(mixed)
        assert mixed == order(twin)
        assert mixed != order(other)


def test_five_hundred_items_pass_and_one_more_does_not(sandbox: Sandbox) -> None:
    items = [click(f"c{number}") for number in range(501)]
    assert ask(sandbox, "POST", "/adload/clicks", {"clicks": items}).status == 413
    assert len(charge(sandbox, *items[:500])) == 500


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        ({"clicks": []}, 400),
        ({"items": []}, 400),
        ({"clicks": [{"offer": OFFER}]}, 422),
        ({"clicks": [click(), 7]}, 422),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(sandbox: Sandbox, body: Any, status: int) -> None:
    assert ask(sandbox, "POST", "/adload/clicks", body).status == status
    assert sandbox.ledger() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"clicked_at": "yesterday"},
        {"clicked_at": "2026-11-20T12:00:01"},
        {"percent_bp": -1},
        {"price_override": 1.5},
        {"offer": ""},
        {"social": "no"},
    ],
)
def test_a_wrong_item_is_refused_alone(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    results = charge(sandbox, click("bad", **wrong), click("good"))
    assert (results["bad"]["code"], results["good"]["status"]) == ("bad_request", "ok")


def test_a_rate_id_comes_with_the_currency_when_it_is_set(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", currency="EUR", rate_id="EURUSD")
    result = charge(sandbox, click())["c1"]
    assert (result["currency"], result["rate_id"]) == ("EUR", "EURUSD")
