"""XML-RPC in any shape: a value, a Fault or Unreadable, never anything else."""

from __future__ import annotations

from xmlrpc.client import dumps, loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.adload.xmlrpc_codec import Fault, Unreadable, decode, encode
from tests.search import search


def element(tag: str, children: list[str]) -> str:
    return f"<{tag}>{''.join(children)}</{tag}>"


TAGS = ["methodResponse", "params", "param", "value", "struct", "member", "name", "array", "data", "fault", "nil", "i4"]
TAGS += ["boolean", "double", "string", "int", "i8", "base64", "dateTime.iso8601", "bigdecimal", "ex:nil", "odd"]
tags = st.sampled_from(TAGS)
texts = st.text(alphabet="0123456789.-eEtxNa ", max_size=12) | st.sampled_from(["1" * 5000, "faultCode", "&amp;"])
trees = st.recursive(texts, lambda inner: st.builds(element, tags, st.lists(inner, max_size=4)), max_leaves=15)


def outcome(body: bytes) -> str:
    try:
        decode(body)
    except (Fault, Unreadable) as error:
        return type(error).__name__
    return "value"


def answered(body: bytes) -> bool:
    """Whether the bytes had one of the three outcomes; anything else has raised by now."""
    return outcome(body) in {"value", "Fault", "Unreadable"}


@given(trees)
@search(4000)
def test_any_tree_of_known_tags_is_read_or_refused(tree: str) -> None:
    assert answered(tree.encode())
    assert answered(f"<methodResponse><params><param><value>{tree}</value></param></params></methodResponse>".encode())


@given(st.binary(max_size=200))
@search(2000)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert answered(body)
    assert answered(b"<?xml version='1.0' encoding='" + body[:10] + b"'?><methodResponse/>")


GOOD = dumps(({"ok": True, "cost": 0.045, "error": ""},), methodresponse=True).encode()


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
@search(2000)
def test_any_changed_byte_is_read_or_refused(place: int, byte: int) -> None:
    assert answered(GOOD[:place] + bytes([byte]) + GOOD[place + 1 :])


def test_doubles_keep_their_text() -> None:
    assert decode(GOOD) == {"ok": True, "cost": "0.045", "error": ""}


def test_a_call_holds_its_arguments_as_strings() -> None:
    body = encode("addClick", "1111", "192.0.2.1", "<&>")
    assert b"<methodName>addClick</methodName>" in body
    assert loads(body.decode())[0] == ("1111", "192.0.2.1", "<&>")


BOMBS = [
    b'<!DOCTYPE a [<!ENTITY b "bbbb">]><methodResponse>&b;</methodResponse>',
    b'<!DOCTYPE a SYSTEM "file:///etc/hostname"><methodResponse/>',
    b"<!DOCTYPE a><methodResponse/>",
]


@pytest.mark.parametrize("body", BOMBS)
def test_document_types_and_entities_are_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body)


def test_deep_nesting_is_read_or_refused_without_recursion() -> None:
    assert answered(b"<methodResponse>" + b"<value><array><data>" * 20_000)
