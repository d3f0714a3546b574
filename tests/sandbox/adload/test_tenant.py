"""Campaigns, announcements, totals, rates and the token."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import CAMPAIGN, OFFER, ask, charge, click


def test_a_campaign_tells_its_facts_and_offers(sandbox: Sandbox) -> None:
    sandbox.edit(
        "adload", CAMPAIGN, title="Shoes", account="ACME", manager="Ann", offers=[{"id": OFFER, "title": "Red"}]
    )
    assert ask(sandbox, "GET", f"/adload/campaigns/{CAMPAIGN}").json == {
        "id": CAMPAIGN,
        "title": "Shoes",
        "account": "ACME",
        "manager": "Ann",
        "allowed": True,
    }
    offers = ask(sandbox, "GET", f"/adload/campaigns/{CAMPAIGN}/offers").json
    assert offers == {"offers": [{"id": OFFER, "title": "Red", "active": True}]}


def test_ids_are_compared_without_regard_to_case(sandbox: Sandbox) -> None:
    charge(sandbox, click())
    assert ask(sandbox, "GET", f"/adload/campaigns/{CAMPAIGN.upper()}").status == 200


@pytest.mark.parametrize("path", [f"/campaigns/{CAMPAIGN}", f"/campaigns/{CAMPAIGN}/offers", "/rates?id=X", "/x", "/"])
def test_what_is_unknown_is_not_found(sandbox: Sandbox, path: str) -> None:
    assert ask(sandbox, "GET", f"/adload{path}").status == 404


def test_listed_offers_replace_the_former_ones(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, offers=[{"id": "old"}])
    sandbox.edit("adload", CAMPAIGN, offers=[{"id": "new"}])
    offers = ask(sandbox, "GET", f"/adload/campaigns/{CAMPAIGN}/offers").json["offers"]
    assert [offer["id"] for offer in offers] == ["new"]


def test_an_offer_can_be_edited_alone(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, offers=[{"id": OFFER}])
    assert sandbox.edit("adload", OFFER, active=False)["active"] is False


def running(sandbox: Sandbox) -> bool:
    [campaign] = sandbox.control("GET", "state/adload")["campaigns"]
    return bool(campaign["running"])


def test_a_campaign_is_announced_and_withdrawn(sandbox: Sandbox) -> None:
    for method, expected in (("PUT", True), ("PUT", True), ("DELETE", False), ("DELETE", False)):
        assert ask(sandbox, method, f"/adload/campaigns/{CAMPAIGN}/running").status == 200
        assert running(sandbox) is expected


def test_a_strict_sandbox_takes_no_announcement_of_an_unknown_campaign(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", strict=True)
    assert ask(sandbox, "PUT", f"/adload/campaigns/{CAMPAIGN}/running").status == 404


def test_a_rate_is_read_back_as_it_was_written(sandbox: Sandbox) -> None:
    assert ask(sandbox, "PUT", "/adload/rates", {"id": "EUR/USD", "rate": "1.0850"}).status == 200
    assert ask(sandbox, "GET", "/adload/rates?id=EUR%2FUSD").json == {"id": "EUR/USD", "rate": "1.0850"}


@pytest.mark.parametrize("rate", ["0", "0.000000", "-1", "1.1234567", "NaN", "", 1.5, None])
def test_a_rate_is_positive_decimal_text(sandbox: Sandbox, rate: Any) -> None:
    assert ask(sandbox, "PUT", "/adload/rates", {"id": "EUR", "rate": rate}).status == 400
    assert ask(sandbox, "GET", "/adload/rates?id=EUR").status == 404


@pytest.mark.parametrize("query", ["", "?day=", "?day=today"])
def test_totals_need_a_day(sandbox: Sandbox, query: str) -> None:
    assert ask(sandbox, "GET", f"/adload/totals{query}").status == 400


@pytest.mark.parametrize("path", ["/totals?day=2026-11-20", "/rpc", "/campaigns/x"])
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "right"}])
def test_a_token_is_demanded_when_there_is_one(path: str, header: dict[str, str]) -> None:
    with Sandbox(token="right") as sandbox:
        assert ask(sandbox, "GET", f"/adload{path}", headers=header).status == 401


def test_the_right_token_opens(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", token="right")
    assert charge(sandbox, click(), headers={"Authorization": "Bearer right"})["c1"]["status"] == "ok"
