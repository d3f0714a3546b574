"""Which addresses are a sinkhole's, and what two questions about one name mean together."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from integrations.dns_answers import Answer, Status, combined, is_sinkhole, of_addresses


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.1", "0.255.255.255", "127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "100.64.0.1", "100.127.255.255", "169.254.169.254", "::", "::1", "fc00::1", "fdff::1",
        "fe80::1", "febf::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:a00:1",
    ],
)  # fmt: skip
def test_addresses_of_nobody_are_a_sinkholes(text: str) -> None:
    assert is_sinkhole(text)


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.10", "198.51.100.1", "203.0.113.1", "2001:db8::10", "::ffff:192.0.2.10", "1.1.1.1", "8.8.8.8",
        "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.0.1", "11.0.0.1", "128.0.0.1",
        "1.0.0.0", "fec0::1", "2606:4700::1111", "::2",
    ],
)  # fmt: skip
def test_documentation_and_public_addresses_count_as_public(text: str) -> None:
    assert not is_sinkhole(text)


def test_further_sinkholes_are_a_setting() -> None:
    assert is_sinkhole("203.0.113.7", [ip_network("203.0.113.0/24")])
    assert is_sinkhole("2001:db8::7", [ip_network("2001:db8::/32")])
    assert not is_sinkhole("2001:db8::7", [ip_network("203.0.113.0/24")])


def test_only_private_addresses_are_a_sinkhole_and_any_public_one_is_an_answer() -> None:
    assert of_addresses(["127.0.0.1", "10.0.0.1"]) == Answer(Status.SINKHOLED, ("127.0.0.1", "10.0.0.1"))
    assert of_addresses(["127.0.0.1", "192.0.2.1", "192.0.2.1"]) == Answer(Status.OK, ("192.0.2.1",))
    assert of_addresses([], ["edge.example"]) == Answer(Status.EMPTY, (), ("edge.example",))


@pytest.mark.parametrize(
    ("four", "six", "together"),
    [
        (Status.OK, Status.EMPTY, Status.OK),
        (Status.OK, Status.NXDOMAIN, Status.OK),
        (Status.OK, Status.SINKHOLED, Status.OK),
        (Status.OK, Status.TIMEOUT, Status.OK),
        (Status.EMPTY, Status.EMPTY, Status.EMPTY),
        (Status.NXDOMAIN, Status.NXDOMAIN, Status.NXDOMAIN),
        (Status.NXDOMAIN, Status.EMPTY, Status.NXDOMAIN),
        (Status.EMPTY, Status.TIMEOUT, Status.TIMEOUT),
        (Status.NXDOMAIN, Status.TIMEOUT, Status.TIMEOUT),
        (Status.NXDOMAIN, Status.SERVFAIL, Status.SERVFAIL),
        (Status.EMPTY, Status.REFUSED, Status.REFUSED),
        (Status.SINKHOLED, Status.EMPTY, Status.SINKHOLED),
        (Status.SINKHOLED, Status.TIMEOUT, Status.SINKHOLED),
    ],
)
def test_a_name_is_denied_only_when_both_questions_were_answered(four: Status, six: Status, together: Status) -> None:
    assert combined(Answer(four), Answer(six)).status is together
    assert combined(Answer(six), Answer(four)).status is together


def test_both_kinds_of_address_are_kept_and_nothing_of_a_sinkhole_beside_them() -> None:
    four, six = Answer(Status.OK, ("192.0.2.1",), ("edge.example",)), Answer(Status.OK, ("2001:db8::1",))
    assert combined(four, six) == Answer(Status.OK, ("192.0.2.1", "2001:db8::1"), ("edge.example",))
    assert combined(Answer(Status.SINKHOLED, ("127.0.0.1",)), six).addresses == ("2001:db8::1",)
