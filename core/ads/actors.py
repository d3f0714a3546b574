"""Who a clicker is: one canonical text per address, its network, its key, its lock stripe."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Network = IPv4Network | IPv6Network
KeyMode = Literal["net", "net+visitor"]

STRIPES = 1024
"""Number of lock stripes; every process of an installation must agree on it, so it is no setting."""

_V6_LONGEST = 45
_MAPPED_PREFIX = 96


class Networks:
    """A set of networks with a quick test for one address; the cost grows with the number of prefix lengths only."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self.all = tuple(map(unmapped, networks))
        self._v4 = _by_shift(net for net in self.all if net.version == 4)
        self._v6 = _by_shift(net for net in self.all if net.version == 6)

    @classmethod
    def parse(cls, text: str) -> Networks:
        """From networks separated by commas or white space; raises ValueError naming the bad one."""
        return cls(ip_network(item, strict=False) for item in text.replace(",", " ").split())

    def __bool__(self) -> bool:
        return bool(self.all)

    def __contains__(self, ip: str) -> bool:
        """True if the canonical address `ip` lies in one of the networks."""
        table = self._v6 if ":" in ip else self._v4
        if not table:
            return False
        value = _number(ip)
        return any(value >> shift in starts for shift, starts in table)

    def overlaps(self, net: Network) -> bool:
        """True if `net` shares an address with one of the networks."""
        return any(net.version == own.version and net.overlaps(own) for own in self.all)


def unmapped(net: Network) -> Network:
    """A network of IPv4 addresses mapped into IPv6 as the IPv4 network it is; addresses are normalised the same way."""
    start = net.network_address
    if isinstance(start, IPv6Address) and start.ipv4_mapped and net.prefixlen >= _MAPPED_PREFIX:
        return IPv4Network((start.ipv4_mapped, net.prefixlen - _MAPPED_PREFIX))
    return net


def _by_shift(networks: Iterable[Network]) -> tuple[tuple[int, frozenset[int]], ...]:
    table: dict[int, set[int]] = {}
    for net in networks:
        shift = net.max_prefixlen - net.prefixlen
        table.setdefault(shift, set()).add(int(net.network_address) >> shift)
    return tuple((shift, frozenset(starts)) for shift, starts in table.items())


def _number(ip: str) -> int:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    return int.from_bytes(socket.inet_pton(family, ip), "big")


# A misconfigured proxy makes every visitor appear under one of these; listing it would ban everybody.
_NEVER_LISTED = Networks.parse(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 "
    "::/127 fc00::/7 fe80::/10"
)


def canonical_ip(text: str) -> str:
    """The one text of an address, IPv4-mapped IPv6 as IPv4; raises ValueError for anything but a bare address."""
    if ":" in text:
        return _canonical_v6(text)
    try:
        # accepts exactly four decimal numbers without leading zeros, so the text is canonical already
        socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError) as error:
        raise ValueError("not an IP address") from error
    return text


@lru_cache(maxsize=16_384)
def _canonical_v6(text: str) -> str:
    if len(text) > _V6_LONGEST or "%" in text:
        raise ValueError("not an IP address")
    try:
        address = IPv6Address(text)
    except ValueError as error:
        raise ValueError("not an IP address") from error
    return str(address.ipv4_mapped or address)


def actor_net(ip: str, v6_prefix: int = 64) -> str:
    """The actor network of an address, as canonical CIDR text: `203.0.113.7/32`, `2001:db8:0:1::/64`."""
    canonical = canonical_ip(ip)
    return _v6_net(canonical, v6_prefix) if ":" in canonical else canonical + "/32"


@lru_cache(maxsize=16_384)
def _v6_net(ip: str, prefix: int) -> str:
    return str(IPv6Network((ip, prefix), strict=False))


def actor_key(net: str, visitor_id: str, mode: KeyMode = "net") -> str:
    """What limits count by: the network, or the network and the visitor."""
    return net if mode == "net" else f"{net}|{visitor_id}"


def stripe(key: str) -> int:
    """The lock stripe of an actor key, 0 to 1023, the same in every process and release."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") % STRIPES


def is_bannable(net: str, allowlist: Networks | None = None) -> bool:
    """False for networks never listed automatically: private, loopback, link-local, carrier-shared, allowed ones."""
    network = ip_network(net, strict=False)
    return not _NEVER_LISTED.overlaps(network) and not (allowlist and allowlist.overlaps(network))


def prefixes(ip: str, lengths: Iterable[int] | None = None) -> tuple[str, ...]:
    """Every network that contains the address, as CIDR text, for databases that only compare text.

    `lengths` are the prefix lengths in question, by default all; those longer than the address are left out.
    """
    address = ip_address(canonical_ip(ip))
    width = address.max_prefixlen
    wanted = range(width + 1) if lengths is None else sorted({n for n in lengths if 0 <= n <= width})
    kind = IPv4Network if address.version == 4 else IPv6Network
    return tuple(str(kind((int(address), length), strict=False)) for length in wanted)
