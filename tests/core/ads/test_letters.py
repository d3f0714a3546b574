"""What our mails say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from core.ads import letters
from core.ads.letters import METHODS, STATES, Template
from models.mail import Subject

ABOUT = Subject(
    UUID("0197a3c4-7c00-7000-8000-000000000001"), 1, "zoe@pub.example", "zoe", 1_250_000_000, "USD", "webmoney_z", None,
    "paid", "papers\r\nmissing", datetime(2026, 11, 24, 12, 30, tzinfo=UTC), "WM-77", False,
)  # fmt: skip
DETAILS = {"purse": "Z123456789012", "number": "4111111111111234", "wallet": "41001234567890", "phone": "+380501234567"}
NUMBERS = ("Z12345", "411111", "410012", "+38050")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("template", Template)
def test_every_event_has_words_for_every_method(template: Template, method: str) -> None:
    letter = letters.compose(template, replace(ABOUT, method=method), DETAILS, "https://box.example/payouts/confirm/t")

    assert letter.subject.endswith(": 1250.00 USD")
    assert "\n" not in letter.subject
    assert letter.text.startswith("Hello zoe,\n\n")
    assert METHODS[method].name in letter.text
    assert letter.text.endswith("\n\nPayout 0197a3c4-7c00-7000-8000-000000000001\n")
    assert all(number not in letter.text for number in NUMBERS)
    assert ("/payouts/confirm/t" in letter.text) == (template is Template.CONFIRM)


def test_every_template_knows_when_it_is_true() -> None:
    assert set(STATES) == set(Template)


def test_a_confirmation_says_until_when_and_what_happens_without_it() -> None:
    text = letters.compose(Template.CONFIRM, ABOUT, DETAILS, "https://box.example/x").text
    assert "\n\nhttps://box.example/x\n\n" in text
    assert "before 2026-11-24 12:30 UTC" in text
    assert "stays on your balance" in text


def test_a_payment_names_its_reference_and_where_the_code_is() -> None:
    without = letters.compose(Template.PAID, ABOUT, DETAILS).text
    assert "Reference of the payment: WM-77\n" in without
    assert "protection code" not in without
    assert "protection code" in letters.compose(Template.PAID, replace(ABOUT, has_code=True), DETAILS).text


def test_a_reason_is_one_line_whatever_was_typed() -> None:
    assert "Reason: papers missing\n" in letters.compose(Template.DECLINED, ABOUT, DETAILS).text


@pytest.mark.parametrize(
    ("number", "shown"),
    [("4111 1111 1111 1234", "**** 1234"), ("12345678", "**** 5678"), ("1234567", "****"), ("", "****")],
)
def test_no_more_than_the_last_four_of_a_number_is_shown(number: str, shown: str) -> None:
    assert letters.masked(number) == shown


def test_details_that_cannot_be_read_leave_the_method() -> None:
    assert letters.destination("card", {}) == "to your bank card"
    assert letters.destination("later_method", {"number": "4111111111111234"}) == "by later_method"
