"""The old door: XML-RPC over the same ledger."""

from __future__ import annotations

import xmlrpc.client
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import CAMPAIGN, OFFER, ask, charge, click

AT = "2026-11-20T12:00:01+00:00"


def call(sandbox: Sandbox, method: str, *parameters: Any) -> Any:
    body = xmlrpc.client.dumps(parameters, method).encode()
    return xmlrpc.client.loads(ask(sandbox, "POST", "/adload/rpc", body).body.decode())[0][0]


def test_a_click_is_charged_at_the_cost_of_its_offer(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, offers=[{"id": OFFER, "cost_micros": 1_234_560}])
    assert call(sandbox, "addClick", OFFER, "192.0.2.1", AT) == {"ok": True, "cost": 1.23456, "error": ""}
    [line] = sandbox.ledger()
    assert (line["click_id"], line["via"], line["ip"], line["campaign"]) == (None, "rpc", "192.0.2.1", CAMPAIGN)


def test_the_cost_is_exact_decimal_text(sandbox: Sandbox) -> None:
    body = xmlrpc.client.dumps((OFFER, "192.0.2.1", AT), "addClick").encode()
    assert b"<double>0.045</double>" in ask(sandbox, "POST", "/adload/rpc", body).body


def test_the_same_click_twice_is_charged_twice(sandbox: Sandbox) -> None:
    for _ in range(2):
        call(sandbox, "addClick", OFFER, "192.0.2.1", AT)
    assert len(sandbox.ledger()) == 2


def test_both_doors_share_one_budget(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, budget_micros=45_000, offers=[{"id": OFFER}])
    charge(sandbox, click())
    assert call(sandbox, "addClick", OFFER, "192.0.2.1", AT) == {"ok": False, "cost": 0.0, "error": "no funds"}


def test_the_given_time_decides_the_day_of_the_totals(sandbox: Sandbox) -> None:
    call(sandbox, "addClick", OFFER, "192.0.2.1", xmlrpc.client.DateTime("20261119T12:00:00"))
    assert ask(sandbox, "GET", "/adload/totals?day=2026-11-19").json["totals"][0]["clicks"] == 1


def test_without_a_time_the_click_is_of_now(sandbox: Sandbox) -> None:
    call(sandbox, "addClick", OFFER, "192.0.2.1")
    [line] = sandbox.ledger()
    assert line["clicked_at"][:10] == line["charged_at"][:10]


@pytest.mark.parametrize(
    ("offer", "error"),
    [
        ("no-guid", "badly formed uuid"),
        (OFFER[:-4] + "0000", "campaign stopped"),
        (OFFER[:-4] + "0001", "no funds"),
        (OFFER[:-4] + "0002", "cost 0"),
    ],
)
def test_a_refusal_is_told_in_words(sandbox: Sandbox, offer: str, error: str) -> None:
    assert call(sandbox, "addClick", offer, "192.0.2.1", AT) == {"ok": False, "cost": 0.0, "error": error}


def test_an_inactive_offer_has_an_empty_error(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, offers=[{"id": OFFER, "active": False}])
    assert call(sandbox, "addClick", OFFER, "192.0.2.1", AT)["error"] == ""


def test_a_strict_sandbox_does_not_know_the_offer(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", strict=True)
    assert call(sandbox, "addClick", OFFER, "192.0.2.1", AT)["error"] == "unknown offer"
    assert call(sandbox, "clickCost", OFFER)["error"] == "unknown offer"


def test_the_cost_can_be_asked_without_a_charge(sandbox: Sandbox) -> None:
    assert call(sandbox, "clickCost", OFFER)["cost"] == 0.045
    assert sandbox.ledger() == []


def test_the_details_of_a_campaign_include_its_offers(sandbox: Sandbox) -> None:
    sandbox.edit("adload", CAMPAIGN, title="<Shoes & more>", offers=[{"id": OFFER, "title": "Red"}])
    details = call(sandbox, "campaign_details", CAMPAIGN)
    assert (details["title"], details["allowed"]) == ("<Shoes & more>", True)
    assert details["offers"] == [{"id": OFFER, "title": "Red", "active": True}]


def test_an_unknown_campaign_has_no_details(sandbox: Sandbox) -> None:
    assert call(sandbox, "campaign_details", CAMPAIGN) is False


@pytest.mark.parametrize(
    ("changes", "can_run"),
    [
        ({"offers": [{"id": OFFER}]}, True),
        ({"offers": [{"id": OFFER, "active": False}]}, False),
        ({"offers": [{"id": OFFER}], "stopped": True}, False),
        ({}, False),
    ],
)
def test_the_check_says_whether_a_campaign_can_run(sandbox: Sandbox, changes: dict[str, Any], can_run: bool) -> None:
    sandbox.edit("adload", CAMPAIGN, **changes)
    assert call(sandbox, "campaign_check", CAMPAIGN) is can_run


@pytest.mark.parametrize(
    "body",
    [
        b"no xml",
        b"<methodCall></methodCall>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><methodCall><methodName>clickCost</methodName></methodCall>',
        xmlrpc.client.dumps((), "noSuchMethod").encode(),
        xmlrpc.client.dumps((OFFER,), "addClick").encode(),
        xmlrpc.client.dumps((OFFER, "192.0.2.1", "yesterday"), "addClick").encode(),
        b"\xff\xfe",
    ],
)
def test_what_cannot_be_called_is_a_fault(sandbox: Sandbox, body: bytes) -> None:
    reply = ask(sandbox, "POST", "/adload/rpc", body)
    assert reply.status == 200
    with pytest.raises(xmlrpc.client.Fault):
        xmlrpc.client.loads(reply.body.decode())
    assert sandbox.ledger() == []


def test_only_post_is_a_call(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/adload/rpc").status == 405
