"""One spelling for each host: A-labels in lower case, dotted quads, compressed IPv6."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

import idna

_NAT64 = IPv6Network("64:ff9b::/96")
_DOTS = re.compile(rb"\.{2,}")
_QUAD = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_NUMBER = re.compile(r"0x(?P<hex>[0-9a-f]+)|(?P<octal>0[0-7]*)|(?P<decimal>[1-9][0-9]*)")
_LONGEST_NUMBER = 16


def canonical_host(host: bytes) -> bytes:
    """The one spelling of a decoded host; what is no legal name keeps its bytes."""
    if host.startswith(b"["):
        return _ipv6(host)
    name = _a_labels(_DOTS.sub(b".", host).strip(b".").lower())
    return _ipv4(name) or name


def is_address(host: str) -> bool:
    """Whether a canonical host is an IP address."""
    return host.startswith("[") or bool(_QUAD.fullmatch(host))


def _a_labels(host: bytes) -> bytes:
    """Ideographic full stops divide labels too, so dots are tidied once more afterwards."""
    if host.isascii():
        return host
    try:
        encoded = idna.encode(host.decode("utf-8"), uts46=True)
    except UnicodeError:  # also what the library raises for names that are not allowed
        return host
    return _DOTS.sub(b".", encoded).strip(b".")


def _ipv4(host: bytes) -> bytes | None:
    """Any spelling that a resolver would take for an IPv4 address: 1 to 4 decimal, octal or hexadecimal numbers."""
    if not host or host[-1:] not in b"0123456789abcdef":
        return None
    parts = host.decode("latin-1").split(".")
    numbers = [_number(part) for part in parts] if len(parts) <= 4 else [None]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    *upper, last = known
    if any(number > 255 for number in upper) or last >= 256 ** (4 - len(upper)):
        return None
    value = sum(number << 8 * (3 - place) for place, number in enumerate(upper)) + last
    return str(IPv4Address(value)).encode()


def _number(text: str) -> int | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    digits = (found["hex"] or found["octal"] or found["decimal"]).lstrip("0") or "0"
    base = 16 if found["hex"] else 8 if found["octal"] else 10
    return int(digits, base) if len(digits) <= _LONGEST_NUMBER else 1 << 64


def _ipv6(host: bytes) -> bytes:
    try:
        address = IPv6Address(host.strip(b"[]").decode("ascii").partition("%")[0])
    except (AddressValueError, UnicodeError):
        return host.lower()
    inner = address.ipv4_mapped
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return str(inner).encode() if inner else b"[%s]" % str(address).encode()
