"""The wire reader: published bytes, what must not count, and anything else without harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.safe_browsing.urls import full_hash
from integrations.safe_browsing.wire import Broken, fields, search_hashes
from tests.search import search

OURS = full_hash("go.sandbox.test/")
HIT = "0a260a20d51d47e8a9855264f13f2a0e879393a8edf06ed60e7c8a393c54e577e7762ca512020802120308ac02"
NOTHING = "120308ac02"
URLS_HIT = "0a1d0a1868747470733a2f2f676f2e73616e64626f782e746573742f120102120308ac02"


def detail(body: str) -> bytes:
    """An answer of 300 s with our hash and one detail, given as the hex of its fields."""
    inner = bytes.fromhex(f"0a20{OURS.hex()}12{len(body) // 2:02x}{body}")
    return bytes([0x0A, len(inner)]) + inner + bytes.fromhex(NOTHING)


def test_a_published_hit_is_read() -> None:
    found = search_hashes(bytes.fromhex(HIT))
    assert found == ({OURS: frozenset({"SOCIAL_ENGINEERING"})}, 300)


def test_a_published_empty_answer_is_read() -> None:
    assert search_hashes(bytes.fromhex(NOTHING)) == ({}, 300)


def test_a_published_answer_about_addresses_is_read_field_by_field() -> None:
    (first, threat), (second, duration) = fields(bytes.fromhex(URLS_HIT))
    assert isinstance(threat, bytes)
    assert isinstance(duration, bytes)
    assert (first, list(fields(threat))) == (1, [(1, b"https://go.sandbox.test/"), (2, b"\x02")])
    assert (second, list(fields(duration))) == (2, [(1, 300)])


@pytest.mark.parametrize(
    ("body", "threats"),
    [
        ("0801", {"MALWARE"}),
        ("0802", {"SOCIAL_ENGINEERING"}),
        ("0803", {"UNWANTED_SOFTWARE"}),
        ("0804", {"POTENTIALLY_HARMFUL_APPLICATION"}),
        ("0863", set()),
        ("", set()),
        ("08021001", set()),
        ("0802120101", set()),
        ("0802120102", set()),
        ("08021209", None),
        ("080218ff01", {"SOCIAL_ENGINEERING"}),
    ],
)
def test_a_detail_counts_when_its_threat_is_known_and_it_has_no_attribute(body: str, threats: set[str] | None) -> None:
    if threats is None:
        with pytest.raises(Broken):
            search_hashes(detail(body))
    else:
        assert search_hashes(detail(body)).threats == {OURS: frozenset(threats)}


def test_one_detail_that_does_not_count_hides_no_other() -> None:
    inner = bytes.fromhex(f"0a20{OURS.hex()}12020863120208011204080210" + "01")
    found = search_hashes(bytes([0x0A, len(inner)]) + inner + bytes.fromhex(NOTHING))
    assert found.threats == {OURS: frozenset({"MALWARE"})}


@pytest.mark.parametrize(
    "data",
    [
        "",
        HIT[:-10],
        HIT[:-2],
        "0a00" + NOTHING,
        "0a030a01ff" + NOTHING,
        "0896011203616263",
        "1001",
        "1203" + "08",
        "0001" + NOTHING,
        "0b0c" + NOTHING,
        "120b08ffffffffffffffffff01",
        "120c08ffffffffffffffffffff01",
        "120b08ffffffffffffffffff7f",
        "12ffffffffffffffff7f08",
        "09aabb",
    ],
)
def test_bytes_that_are_no_answer_are_refused(data: str) -> None:
    with pytest.raises(Broken):
        search_hashes(bytes.fromhex(data))


def test_unknown_fields_of_every_kind_are_passed_over() -> None:
    assert search_hashes(bytes.fromhex("1805210102030405060708320161" + "3d01020304" + NOTHING)) == ({}, 300)


@search(2000)
@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda data: bytes.fromhex(HIT)[:40] + data))
def test_any_bytes_are_an_answer_or_refused(data: bytes) -> None:
    try:
        found = search_hashes(data)
    except Broken:
        return
    assert all(len(digest) == 32 for digest in found.threats)
    assert 0 <= found.seconds < 1 << 63


@search(1000)
@given(st.integers(0, len(HIT) * 4 - 1), st.integers(0, len(HIT) * 4 - 1))
def test_two_flipped_bits_never_make_another_address_unsafe(first: int, second: int) -> None:
    data = bytearray(bytes.fromhex(HIT))
    for place in {first, second}:
        data[place // 8] ^= 1 << place % 8
    try:
        threats = search_hashes(bytes(data)).threats
    except Broken:
        return
    assert full_hash("sandbox.test/") not in threats
