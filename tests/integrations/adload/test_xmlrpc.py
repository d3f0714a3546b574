"""The xmlrpc driver against the sandbox and against raw sockets: what was sent is never sent again."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID
from xmlrpc.client import Fault, dumps

import pytest

from config.ids import new_id
from integrations.adload.port import CampaignFacts, ChargeReply, ChargeStatus
from integrations.adload.xmlrpc import XmlRpcAdLoad
from integrations.errors import Malformed, Rejected, Unauthorized, Unavailable
from sandbox.server import Sandbox
from tests.integrations import peer as at
from tests.integrations.adload.made import CAMPAIGN, HASTY, PATIENT, charge, offer_ending, xmlrpc
from tests.integrations.peer import peer

OK, REFUSED, ERROR = ChargeStatus.OK, ChargeStatus.REFUSED, ChargeStatus.ERROR


def verdict(reply: ChargeReply) -> tuple[ChargeStatus, str | None]:
    return reply.status, reply.code


def test_a_charge_is_confirmed_with_its_exact_cost_and_time(sandbox: Sandbox) -> None:
    [reply] = xmlrpc(sandbox.adload_url).add_clicks([charge()])
    assert (verdict(reply), reply.cost_micros) == ((OK, None), 45_000)
    assert sandbox.ledger()[0]["clicked_at"].startswith("2026-11-20T12:00:01.25")
    assert [row["path"] for row in sandbox.journal("adload")] == ["/adload/rpc"]


def test_a_batch_is_made_of_one_call_after_another(sandbox: Sandbox) -> None:
    asked = [charge() for _ in range(5)]
    replies = xmlrpc(sandbox.adload_url).add_clicks([*asked, asked[0]])
    assert [reply.click_id for reply in replies] == [item.click_id for item in asked]
    assert len(sandbox.ledger()) == 5


@pytest.mark.parametrize(
    ("ending", "code"), [("0000", "adload_other"), ("0001", "adload_other"), ("0002", "adload_zero_cost")]
)
def test_the_sandboxs_special_offers_are_refused(sandbox: Sandbox, ending: str, code: str) -> None:
    [reply] = xmlrpc(sandbox.adload_url).add_clicks([charge(offer=offer_ending(ending))])
    assert verdict(reply) == (REFUSED, code)


def test_an_inactive_offer_is_refused_with_an_empty_error(sandbox: Sandbox, campaign: UUID) -> None:
    [reply] = xmlrpc(sandbox.adload_url).add_clicks([charge(offer=UUID("11111111-0000-4000-8000-0000000000a3"))])
    assert verdict(reply) == (REFUSED, "adload_offer_inactive")


def struct(members: str) -> bytes:
    text = f"<methodResponse><params><param><value><struct>{members}</struct></value></param></params></methodResponse>"
    return text.encode()


def member(name: str, value: str) -> str:
    return f"<member><name>{name}</name><value>{value}</value></member>"


YES, NO = member("ok", "<boolean>1</boolean>"), member("ok", "<boolean>0</boolean>")


def cost(text: str) -> str:
    return member("cost", f"<double>{text}</double>")


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><methodResponse>&c;</methodResponse>'
)
BODIES: list[tuple[bytes, ChargeStatus, str | None]] = [
    (struct(YES + cost("0.045")), OK, None),
    (struct(YES + cost("4.5e-2")), OK, None),
    (struct(YES + member("cost", "<int>2</int>")), OK, None),
    (struct(YES + cost("0.0")), REFUSED, "adload_zero_cost"),
    (struct(NO), REFUSED, "adload_offer_inactive"),
    (struct(NO + member("error", "")), REFUSED, "adload_offer_inactive"),
    (struct(NO + member("error", "bad UUID")), REFUSED, "adload_bad_request"),
    (struct(NO + member("error", "cost 0 for it")), REFUSED, "adload_zero_cost"),
    (struct(NO + member("error", "tired")), REFUSED, "adload_other"),
    (dumps(Fault(1, "tired")).encode(), REFUSED, "adload_other"),
    (struct(YES + cost("0.0450001")), ERROR, "adload_unknown_outcome"),
    (struct(YES + cost("nan")), ERROR, "adload_unknown_outcome"),
    (struct(YES + cost("-1")), ERROR, "adload_unknown_outcome"),
    (struct(YES), ERROR, "adload_unknown_outcome"),
    (struct(cost("1")), ERROR, "adload_unknown_outcome"),
    (BOMB, ERROR, "adload_unknown_outcome"),
    (b"", ERROR, "adload_unknown_outcome"),
    (b"<html>", ERROR, "adload_unknown_outcome"),
]


@pytest.mark.parametrize(("body", "status", "code"), BODIES)
def test_an_answer_means_what_the_contract_says(body: bytes, status: ChargeStatus, code: str | None) -> None:
    with peer(at.answer(200, body)) as server:
        [reply] = xmlrpc(server.url).add_clicks([charge()])
    assert verdict(reply) == (status, code)
    assert len(server.requests) == 1


def test_a_cost_for_a_social_click_is_final_and_told(sandbox: Sandbox) -> None:
    [reply] = xmlrpc(sandbox.adload_url).add_clicks([charge(social=True)])
    assert (verdict(reply), reply.cost_micros) == ((REFUSED, "adload_bad_reply"), 45_000)


FAULTS: list[dict[str, Any]] = [
    {"type": "hang"},
    {"type": "trickle", "every_ms": 100},
    {"type": "drop"},
    {"type": "reset"},
    {"type": "commit_then_drop"},
    {"type": "commit_then_drop", "reset": True},
    {"type": "truncate"},
    {"type": "garbage"},
    {"type": "html"},
    {"type": "empty"},
    {"type": "wrong_type"},
    {"type": "huge"},
    {"type": "gzip_bomb"},
    {"type": "status", "status": 500},
    {"type": "status", "status": 503},
]


@pytest.mark.parametrize("action", FAULTS)
def test_what_was_sent_and_not_answered_is_unknown_and_sent_once(sandbox: Sandbox, action: dict[str, Any]) -> None:
    sandbox.fault("adload", action)
    began = time.monotonic()
    patience = HASTY if action["type"] in ("hang", "trickle") else PATIENT
    [reply] = xmlrpc(sandbox.adload_url, **patience).add_clicks([charge()])
    assert time.monotonic() - began < 15
    assert (verdict(reply), reply.sent) == ((ERROR, "adload_unknown_outcome"), True)
    assert len(sandbox.journal("adload")) == 1


TURNED_AWAY = [{"type": "retry_after"}, {"type": "redirect"}, {"type": "status", "status": 401}]


@pytest.mark.parametrize("action", TURNED_AWAY)
def test_what_was_turned_away_may_be_tried_again(sandbox: Sandbox, action: dict[str, Any]) -> None:
    sandbox.fault("adload", action)
    [reply] = xmlrpc(sandbox.adload_url).add_clicks([charge()])
    assert (verdict(reply), reply.sent) == ((ERROR, "adload_unreachable"), False)


def test_a_reset_on_a_kept_connection_leads_to_one_request_only() -> None:
    with peer(at.answer(200, struct(YES + cost("1"))), at.reset) as server:
        driver = xmlrpc(server.url)
        codes = [driver.add_clicks([charge()])[0].code for _ in range(2)]
    assert codes == [None, "adload_unknown_outcome"]
    assert len(server.requests) == 2


def test_where_nobody_listens_nothing_was_sent() -> None:
    [reply] = xmlrpc(f"http://127.0.0.1:{at.free_port()}").add_clicks([charge()])
    assert (verdict(reply), reply.sent) == ((ERROR, "adload_unreachable"), False)


def test_what_no_longer_fits_into_the_batchs_time_is_not_sent(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "latency_ms", "ms": 500})
    began = time.monotonic()
    replies = xmlrpc(sandbox.adload_url, batch_seconds=2.5).add_clicks([charge() for _ in range(10)])
    assert time.monotonic() - began < 15
    assert replies[0].status is OK
    assert (verdict(replies[-1]), replies[-1].sent) == ((ERROR, "adload_timeout"), False)
    assert len(sandbox.journal("adload")) < 6


def test_an_open_breaker_answers_without_calling_and_says_nothing_was_sent(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "drop"})
    driver = xmlrpc(sandbox.adload_url)
    replies = driver.add_clicks([charge() for _ in range(20)])
    assert [reply.sent for reply in replies] == [True] * 5 + [False] * 15
    assert driver.breaker_open()


def test_another_currency_than_the_settlements_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="ADLOAD_XMLRPC_CURRENCY"):
        XmlRpcAdLoad("http://127.0.0.1:1", "EUR", charges_in="USD")


def test_a_campaign_and_its_offers_are_told(sandbox: Sandbox, campaign: UUID) -> None:
    driver = xmlrpc(sandbox.adload_url)
    expected = CampaignFacts(campaign, "Shoes", "Sandbox account", "Sandbox manager", True)
    assert driver.get_campaign(campaign) == expected
    assert driver.get_campaign(new_id()) is None
    assert [offer.active for offer in driver.list_offers(campaign)] == [True, True, False]
    assert (driver.count_offers(campaign), driver.has_active_offers(campaign)) == (2, True)
    with pytest.raises(Rejected):
        driver.list_offers(new_id())


def test_no_answer_is_never_no_offers(sandbox: Sandbox, campaign: UUID) -> None:
    driver = xmlrpc(sandbox.adload_url)
    for action, expected in (({"type": "drop"}, Unavailable), ({"type": "html"}, Malformed)):
        sandbox.control("DELETE", "faults")
        sandbox.fault("adload", action)
        for question in (driver.list_offers, driver.has_active_offers, driver.get_campaign):
            with pytest.raises(expected):
                question(campaign)


def test_what_this_protocol_cannot_do_is_rejected_or_done_by_nothing(sandbox: Sandbox) -> None:
    driver = xmlrpc(sandbox.adload_url)
    driver.add_campaign(CAMPAIGN)
    driver.remove_campaign(CAMPAIGN)
    for impossible in (
        lambda: driver.get_rate("r"),
        lambda: driver.set_rate("r", Decimal(1)),
        lambda: driver.daily_totals(date(2026, 11, 20)),
    ):
        with pytest.raises(Rejected, match="unsupported"):
            impossible()
    assert sandbox.journal("adload") == []


def test_a_probe_proves_the_key(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", token="right")
    assert xmlrpc(sandbox.adload_url, token="right").probe() == "adload: answers XML-RPC"
    with pytest.raises(Unauthorized):
        xmlrpc(sandbox.adload_url, token="wrong").probe()
    sandbox.fault("adload", {"type": "html"})
    with pytest.raises(Malformed):
        xmlrpc(sandbox.adload_url, token="right").probe()
