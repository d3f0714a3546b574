"""What one resolver says about one name, and which addresses only a sinkhole would give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# `is_global` is no help: it refuses the documentation ranges, which the sandbox answers with
SINKHOLES: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "::/128", "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip


class Status(StrEnum):
    """The outcome of asking one resolver for A and AAAA of one name."""

    OK = "ok"
    NXDOMAIN = "nxdomain"
    EMPTY = "empty"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    SINKHOLED = "sinkholed"


NEGATIVE = frozenset({Status.NXDOMAIN, Status.EMPTY})
# what the two questions of a name mean together: the first that either of them came to
_WEIGHT = (
    Status.OK, Status.SINKHOLED, Status.TIMEOUT, Status.SERVFAIL, Status.REFUSED, Status.NXDOMAIN, Status.EMPTY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """`addresses` are the public ones of OK, the private ones of SINKHOLED; `chain` are the names after the first."""

    status: Status
    addresses: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()


def of_addresses(found: Iterable[str], chain: Sequence[str] = (), sinkholes: Iterable[Network] = ()) -> Answer:
    """OK with the public addresses if there are any, else SINKHOLED; EMPTY without addresses."""
    known = tuple(sinkholes)
    texts = tuple(dict.fromkeys(found))
    public = tuple(text for text in texts if not is_sinkhole(text, known))
    if public:
        return Answer(Status.OK, public, tuple(chain))
    return Answer(Status.SINKHOLED if texts else Status.EMPTY, texts, tuple(chain))


def combined(first: Answer, second: Answer) -> Answer:
    """A and AAAA as one answer.

    A failure outweighs a negative answer: a broken server denies the name for AAAA while its A answer is only lost,
    and that must not count as a vote against the name.
    """
    status = min(first.status, second.status, key=_WEIGHT.index)
    addresses = [text for answer in (first, second) if answer.status is status for text in answer.addresses]
    return Answer(status, tuple(dict.fromkeys(addresses)), first.chain or second.chain)


def is_sinkhole(text: str, more: Iterable[Network] = ()) -> bool:
    """Whether an address is private, local, or in one of the further networks, in its IPv4-mapped form too."""
    address: Address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in (*SINKHOLES, *more))
