"""Tests of the visitor cookie and of page loads that nobody asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.visitor import is_prefetch, new_visitor, read_visitor, set_cookie

ID = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("HTTP_SEC_PURPOSE", "prefetch"),
        ("HTTP_SEC_PURPOSE", "prefetch;prerender"),
        ("HTTP_SEC_PURPOSE", "prefetch;anonymous-client-ip"),
        ("HTTP_SEC_PURPOSE", "Prerender"),
        ("HTTP_PURPOSE", "prefetch"),
        ("HTTP_X_PURPOSE", "preview"),
        ("HTTP_X_MOZ", "prefetch"),
    ],
)
def test_a_load_ahead_of_a_click_is_recognised(header: str, value: str) -> None:
    assert is_prefetch({"REQUEST_METHOD": "GET", header: value})


@pytest.mark.parametrize("environ", [{}, {"HTTP_PURPOSE": ""}, {"HTTP_X_MOZ": "other"}, {"HTTP_REFERER": "prefetch"}])
def test_an_ordinary_request_is_no_prefetch(environ: dict[str, object]) -> None:
    assert not is_prefetch(environ)


@pytest.mark.parametrize(
    "cookies",
    [f"sbv={ID}", f"a=b; sbv={ID}", f"sbv={ID}; a=b", f"a=b;sbv={ID};c=d", f"xsbv=1; sbv={ID}", f"a= sbv={ID}"],
)
def test_the_visitor_is_read_from_the_cookie(cookies: str) -> None:
    assert read_visitor(cookies) == ID


@pytest.mark.parametrize(
    "cookies",
    [
        "",
        "a=b",
        "sbv",
        "sbv=",
        f"sbv={ID[:-1]}",
        f"sbv={ID}0",
        f"sbv={ID.upper()}",
        f"sbv={ID[:-1]}g",
        f"xsbv={ID}",
        f'sbv="{ID}"',
        "sbv=" * 250_000,
        "xsbv=" * 200_000,
    ],
)
def test_anything_else_is_no_visitor(cookies: str) -> None:
    assert read_visitor(cookies) is None


@given(st.text(max_size=80))
def test_any_cookie_header_gives_a_visitor_or_none(cookies: str) -> None:
    visitor = read_visitor(cookies)
    assert visitor is None or len(visitor) == 32


def test_new_visitors_differ_and_read_back() -> None:
    visitors = {new_visitor() for _ in range(100)}
    assert len(visitors) == 100
    assert all(read_visitor(f"sbv={visitor}") == visitor for visitor in visitors)


def test_the_cookie_is_kept_for_a_year_and_from_scripts() -> None:
    assert set_cookie(ID) == f"sbv={ID}; Max-Age=31536000; Path=/; Secure; HttpOnly; SameSite=Lax"
