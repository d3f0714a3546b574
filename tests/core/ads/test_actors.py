"""Tests of addresses, networks, keys and stripes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads import actors
from core.ads.actors import Networks

addresses = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda n: str(IPv4Address(n))),
    st.integers(0, 2**128 - 1).map(lambda n: str(IPv6Address(n))),
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("255.255.255.255", "255.255.255.255"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("::1", "::1"),
    ],
)
def test_an_address_has_one_text(text: str, canonical: str) -> None:
    assert actors.canonical_ip(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1", "127.1", "0x7f.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", " 1.2.3.4", "1.2.3.4 ",
        "1.2.3.4\0", "1.2.3.4:80", "1.2.3.4/32", "fe80::1%eth0", "[::1]", ":::", "::1::", "g::", "١.2.3.4",
        "1.2.3.4\n", "::\n", "12345::",
        "unknown", "a" * 1_000_000, ":" * 1_000_000,
    ],
)  # fmt: skip
def test_text_that_is_no_bare_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not an IP address$"):
        actors.canonical_ip(text)


@given(st.text(max_size=50))
def test_any_text_gives_a_canonical_address_or_a_value_error(text: str) -> None:
    try:
        canonical = actors.canonical_ip(text)
    except ValueError:
        return
    assert str(ip_address(canonical)) == canonical


@given(addresses)
def test_canonical_text_agrees_with_the_standard_library(ip: str) -> None:
    address = ip_address(ip)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    assert actors.canonical_ip(ip) == str(mapped or address)


@pytest.mark.parametrize(
    ("ip", "prefix", "net"),
    [
        ("203.0.113.7", 64, "203.0.113.7/32"),
        ("::ffff:203.0.113.7", 64, "203.0.113.7/32"),
        ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2ff:3:4:5:6", 56, "2001:db8:1:200::/56"),
        ("2001:db8::1", 128, "2001:db8::1/128"),
    ],
)
def test_the_actor_network_is_the_address_or_the_subscriber_network(ip: str, prefix: int, net: str) -> None:
    assert actors.actor_net(ip, prefix) == net


def test_the_key_is_the_network_or_the_pair() -> None:
    assert actors.actor_key("203.0.113.7/32", "abc") == "203.0.113.7/32"
    assert actors.actor_key("203.0.113.7/32", "abc", "net+visitor") == "203.0.113.7/32|abc"


def test_stripes_are_the_same_in_every_release() -> None:
    keys = ["203.0.113.7/32", "2001:db8::/64", "203.0.113.7/32|abc"]
    assert [actors.stripe(key) for key in keys] == [763, 538, 625]


def test_stripes_spread_over_the_whole_range() -> None:
    found = {actors.stripe(f"10.{n >> 8}.{n & 255}.1/32") for n in range(20_000)}
    assert found == set(range(1024))


@pytest.mark.parametrize(
    "net",
    [
        "10.1.2.3/32", "172.16.0.1/32", "172.31.255.255/32", "192.168.1.1/32", "127.0.0.1/32", "169.254.1.1/32",
        "100.64.0.1/32", "0.0.0.0/32", "::1/128", "::/64", "fe80::/64", "fd00:1::/64",
        "198.51.100.7/32", "2001:db8:5::/64",
    ],
)  # fmt: skip
def test_inner_and_allowed_networks_are_never_bannable(net: str) -> None:
    assert not actors.is_bannable(net, Networks.parse("198.51.100.0/24, 2001:db8:5::1/128"))


@pytest.mark.parametrize("net", ["203.0.113.7/32", "8.8.8.8/32", "172.32.0.1/32", "2001:db8::/64", "2a00::/56"])
def test_public_networks_are_bannable(net: str) -> None:
    assert actors.is_bannable(net)
    assert actors.is_bannable(net, Networks.parse("198.51.100.0/24"))


def test_networks_tell_which_addresses_they_hold() -> None:
    networks = Networks.parse("10.0.0.0/8, 203.0.113.7 2001:db8::/32\n::1")
    assert [ip in networks for ip in ("10.255.0.1", "203.0.113.7", "2001:db8:ffff::1", "::1")] == [True] * 4
    assert [ip in networks for ip in ("11.0.0.1", "203.0.113.8", "2001:db9::1", "::2")] == [False] * 4


def test_networks_of_mapped_addresses_hold_the_addresses_that_visitors_are_known_by() -> None:
    networks = Networks.parse("::ffff:203.0.113.7 ::ffff:10.0.0.0/104")
    assert [ip in networks for ip in ("203.0.113.7", "10.9.9.9", "203.0.113.8")] == [True, True, False]


def test_no_networks_hold_nothing() -> None:
    networks = Networks.parse("")
    assert not networks
    assert "10.0.0.1" not in networks


def test_a_bad_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"300\.0\.0\.0/8"):
        Networks.parse("300.0.0.0/8")


@given(addresses, st.lists(st.tuples(addresses, st.integers(0, 128)), max_size=5))
def test_containment_agrees_with_the_standard_library(ip: str, drawn: list[tuple[str, int]]) -> None:
    nets = [ip_network((base, min(length, ip_address(base).max_prefixlen)), strict=False) for base, length in drawn]
    assert (ip in Networks(nets)) == any(ip_address(ip) in net for net in nets)


def test_prefixes_are_every_network_that_holds_the_address() -> None:
    assert actors.prefixes("203.0.113.7", (32, 24, 8, 64)) == ("203.0.0.0/8", "203.0.113.0/24", "203.0.113.7/32")
    assert actors.prefixes("2001:db8:1:2::3", (48, 64)) == ("2001:db8:1::/48", "2001:db8:1:2::/64")


@given(addresses)
def test_without_lengths_all_prefixes_are_given(ip: str) -> None:
    ip = actors.canonical_ip(ip)
    found = actors.prefixes(ip)
    assert len(found) == ip_address(ip).max_prefixlen + 1
    assert all(ip_address(ip) in ip_network(net) for net in found)
