"""The client's address: the peer, or what trusted proxies say in X-Forwarded-For, read from the right."""

from __future__ import annotations

from core.ads.actors import Networks, canonical_ip

TrustedProxies = Networks

UNKNOWN = "0.0.0.0"  # noqa: S104 - an address that is never listed, for peers without one (unix sockets)
# the longest item is an IPv6 address with an embedded IPv4 one, brackets, a port and some blanks
_LONGEST_ITEM = 64
_NOT_AN_ADDRESS = "not an IP address"


def client_address(peer: str, forwarded_for: str, trusted: TrustedProxies, max_hops: int = 10) -> str:
    """The canonical address of the client; never raises, and reads a bounded part of the header.

    Walks the header from the right while the address in hand is a trusted proxy. After `max_hops` items, or at
    one that is no address, the last good address stands.
    """
    try:
        address = canonical_ip(peer)
    except ValueError:
        return UNKNOWN
    end = len(forwarded_for)
    for _ in range(max_hops if forwarded_for else 0):
        if address not in trusted or end < 0:
            break
        start = forwarded_for.rfind(",", max(0, end - _LONGEST_ITEM - 1), end)
        try:
            address = _item(forwarded_for[max(start + 1, end - _LONGEST_ITEM - 1) : end])
        except ValueError:
            break
        end = start
    return address


def _item(text: str) -> str:
    """One item as an address: bare, IPv4 with a port, or IPv6 in brackets with or without a port."""
    if len(text) > _LONGEST_ITEM:
        raise ValueError(_NOT_AN_ADDRESS)
    text = text.strip(" \t")
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or ":" not in host or (rest and not _is_port(rest)):
            raise ValueError(_NOT_AN_ADDRESS)
        return canonical_ip(host)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        if not _is_port(":" + port):
            raise ValueError(_NOT_AN_ADDRESS)
        return canonical_ip(host)
    return canonical_ip(text)


def _is_port(text: str) -> bool:
    digits = text[1:]
    return text[0] == ":" and digits.isascii() and digits.isdigit() and len(digits) <= 5 and 0 < int(digits) <= 65535
