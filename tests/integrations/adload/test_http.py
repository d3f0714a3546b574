"""The http driver against the sandbox, row by row of its table and fault by fault."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from config.ids import new_id
from integrations.adload.port import CampaignFacts, CampaignTotal, ChargeReply, ChargeStatus, OutcomeCode
from integrations.errors import Malformed, OutsideError, Rejected, Unauthorized, Unavailable
from sandbox.server import Sandbox
from tests.integrations import peer as at
from tests.integrations.adload.made import CAMPAIGN, HASTY, OFFER, PATIENT, charge, http, offer_ending
from tests.integrations.peer import SetClock, peer

OK, REFUSED, ERROR = ChargeStatus.OK, ChargeStatus.REFUSED, ChargeStatus.ERROR


def verdict(reply: ChargeReply) -> tuple[ChargeStatus, str | None]:
    return reply.status, reply.code


def test_a_charge_is_confirmed_with_its_cost_and_id(sandbox: Sandbox) -> None:
    asked = charge()
    [reply] = http(sandbox.adload_url).add_clicks([asked])
    assert (reply.click_id, reply.status, reply.code, reply.cost_micros) == (asked.click_id, OK, None, 45_000)
    assert reply.charge_id == sandbox.ledger()[0]["charge_id"]


def test_the_same_key_again_is_answered_with_the_first_charge(sandbox: Sandbox) -> None:
    driver, asked = http(sandbox.adload_url), charge()
    assert driver.add_clicks([asked]) == driver.add_clicks([asked])
    assert len(sandbox.ledger()) == 1


def test_a_thousand_charges_travel_in_chunks_and_come_back_in_order(sandbox: Sandbox) -> None:
    asked = [charge() for _ in range(1001)]
    replies = http(sandbox.adload_url).add_clicks(asked)
    assert [reply.click_id for reply in replies] == [item.click_id for item in asked]
    assert {reply.status for reply in replies} == {OK}
    assert len(sandbox.journal("adload")) == 3


def test_a_click_named_twice_is_sent_and_answered_once(sandbox: Sandbox) -> None:
    first, second = charge(), charge()
    replies = http(sandbox.adload_url).add_clicks([first, second, first])
    assert [reply.click_id for reply in replies] == [first.click_id, second.click_id]


def test_no_charges_need_no_call(sandbox: Sandbox) -> None:
    assert http(sandbox.adload_url).add_clicks([]) == []
    assert sandbox.journal("adload") == []


def test_percent_and_price_of_the_campaign_reach_adload(sandbox: Sandbox) -> None:
    replies = http(sandbox.adload_url).add_clicks([charge(percent_bp=5000), charge(price_override=123)])
    assert [reply.cost_micros for reply in replies] == [22_500, 123]


@pytest.mark.parametrize(
    ("ending", "code"),
    [("0000", "adload_campaign_stopped"), ("0001", "adload_no_funds"), ("0002", "adload_zero_cost")],
)
def test_the_sandboxs_special_offers_are_refused_with_our_codes(sandbox: Sandbox, ending: str, code: str) -> None:
    [reply] = http(sandbox.adload_url).add_clicks([charge(offer=offer_ending(ending))])
    assert verdict(reply) == (REFUSED, code)


def test_an_inactive_and_an_unknown_offer_are_refused_alike(sandbox: Sandbox, campaign: UUID) -> None:
    sandbox.edit("adload", "settings", strict=True)
    replies = http(sandbox.adload_url).add_clicks(
        [charge(offer=UUID("11111111-0000-4000-8000-0000000000a3")), charge(offer=new_id())]
    )
    assert {verdict(reply) for reply in replies} == {(REFUSED, "adload_offer_inactive")}


def test_a_key_reused_with_another_body_is_our_bug(sandbox: Sandbox) -> None:
    driver, first = http(sandbox.adload_url), charge()
    driver.add_clicks([first])
    [reply] = driver.add_clicks([charge(click_id=first.click_id, percent_bp=1)])
    assert verdict(reply) == (REFUSED, "adload_bad_request")


def test_a_refusal_does_not_bind_the_key(sandbox: Sandbox, campaign: UUID) -> None:
    driver, asked = http(sandbox.adload_url), charge()
    sandbox.edit("adload", str(campaign), stopped=True)
    assert verdict(driver.add_clicks([asked])[0]) == (REFUSED, "adload_campaign_stopped")
    sandbox.edit("adload", str(campaign), stopped=False)
    assert verdict(driver.add_clicks([asked])[0]) == (OK, None)


def answered(*items: dict[str, Any], social: bool = False, **options: Any) -> tuple[ChargeReply, at.Peer]:
    """The reply to one charge, when AdLoad answers with these results for it."""
    asked = charge(social=social)
    results = [{"click_id": str(asked.click_id)} | item for item in items]
    with peer(at.answer(200, orjson.dumps({"results": results}))) as server:
        [reply] = http(server.url, **options).add_clicks([asked])
    return reply, server


PAID = {"status": "ok", "cost_micros": 45_000, "currency": "USD", "charge_id": "A-1"}
ROWS: list[tuple[dict[str, Any], bool, ChargeStatus, str | None]] = [
    (PAID, False, OK, None),
    (PAID | {"duplicate": True}, False, OK, None),
    (PAID | {"cost_micros": 0}, True, OK, None),
    (PAID | {"cost_micros": 0}, False, REFUSED, "adload_zero_cost"),
    (PAID, True, REFUSED, "adload_bad_reply"),
    ({"status": "refused", "code": "offer_inactive"}, False, REFUSED, "adload_offer_inactive"),
    ({"status": "refused", "code": "offer_unknown"}, False, REFUSED, "adload_offer_inactive"),
    ({"status": "refused", "code": "campaign_stopped"}, False, REFUSED, "adload_campaign_stopped"),
    ({"status": "refused", "code": "no_funds"}, False, REFUSED, "adload_no_funds"),
    ({"status": "refused", "code": "bad_request"}, False, REFUSED, "adload_bad_request"),
    ({"status": "refused", "code": "conflict"}, False, REFUSED, "adload_bad_request"),
    ({"status": "refused", "code": "tired"}, False, REFUSED, "adload_other"),
    ({"status": "refused"}, False, REFUSED, "adload_other"),
    ({"status": "error", "code": "busy"}, False, ERROR, "adload_unreachable"),
    ({"status": "maybe"}, False, ERROR, "adload_bad_reply"),
    ({"status": "ok", "cost": "0.045", "currency": "USD"}, False, OK, None),
    ({"status": "ok", "cost": "0.0450001", "currency": "USD"}, False, ERROR, "adload_bad_reply"),
    ({"status": "ok", "cost": "NaN", "currency": "USD"}, False, ERROR, "adload_bad_reply"),
    ({"status": "ok", "cost": "-1", "currency": "USD"}, False, ERROR, "adload_bad_reply"),
    ({"status": "ok", "cost": 0.045, "currency": "USD"}, False, ERROR, "adload_bad_reply"),
    (PAID | {"cost_micros": -1}, False, ERROR, "adload_bad_reply"),
    (PAID | {"cost_micros": True}, False, ERROR, "adload_bad_reply"),
    (PAID | {"cost_micros": "45000"}, False, ERROR, "adload_bad_reply"),
    (PAID | {"currency": "EUR"}, False, ERROR, "adload_bad_reply"),
    (PAID | {"currency": None}, False, ERROR, "adload_bad_reply"),
    (PAID | {"charge_id": 5}, False, ERROR, "adload_bad_reply"),
    ({"status": "ok", "currency": "USD"}, False, ERROR, "adload_bad_reply"),
]


@pytest.mark.parametrize(("item", "social", "status", "code"), ROWS)
def test_an_item_means_what_the_table_says(
    item: dict[str, Any], social: bool, status: ChargeStatus, code: str | None
) -> None:
    reply, _ = answered(item, social=social)
    assert verdict(reply) == (status, code)


def test_a_missing_item_is_an_error_of_that_item_only() -> None:
    reply, _ = answered()
    assert verdict(reply) == (ERROR, "adload_bad_reply")


def test_the_same_answer_twice_counts_and_contradictory_ones_do_not() -> None:
    assert verdict(answered(PAID, PAID | {"duplicate": True})[0]) == (OK, None)
    assert verdict(answered(PAID, {"status": "refused"})[0]) == (ERROR, "adload_bad_reply")


def test_one_ill_formed_item_does_not_touch_the_others() -> None:
    good, bad = charge(), charge()
    results = [17, {"click_id": 5}, {"click_id": str(bad.click_id)}, PAID | {"click_id": str(good.click_id).upper()}]
    with peer(at.answer(200, orjson.dumps({"results": results}))) as server:
        replies = http(server.url).add_clicks([good, bad])
    assert [verdict(reply) for reply in replies] == [(OK, None), (ERROR, "adload_bad_reply")]


@pytest.mark.parametrize("item", [{"status": "error"}, PAID | {"cost_micros": None}, {"status": "maybe"}])
def test_without_idempotency_an_unclear_item_is_an_unknown_outcome(item: dict[str, Any]) -> None:
    reply, _ = answered(item, idempotent=False)
    assert (verdict(reply), reply.sent) == ((ERROR, "adload_unknown_outcome"), True)


def with_rate(sandbox: Sandbox) -> ChargeReply:
    sandbox.edit("adload", "settings", currency="EUR", rate_id="eur-usd")
    return http(sandbox.adload_url).add_clicks([charge(), charge()])[1]


def test_a_cost_in_another_currency_is_settled_at_its_rate(sandbox: Sandbox) -> None:
    http(sandbox.adload_url).set_rate("eur-usd", Decimal("1.1111"))
    assert with_rate(sandbox).cost_micros == 50_000
    assert [row["path"].rpartition("/")[2] for row in sandbox.journal("adload")] == ["rates", "clicks", "rates"]


def test_a_missing_rate_is_an_error_and_not_no_conversion(sandbox: Sandbox) -> None:
    assert verdict(with_rate(sandbox)) == (ERROR, "adload_bad_reply")


@pytest.mark.parametrize("rate", ["0", "0.000", "-1", "", None, 1.5, "1e400", "x"])
def test_a_zero_or_odd_rate_is_an_error(rate: object) -> None:
    with peer(at.answer(200, orjson.dumps({"rate": rate}))) as server, pytest.raises(Malformed):
        http(server.url).get_rate("eur-usd")


def test_an_answer_full_of_rates_does_not_make_us_ask_for_all_of_them() -> None:
    asked = [charge() for _ in range(40)]
    results = [
        PAID | {"click_id": str(item.click_id), "currency": "EUR", "rate_id": f"r{number}"}
        for number, item in enumerate(asked)
    ]
    rate = at.answer(200, b'{"rate":"2"}')
    with peer(at.answer(200, orjson.dumps({"results": results})), rate) as server:
        replies = http(server.url).add_clicks(asked)
    assert sum(reply.status is OK for reply in replies) == 16
    assert len(server.requests) == 17


def refuse_batches(status: int) -> at.Behaviour:
    """Refuses what has more than one item, and the items of one offer."""

    def behave(visit: at.Visit) -> None:
        clicks = orjson.loads(visit.body)["clicks"]
        if len(clicks) > 1 or clicks[0]["percent_bp"] == 1:
            visit.sock.sendall(at.http(status, b"no"))
        else:
            result = PAID | {"click_id": clicks[0]["click_id"]}
            visit.sock.sendall(at.http(200, orjson.dumps({"results": [result]})))

    return behave


@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_bad_click_does_not_sink_its_batch(status: int) -> None:
    good, bad = charge(), charge(percent_bp=1)
    with peer(refuse_batches(status)) as server:
        replies = http(server.url).add_clicks([good, bad, charge()])
    assert [verdict(reply) for reply in replies] == [(OK, None), (REFUSED, "adload_bad_request"), (OK, None)]
    assert len(server.requests) == 4


def test_items_that_no_longer_fit_into_the_time_wait_for_the_next_attempt() -> None:
    def slow_single(visit: at.Visit) -> None:
        time.sleep(0.5)
        refuse_batches(400)(visit)

    with peer(slow_single) as server:
        replies = http(server.url, batch_seconds=3.0).add_clicks([charge() for _ in range(20)])
    assert replies[0].status is OK
    assert (verdict(replies[-1]), replies[-1].sent) == ((ERROR, "adload_timeout"), False)
    assert len(server.requests) < 8


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "hang"}, "adload_timeout"),
    ({"type": "trickle", "every_ms": 100}, "adload_timeout"),
    ({"type": "latency_ms", "ms": 60_000}, "adload_timeout"),
    ({"type": "drop"}, "adload_unreachable"),
    ({"type": "reset"}, "adload_unreachable"),
    ({"type": "commit_then_drop"}, "adload_unreachable"),
    ({"type": "commit_then_drop", "reset": True}, "adload_unreachable"),
    ({"type": "truncate"}, "adload_unreachable"),
    ({"type": "status", "status": 500}, "adload_unreachable"),
    ({"type": "status", "status": 503}, "adload_unreachable"),
    ({"type": "status", "status": 401}, "adload_unreachable"),
    ({"type": "status", "status": 404}, "adload_unreachable"),
    ({"type": "retry_after"}, "adload_unreachable"),
    ({"type": "redirect"}, "adload_unreachable"),
    ({"type": "redirect", "to": "file"}, "adload_unreachable"),
    ({"type": "redirect", "to": "loop"}, "adload_unreachable"),
    ({"type": "garbage"}, "adload_bad_reply"),
    ({"type": "html"}, "adload_bad_reply"),
    ({"type": "empty"}, "adload_bad_reply"),
    ({"type": "charset"}, "adload_bad_reply"),
    ({"type": "charset", "encoding": "cp500"}, "adload_bad_reply"),
    ({"type": "wrong_type"}, "adload_bad_reply"),
    ({"type": "deep"}, "adload_bad_reply"),
    ({"type": "huge"}, "adload_bad_reply"),
    ({"type": "huge", "declared": False}, "adload_bad_reply"),
    ({"type": "gzip_bomb"}, "adload_bad_reply"),
]


@pytest.mark.parametrize(("action", "code"), FAULTS)
def test_after_any_fault_the_same_key_charges_exactly_once(sandbox: Sandbox, action: dict[str, Any], code: str) -> None:
    patience = HASTY if code == "adload_timeout" else PATIENT
    driver, asked = http(sandbox.adload_url, **patience), [charge(), charge()]
    sandbox.fault("adload", action, times=1)
    began = time.monotonic()
    assert {verdict(reply) for reply in driver.add_clicks(asked)} == {(ERROR, code)}
    assert time.monotonic() - began < 15
    assert {reply.status for reply in http(sandbox.adload_url).add_clicks(asked)} == {OK}
    assert len(sandbox.ledger()) == 2


@pytest.mark.parametrize(("action", "code"), FAULTS)
def test_without_idempotency_what_may_have_been_charged_is_unknown(
    sandbox: Sandbox, action: dict[str, Any], code: str
) -> None:
    sandbox.fault("adload", action, times=1)
    patience = HASTY if code == "adload_timeout" else PATIENT
    [reply] = http(sandbox.adload_url, idempotent=False, **patience).add_clicks([charge()])
    turned_away = action["type"] in ("redirect", "retry_after") or action.get("status") in (401, 404, 503)
    assert reply.sent is not turned_away
    assert reply.code == (code if turned_away else "adload_unknown_outcome")


@pytest.mark.parametrize("idempotent", [True, False])
def test_where_nobody_listens_nothing_was_sent(idempotent: bool) -> None:
    [reply] = http(f"http://127.0.0.1:{at.free_port()}", idempotent=idempotent).add_clicks([charge()])
    assert (verdict(reply), reply.sent) == ((ERROR, "adload_unreachable"), False)


def test_a_refused_key_pauses_at_once_and_is_reported_once(sandbox: Sandbox) -> None:
    clock, told = SetClock(), list[Unauthorized]()
    sandbox.edit("adload", "settings", token="right")
    driver = http(sandbox.adload_url, token="wrong", on_pause=told.append, clock=clock)
    for _ in range(3):
        assert verdict(driver.add_clicks([charge()])[0]) == (ERROR, "adload_unreachable")
    assert (len(sandbox.journal("adload")), len(told), driver.breaker_open()) == (1, 1, True)
    clock.advance(300)
    driver.add_clicks([charge()])
    assert (len(sandbox.journal("adload")), len(told)) == (2, 1)


def test_a_successful_probe_ends_the_pause(sandbox: Sandbox) -> None:
    sandbox.edit("adload", "settings", token="right")
    driver = http(sandbox.adload_url, token="wrong")
    with pytest.raises(Unauthorized):
        driver.probe()
    assert driver.breaker_open()
    sandbox.edit("adload", "settings", token="wrong")
    assert driver.probe() == "adload: 0 campaigns charged today"
    assert not driver.breaker_open()


def test_an_open_breaker_answers_without_calling(sandbox: Sandbox) -> None:
    driver = http(sandbox.adload_url)
    sandbox.fault("adload", {"type": "status", "status": 500})
    for _ in range(20):
        [reply] = driver.add_clicks([charge()])
        assert verdict(reply) == (ERROR, "adload_unreachable")
    assert driver.breaker_open()
    assert len(sandbox.journal("adload")) == 5


def test_the_facts_of_a_campaign_are_told(sandbox: Sandbox, campaign: UUID) -> None:
    driver = http(sandbox.adload_url)
    expected = CampaignFacts(campaign, "Shoes", "Sandbox account", "Sandbox manager", True)
    assert driver.get_campaign(campaign) == expected
    assert driver.get_campaign(new_id()) is None


def test_offers_are_listed_with_their_state_and_only_active_ones_counted(sandbox: Sandbox, campaign: UUID) -> None:
    driver = http(sandbox.adload_url)
    assert [(offer.title, offer.active) for offer in driver.list_offers(campaign)] == [
        ("One", True),
        ("Two", True),
        ("Off", False),
    ]
    assert (driver.count_offers(campaign), driver.has_active_offers(campaign)) == (2, True)
    sandbox.edit("adload", str(campaign), offers=[])
    assert (driver.count_offers(campaign), driver.has_active_offers(campaign)) == (0, False)


@pytest.mark.parametrize("action", [{"type": "drop"}, {"type": "html"}, {"type": "status", "status": 500}])
def test_no_answer_is_never_no_offers(sandbox: Sandbox, campaign: UUID, action: dict[str, Any]) -> None:
    sandbox.fault("adload", action)
    driver = http(sandbox.adload_url)
    for question in (driver.list_offers, driver.count_offers, driver.has_active_offers, driver.get_campaign):
        with pytest.raises(Unavailable):
            question(campaign)


def test_offers_of_an_unknown_campaign_are_a_rejection(sandbox: Sandbox) -> None:
    with pytest.raises(Rejected):
        http(sandbox.adload_url).list_offers(new_id())


BAD_FACTS = [b"[]", b"{}", b'{"offers":{}}', b'{"offers":[{"id":"x","title":"t","active":true}]}', b'{"offers":[1]}']


@pytest.mark.parametrize("body", BAD_FACTS)
def test_facts_of_the_wrong_shape_are_malformed(body: bytes) -> None:
    with peer(at.answer(200, body)) as server:
        driver = http(server.url)
        for question in (driver.list_offers, driver.get_campaign):
            with pytest.raises(Malformed):
                question(CAMPAIGN)


def test_adload_is_told_that_a_campaign_runs_and_stops_running(sandbox: Sandbox, campaign: UUID) -> None:
    driver = http(sandbox.adload_url)
    seen = []
    for announce in (driver.add_campaign, driver.remove_campaign):
        announce(campaign)
        seen.append(sandbox.control("GET", "state/adload")["campaigns"][0]["running"])
    assert seen == [True, False]


def test_a_rate_is_read_back_as_it_was_set(sandbox: Sandbox) -> None:
    driver = http(sandbox.adload_url)
    driver.set_rate("eur-usd", Decimal("1.05"))
    assert driver.get_rate("eur-usd") == Decimal("1.05")
    for wrong in ("0", "-1", "1.0000001", "NaN"):
        with pytest.raises(ValueError, match=r"."):
            driver.set_rate("eur-usd", Decimal(wrong))


def test_totals_of_a_day_are_told(sandbox: Sandbox) -> None:
    driver = http(sandbox.adload_url)
    driver.add_clicks([charge(), charge()])
    assert driver.daily_totals(date(2026, 11, 20)) == [CampaignTotal(CAMPAIGN, 2, 90_000)]
    assert driver.daily_totals(date(2026, 11, 21)) == []


def test_the_token_is_sent_and_shown_nowhere(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    canary = "canary-7d1e"
    told: list[Unauthorized] = []
    driver = http(sandbox.adload_url, token=canary, on_pause=told.append)
    sandbox.edit("adload", "settings", token=canary)
    assert driver.add_clicks([charge()])[0].status is OK
    sandbox.edit("adload", "settings", token="other")
    with pytest.raises(OutsideError) as caught:
        driver.get_campaign(CAMPAIGN)
    seen = repr(driver) + repr(caught.value) + repr(vars(caught.value)) + repr(told) + caplog.text
    assert canary not in seen


def test_the_body_sent_is_the_same_on_every_attempt(sandbox: Sandbox) -> None:
    driver, asked = http(sandbox.adload_url), charge()
    driver.add_clicks([asked])
    driver.add_clicks([asked])
    first, second = (row["body"] for row in sandbox.journal("adload"))
    assert first == second
    assert orjson.loads(first)["clicks"] == [
        {
            "click_id": str(asked.click_id),
            "offer": str(OFFER),
            "campaign": str(CAMPAIGN),
            "clicked_at": "2026-11-20T12:00:01.250000Z",
            "social": False,
            "percent_bp": 10000,
            "price_override": None,
        }
    ]


def test_the_codes_are_those_of_the_click_errors() -> None:
    assert all(code.value.startswith("adload_") for code in OutcomeCode)
