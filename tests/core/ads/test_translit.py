"""Tests of titles in ASCII."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads.translit import ascii_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Summer 50% off!", "Summer 50% off!"),
        ("Щука и Ёж", "Shchuka i Yozh"),
        ("Київ, Ґанок, їжак", "Kiyiv, Ganok, yizhak"),
        ("Café Straße Łódź Ærø", "Cafe Strasse Lodz Aero"),
        ("日本 sale", " sale"),
    ],
)
def test_letters_are_replaced_by_what_they_sound_like(text: str, expected: str) -> None:
    assert ascii_text(text) == expected


@given(st.text(max_size=40))
def test_the_result_is_always_ascii(text: str) -> None:
    assert ascii_text(text).isascii()
