"""Careless clients must be found out: each mistake leaves a trace that a test can assert on."""

from __future__ import annotations

import time
import xmlrpc.client
from datetime import datetime

import pytest
import requests

from sandbox.server import Sandbox
from tests.sandbox.clients import OFFER, charge, click

AT = "2026-11-20T12:00:01Z"


def stock_client(sandbox: Sandbox) -> xmlrpc.client.ServerProxy:
    return xmlrpc.client.ServerProxy(f"{sandbox.adload_url}/rpc")


def test_the_stock_xmlrpc_client_sends_again_by_itself_and_is_charged_twice(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "commit_then_drop", "reset": True}, times=1)
    with stock_client(sandbox) as proxy:
        proxy.addClick(OFFER, "192.0.2.1", AT)
    assert [row["effect"]["charged"] for row in sandbox.journal()] == [1, 1]
    assert len(sandbox.ledger()) == 2


def test_repeating_a_keyless_charge_after_a_lost_answer_is_charged_twice(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "status", "status": 502, "apply": True}, times=1)
    with stock_client(sandbox) as proxy:
        with pytest.raises(xmlrpc.client.ProtocolError):
            proxy.addClick(OFFER, "192.0.2.1", AT)
        proxy.addClick(OFFER, "192.0.2.1", AT)
    assert len(sandbox.ledger()) == 2


def test_repeating_a_keyed_charge_after_a_lost_answer_is_charged_once(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "commit_then_drop"}, times=1)
    with pytest.raises(ConnectionError):
        charge(sandbox, click())
    assert charge(sandbox, click())["c1"]["duplicate"] is True
    assert len(sandbox.ledger()) == 1


def test_a_fresh_key_for_the_same_click_is_charged_twice(sandbox: Sandbox) -> None:
    charge(sandbox, click("first try"))
    charge(sandbox, click("second try"))
    assert len(sandbox.ledger()) == 2


def test_a_client_that_trusts_the_order_of_results_pays_the_wrong_clicks(sandbox: Sandbox) -> None:
    items = [click(f"c{number}", price_override=number) for number in range(1, 30)]
    results = requests.post(f"{sandbox.adload_url}/clicks", json={"clicks": items}, timeout=60).json()["results"]
    assert [result["cost_micros"] for result in results] != [item["price_override"] for item in items]


def test_a_client_that_follows_redirects_shows_up_elsewhere(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "redirect", "to": "host"})
    requests.get(f"{sandbox.adload_url}/totals", timeout=60)
    assert [row["path"] for row in sandbox.journal()] == ["/adload/totals", "/elsewhere"]


def test_a_client_that_follows_a_loop_is_seen_going_round(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "redirect", "to": "loop"})
    with pytest.raises(requests.TooManyRedirects):
        requests.get(f"{sandbox.adload_url}/totals", timeout=60)
    assert len(sandbox.journal("adload")) > 20


def test_a_client_without_a_total_deadline_is_held_beyond_its_read_timeout(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "trickle", "every_ms": 150, "part": "body"})
    before = time.monotonic()
    assert requests.get(f"{sandbox.adload_url}/totals?day=2026-11-20", timeout=1.5).json() == {"totals": []}
    assert time.monotonic() - before > 1.5


def test_a_client_that_ignores_retry_after_leaves_short_gaps_in_the_journal(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "retry_after", "form": "seconds", "seconds": 3600})
    for _ in range(2):
        requests.get(f"{sandbox.adload_url}/totals", timeout=60)
    first, second = (datetime.fromisoformat(row["at"]) for row in sandbox.journal())
    assert (second - first).total_seconds() < 3600
