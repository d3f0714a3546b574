"""The fields of each way to be paid: what is taken, what is refused, and that no refusal repeats a value."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from core.ads.payout_methods import METHODS, BadDetails, check, masked
from tests.core.ads.cashdesk import CARD, PURSE

BANK_CARD = {name: value for name, value in CARD.items() if name not in ("bank", "currency")}
GOOD = {
    "webmoney_z": PURSE,
    "webmoney_r": PURSE | {"purse": "R123456789012"},
    "webmoney_u": PURSE | {"purse": "u1234 5678 9012"},
    "card": CARD,
    "card_pb_ua": BANK_CARD,
    "card_pb_us": BANK_CARD,
    "factura": {"invoice_file": "invoice 7.pdf", "contact": "Zoe", "phone": "+38 (044) 123-45-67"},
    "yandex": {"wallet": "41001234567890123456"},
    "cash": {"phone": "0441234567"},
}


def test_every_method_has_a_good_example_here() -> None:
    assert set(GOOD) == set(METHODS)


@pytest.mark.parametrize("method", GOOD)
def test_good_details_are_taken_in_their_plain_form(method: str) -> None:
    plain = check(method, GOOD[method])
    assert set(plain) >= set(METHODS[method].fields)
    assert check(method, {name: plain[name] for name in METHODS[method].fields}) == plain


@pytest.mark.parametrize(("method", "currency"), [("card_pb_ua", "UAH"), ("card_pb_us", "USD")])
def test_the_cards_of_one_bank_fix_bank_and_currency(method: str, currency: str) -> None:
    plain = check(method, BANK_CARD)
    assert (plain["bank"], plain["currency"]) == ("PrivatBank", currency)
    with pytest.raises(BadDetails, match="leave the others out"):
        check(method, CARD)


@pytest.mark.parametrize(
    ("method", "field", "values"),
    [
        ("webmoney_z", "wmid", ["12345678901", "1234567890123", "12345678901x", "١٢٣٤٥٦٧٨٩٠١٢"]),
        ("webmoney_z", "purse", ["R123456789012", "Z12345678901", "123456789012", "ZZ12345678901"]),
        ("webmoney_r", "purse", ["Z123456789012"]),
        ("webmoney_u", "phone", ["123456", "+1234567890123456", "call me 1"]),
        ("card", "number", ["411111111111123", "41111111111112345", "4111x11111111234"]),
        ("card", "expiry", ["13/99", "00/99", "1/99", "12-99", "01/20", "12/1999"]),
        ("card", "bank_code", ["30529", "3052991", "30529x"]),
        ("card", "currency", ["usd", "EU", "DOLLAR"]),
        ("card", "holder", ["x" * 101, "ZOE\nPUB", "ZOE\x00PUB"]),
        ("factura", "invoice_file", ["../a.pdf", "a/b.pdf", "a\\b.pdf", "a.exe", ".pdf", "scan"]),
        ("yandex", "wallet", ["4" * 21, "4100-x"]),
        ("cash", "phone", ["", "   "]),
    ],
)
def test_a_wrong_field_is_named_with_its_remedy_and_never_repeated(method: str, field: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(BadDetails) as caught:
            check(method, GOOD[method] | {field: value})
        assert caught.value.field == field
        assert not value.strip() or value.strip() not in str(caught.value)


@pytest.mark.parametrize("method", GOOD)
def test_every_field_is_required(method: str) -> None:
    for name in METHODS[method].fields:
        rest = {other: value for other, value in GOOD[method].items() if other != name}
        with pytest.raises(BadDetails, match=f"{name}: is missing"):
            check(method, rest)


def test_an_unknown_field_and_an_unknown_method_are_refused() -> None:
    with pytest.raises(BadDetails, match="fields: cash takes phone"):
        check("cash", GOOD["cash"] | {"cvv": "123"})
    with pytest.raises(BadDetails, match="method: choose one of webmoney_z"):
        check("bitcoin", {})


def test_a_card_is_good_until_the_end_of_its_month() -> None:
    details = CARD | {"expiry": "03/2026"}
    with time_machine.travel(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)):
        assert check("card", details)["expiry"] == "03/26"
    with time_machine.travel(datetime(2026, 4, 1, tzinfo=UTC)), pytest.raises(BadDetails, match="has expired"):
        check("card", details)


def test_a_mask_leaves_the_last_four() -> None:
    assert masked("card", check("card", CARD)) == "•" * 12 + "1234"
    assert masked("yandex", {"wallet": "123"}) == "•••"
    assert masked("cash", {}) == ""


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_whatever_is_typed_is_taken_in_full_or_refused_by_name(method: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(METHODS[method].fields)))
    value = data.draw(st.text(max_size=120))
    try:
        plain = check(method, GOOD[method] | {field: value})
    except BadDetails as error:
        assert error.field == field  # noqa: PT017  both ends are fine
    else:
        assert plain[field].isprintable()
