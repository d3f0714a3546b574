"""Tests of the click message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads import clicks
from core.ads.clicks import LIMITS, BadClick, ClickMessage, decode

SECRET = "personal-data"


def body(**changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "click_id": "0197a3c4-7c00-7000-8000-000000000001",
        "clicked_at": "2026-03-01T12:00:00.250000Z",
        "token": "A" * 58,
        "u": "https://shop.example/",
        "h": "news.example.com",
        "url": "https://shop.example/?signalbox_partner=news.example.com",
        "ip": "203.0.113.7",
        "actor_net": "203.0.113.7/32",
        "visitor_id": "ab" * 16,
        "referer": "https://news.example.com/",
        "user_agent": "Mozilla/5.0",
        "accept_language": "en",
        "flags": 3,
        "view_ms": 1500,
        "redirect_host": "r1",
    } | changes


def fault(changes: dict[str, Any]) -> BadClick:
    with pytest.raises(BadClick) as caught:
        decode(body(**changes))
    return caught.value


def test_a_message_is_read_into_typed_fields() -> None:
    click = decode(body())
    assert click.click_id == UUID("0197a3c4-7c00-7000-8000-000000000001")
    assert click.clicked_at == datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    assert (click.ip, click.flags, click.view_ms) == ("203.0.113.7", 3, 1500)


def test_payload_and_encoding_read_back_as_the_same_click() -> None:
    click = decode(body())
    assert decode(clicks.payload(click)) == click
    assert decode(orjson.loads(clicks.encode(click))) == click
    assert orjson.loads(orjson.dumps(clicks.payload(click))) == body()


def test_an_encoded_click_is_one_line() -> None:
    assert b"\n" not in clicks.encode(decode(body(referer="a\nb")))


def test_fields_of_newer_senders_are_ignored() -> None:
    assert decode(body(score=17)) == decode(body())


def test_optional_fields_may_be_absent() -> None:
    required = ("click_id", "clicked_at", "token", "url", "ip", "actor_net")
    click = decode({name: value for name, value in body().items() if name in required})
    assert (click.v, click.u, click.referer, click.flags, click.view_ms) == (1, "", "", 0, 0)


@pytest.mark.parametrize("name", ["click_id", "clicked_at", "token", "url", "ip", "actor_net"])
def test_a_missing_field_is_named(name: str) -> None:
    message = body()
    del message[name]
    with pytest.raises(BadClick) as caught:
        decode(message)
    assert caught.value.field == name
    assert "missing" in caught.value.problem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("v", 0),
        ("click_id", SECRET),
        ("click_id", 5),
        ("clicked_at", SECRET),
        ("clicked_at", "2026-03-01T12:00:00"),
        ("clicked_at", "2026-03-01T12:00:00+02:00"),
        ("clicked_at", 1_700_000_000),
        ("token", SECRET * 100),
        ("token", None),
        ("url", SECRET * 1000),
        ("url", SECRET + "ä" * 4100),
        ("referer", SECRET * 100),
        ("referer", SECRET + "ä" * 510),
        ("referer", SECRET + "\0"),
        ("referer", SECRET + "\ud800"),
        ("user_agent", SECRET + "ä" * 254),
        ("user_agent", "a" * 513),
        ("u", [SECRET]),
        ("h", {"a": SECRET}),
        ("ip", SECRET),
        ("ip", "::ffff:203.0.113.7"),
        ("ip", "203.0.113.7 "),
        ("actor_net", SECRET),
        ("actor_net", "203.0.113.8/32"),
        ("actor_net", "203.0.113.7"),
        ("actor_net", "203.0.113.7/24"),
        ("flags", -1),
        ("flags", 2**31),
        ("flags", "3"),
        ("flags", 1.5),
        ("view_ms", 2**60),
        ("visitor_id", SECRET * 10),
        ("redirect_host", SECRET * 100),
    ],
)
def test_a_bad_field_is_named_and_its_value_is_not(field: str, value: Any) -> None:
    caught = fault({field: value})
    assert caught.field == field
    assert SECRET not in str(caught)
    assert str(caught) == f"{field}: {caught.problem}"


@pytest.mark.parametrize("message", [None, [], "text", 5, b"bytes"])
def test_a_message_that_is_no_object_is_refused(message: Any) -> None:
    with pytest.raises(BadClick) as caught:
        decode(message)
    assert caught.value.field == "message"


@pytest.mark.parametrize("name", ["referer", "user_agent", "url"])
def test_a_text_at_its_limit_is_accepted(name: str) -> None:
    limit = LIMITS[name]
    assert getattr(decode(body(**{name: "a" * limit})), name) == "a" * limit
    assert getattr(decode(body(**{name: "ä" * (limit // 2)})), name) == "ä" * (limit // 2)


@pytest.mark.parametrize("net", ["2001:db8:1:2::/64", "2001:db8:1::/56"])
def test_any_prefix_of_the_address_is_an_actor_network(net: str) -> None:
    assert decode(body(ip="2001:db8:1:2::3", actor_net=net)).actor_net == net


@given(
    st.dictionaries(
        st.sampled_from([*body(), "other"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())),
    )
)
def test_any_message_is_a_click_or_a_bad_click(changes: dict[str, Any]) -> None:
    try:
        click = decode(body(**changes))
    except BadClick:
        return
    assert decode(clicks.payload(click)) == click


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("aä", 2, "a"),
        ("ää", 4, "ää"),
        ("😀😀", 7, "😀"),
        ("a\0b", 5, "ab"),
        ("a\ud800b", 5, "ab"),
        ("", 5, ""),
    ],
)
def test_clipping_cuts_between_characters(text: str, limit: int, expected: str) -> None:
    assert clicks.clip(text, limit) == expected


@given(st.text(st.characters(), max_size=60), st.integers(0, 40))
def test_clipped_text_fits_and_is_accepted(text: str, limit: int) -> None:
    clipped = clicks.clip(text, limit)
    assert len(clipped.encode()) <= limit
    assert decode(body(user_agent=clipped)).user_agent == clipped


def test_a_click_cannot_be_changed() -> None:
    click: ClickMessage = decode(body())
    with pytest.raises(AttributeError):
        click.flags = 0  # type: ignore[misc]
