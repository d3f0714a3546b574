"""Reading JSON that may be anything."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.body import Unreadable, parse_json
from tests.search import search


@given(st.binary(max_size=300), st.text(max_size=40))
@search(2000)
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    assert outcome(body, content_type) in {"read", "refused"}


def outcome(body: bytes, content_type: str) -> str:
    try:
        parse_json(body, content_type)
    except Unreadable:
        return "refused"
    return "read"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
@search(1000)
def test_ordinary_json_is_read_as_written(value: object) -> None:
    assert parse_json(orjson.dumps(value)) == value


def test_nesting_up_to_64_is_read_and_65_refused() -> None:
    deepest = b"[" * 64 + b"1" + b",1" * 300 + b"]" * 64
    assert parse_json(deepest)
    with pytest.raises(Unreadable, match="deeper"):
        parse_json(b"[" + deepest + b"]")


def test_many_small_objects_are_read() -> None:
    assert len(parse_json(orjson.dumps([{"a": 1}] * 5000))) == 5000


def test_containers_without_content_are_refused_before_they_fill_memory() -> None:
    with pytest.raises(Unreadable, match="containers"):
        parse_json(b"[" + b"[]," * 300_000 + b"[]]")


@pytest.mark.parametrize("body", [b"", b"  \n", b"nul", b'{"a":NaN}', b"\xff\xfe1\x00", b"1e999999x", b"{"])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_json(body)
