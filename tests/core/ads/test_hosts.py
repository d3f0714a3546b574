"""Tests of the spelling of hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads.hosts import page_host


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://News.Example.com:8080/a?b#c", "news.example.com"),
        ("news.example.com", "news.example.com"),
        ("news.example.com:80/path", "news.example.com"),
        ("//news.example.com/", "news.example.com"),
        ("https://user@news.example.com/", "news.example.com"),
        ("https://Пример.рф/", "xn--e1afmkfd.xn--p1ai"),
        ("https://[2001:DB8::1]:80/", "2001:db8::1"),
        ("", ""),
        ("https://", ""),
        ("https://[", ""),
        ("https://a.example/" + "a" * 1_000_000, ""),
        ("https://" + "ä" * 300 + ".example", ""),
        ("https://my_shop.example./", "my_shop.example."),
        ("not a page at all", ""),
        ("https://news.example.com%20evil/", ""),
        ("https://" + "a" * 254, ""),
    ],
)
def test_a_host_has_one_spelling(url: str, host: str) -> None:
    assert page_host(url) == host


@given(st.text(max_size=60))
def test_any_text_gives_an_ascii_host_and_no_error(url: str) -> None:
    assert page_host(url).isascii()
