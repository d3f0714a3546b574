"""Tests of the client's address behind proxies."""

from __future__ import annotations

import itertools
from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.address import UNKNOWN, TrustedProxies, client_address

TRUSTED = TrustedProxies.parse("10.0.0.0/8, 192.0.2.1, 2001:db8:aaaa::/48")
PEER = "10.0.0.1"

CASES = [
    # peer, header, client
    ("203.0.113.7", "", "203.0.113.7"),
    ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
    ("::ffff:203.0.113.7", "198.51.100.1", "203.0.113.7"),
    ("2001:DB8::1", "", "2001:db8::1"),
    ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("2001:db8:aaaa::1", "198.51.100.1", "198.51.100.1"),
    (PEER, "", PEER),
    (PEER, "203.0.113.7", "203.0.113.7"),
    (PEER, "  203.0.113.7\t", "203.0.113.7"),
    (PEER, "1.1.1.1, 203.0.113.7", "203.0.113.7"),
    (PEER, "1.1.1.1,203.0.113.7", "203.0.113.7"),
    (PEER, "1.1.1.1, 203.0.113.7, 10.2.3.4", "203.0.113.7"),
    (PEER, "203.0.113.7, 10.2.3.4, 192.0.2.1, 2001:db8:aaaa::9", "203.0.113.7"),
    (PEER, "10.2.3.4", "10.2.3.4"),
    (PEER, "10.9.9.9, 10.2.3.4", "10.9.9.9"),
    (PEER, "127.0.0.1", "127.0.0.1"),
    (PEER, "192.0.2.2", "192.0.2.2"),
    (PEER, "::ffff:203.0.113.7", "203.0.113.7"),
    (PEER, "203.0.113.7, ::ffff:10.1.1.1", "203.0.113.7"),
    (PEER, "2001:DB8:0::5", "2001:db8::5"),
    (PEER, "203.0.113.7:4711", "203.0.113.7"),
    (PEER, "[2001:db8::5]", "2001:db8::5"),
    (PEER, "[2001:db8::5]:4711", "2001:db8::5"),
    (PEER, "[::ffff:203.0.113.7]:1", "203.0.113.7"),
    (PEER, "203.0.113.7, 10.1.1.1:80", "203.0.113.7"),
    ("", "203.0.113.7", UNKNOWN),
    ("unix:", "203.0.113.7", UNKNOWN),
]
BAD_ITEMS = [
    "",
    " ",
    "unknown",
    "_hidden",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "0x7f.1",
    "127.1",
    "1.2.3.4:",
    "1.2.3.4:0",
    "1.2.3.4:65536",
    "1.2.3.4:x",
    "1.2.3.4:-1",
    "1.2.3.4:１",
    "1.2.3.4:123456",
    "[2001:db8::5",
    "2001:db8::5]",
    "[203.0.113.7]",
    "[203.0.113.7]:80",
    "[2001:db8::5]x",
    "[2001:db8::5]:",
    "[2001:db8::5]80",
    "[]",
    "[]:80",
    "fe80::1%eth0",
    "for=203.0.113.7",
    '"203.0.113.7"',
    "203.0.113.7;x",
    "1.2.3.4/32",
    "203.0.113.7 8.8.8.8",
    "2001:db8:::5",
    "g::",
    "::1::",
    "203.0.113.7\0",
    "203.0.113.7\n",
    "\u00a0203.0.113.7",
    "２03.0.113.7",
    "a" * 65,
    "1" * 1000,
    " " * 70 + "1.2.3.4",
]


@pytest.mark.parametrize(("peer", "header", "client"), CASES)
def test_the_first_untrusted_address_from_the_right_is_the_client(peer: str, header: str, client: str) -> None:
    assert client_address(peer, header, TRUSTED) == client


@pytest.mark.parametrize("item", BAD_ITEMS)
@pytest.mark.parametrize(
    ("before", "after", "client"),
    [
        ("", "", PEER),
        ("203.0.113.7, ", "", PEER),
        ("", ", 10.2.3.4", "10.2.3.4"),
        ("203.0.113.7, ", ", 10.2.3.4", "10.2.3.4"),
        ("203.0.113.7,", ",10.9.9.9,10.2.3.4", "10.9.9.9"),
        ("", ", 198.51.100.1", "198.51.100.1"),
        ("198.51.100.9, ", ", 198.51.100.1, 10.2.3.4", "198.51.100.1"),
        (" ,", ",\t192.0.2.1", "192.0.2.1"),
        ("1.1.1.1,", ",2001:db8:aaaa::7", "2001:db8:aaaa::7"),
        ("1.1.1.1,", ",[2001:db8:aaaa::7]:8", "2001:db8:aaaa::7"),
        ("1.1.1.1,", ", 10.2.3.4:80", "10.2.3.4"),
    ],
)
def test_at_an_item_that_is_no_address_the_last_good_one_stands(
    item: str, before: str, after: str, client: str
) -> None:
    assert client_address(PEER, before + item + after, TRUSTED) == client


@pytest.mark.parametrize("hops", range(1, 12))
def test_no_more_than_the_allowed_hops_are_walked(hops: int) -> None:
    header = ", ".join(["203.0.113.7", *(f"10.0.1.{n}" for n in range(12, 0, -1))])
    assert client_address(PEER, header, TRUSTED, max_hops=hops) == f"10.0.1.{hops}"


def test_the_client_may_sit_at_the_last_allowed_hop() -> None:
    assert client_address(PEER, "1.1.1.1, 203.0.113.7, 10.2.3.4", TRUSTED, max_hops=2) == "203.0.113.7"


def test_without_trusted_proxies_the_header_is_not_read() -> None:
    assert client_address(PEER, "203.0.113.7", TrustedProxies()) == PEER


class CountingHeader(str):
    """A header that notes how much of it is looked at."""

    seen = 0

    def __getitem__(self, key: object) -> str:
        part = super().__getitem__(key)  # type: ignore[index]
        CountingHeader.seen += len(part)
        return part

    def rfind(self, sub: str, *span: object) -> int:
        CountingHeader.seen += int(span[1]) - int(span[0])  # type: ignore[call-overload]
        return super().rfind(sub, *span)  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", ["1", ",", " ", "10.0.0.1,", "[", ":", "10.0.0.1" + " " * 40 + ","])
def test_of_a_megabyte_only_a_little_is_read(unit: str) -> None:
    CountingHeader.seen = 0
    header = CountingHeader((unit * (1_000_000 // len(unit) + 1))[:1_000_000])
    assert client_address(PEER, header, TRUSTED, max_hops=10) in (PEER, "10.0.0.1")
    assert CountingHeader.seen < 2000


def reference(peer: str, header: str, max_hops: int) -> str:
    """The rule as one would say it: parse everything, then look for the client."""

    def parse(text: str) -> str:
        address = ip_address(text)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)

    address = parse(peer)
    for item in list(itertools.islice(reversed(header.split(",")), max_hops)) if header else []:
        if address not in TRUSTED:
            break
        try:
            address = parse(item.strip(" \t"))
        except ValueError:
            break
    return address


item = st.one_of(
    st.sampled_from(
        ["10.0.0.1", "10.9.9.9", "192.0.2.1", "2001:db8:aaaa::1", "::ffff:10.0.0.1", "203.0.113.7", "8.8.8.8"]
    ),
    st.sampled_from(["", "x", "1.2.3", "::ffff:8.8.8.8", "2001:DB8::1", "  10.0.0.1", "10.0.0.1 "]),
    st.ip_addresses().map(str),
    st.text(alphabet="0123456789abcdef.: x", max_size=12).filter(lambda text: text.strip().count(":") != 1),
)


@given(st.sampled_from(["10.0.0.1", "203.0.113.7", "::ffff:10.0.0.1"]), st.lists(item, max_size=14), st.integers(1, 12))
def test_the_walk_agrees_with_the_plain_rule(peer: str, items: list[str], max_hops: int) -> None:
    header = ",".join(items)
    assert client_address(peer, header, TRUSTED, max_hops) == reference(peer, header, max_hops)


@given(st.text(max_size=30), st.text(max_size=200))
def test_any_header_gives_an_address(peer: str, header: str) -> None:
    ip_address(client_address(peer, header, TRUSTED))
    ip_address(client_address(PEER, header, TRUSTED))
