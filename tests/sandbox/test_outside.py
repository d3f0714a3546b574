"""The sandbox as the network: resolvers, certificates and registries at predictable addresses."""

from __future__ import annotations

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import dns.flags
import dns.message
import dns.query
import dns.rcode
import orjson
import pytest
import requests
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from config.sandbox import stand_ins
from sandbox.dns import wire
from sandbox.dns.zone import BEHAVIOURS
from sandbox.ports import open_ports, port_of
from sandbox.server import Sandbox
from tests.search import search


def ports(sandbox: Sandbox) -> list[int]:
    addresses = [sandbox.url, *(f"//{at}" for at in (*sandbox.dns_upstreams,)), sandbox.smtp_url]
    found = [urlsplit(address).port for address in (*addresses, f"//{sandbox.tls_address}")]
    return [port for port in found if port is not None]


def ask(sandbox: Sandbox, name: str, kind: str = "A", upstream: int = 1, *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    port = ports(sandbox)[upstream]
    if tcp:
        return dns.query.tcp(query, "127.0.0.1", port=port, timeout=60)
    return dns.query.udp(query, "127.0.0.1", port=port, timeout=60)


def lines(message: dns.message.Message) -> list[str]:
    return [line for record in message.answer for line in record.to_text().splitlines()]


def test_every_listener_follows_the_first_port(sandbox: Sandbox) -> None:
    first = ports(sandbox)[0]
    assert ports(sandbox) == list(range(first, first + 6))
    assert stand_ins(sandbox.url)["dns_upstreams"] == ",".join(sandbox.dns_upstreams)
    assert stand_ins(sandbox.url)["rdap_bootstrap_url"] == sandbox.rdap_url


def test_the_printed_addresses_name_them_all(sandbox: Sandbox) -> None:
    printed = orjson.loads(orjson.dumps(sandbox.addresses()))
    assert printed["dns"] == ",".join(sandbox.dns_upstreams)
    assert (printed["tls"], printed["rdap"]) == (sandbox.tls_address, sandbox.rdap_url)
    assert printed["tls_authority"].startswith("-----BEGIN CERTIFICATE-----")


def test_a_taken_port_above_the_first_is_an_error_and_leaves_nothing_open() -> None:
    taken = open_ports(0)
    wanted = port_of(taken.http)
    for each in (taken.http, *(one for pair in taken.dns for one in pair), taken.smtp):
        each.close()
    with taken.tls, pytest.raises(OSError, match="in use"):
        Sandbox(port=wanted).start()
    with socket.create_server(("127.0.0.1", wanted)):
        pass


def test_a_stopped_sandbox_can_be_started_on_its_ports_again(sandbox: Sandbox) -> None:
    first = ports(sandbox)[0]
    ask(sandbox, "go.sandbox.test", tcp=True)
    sandbox.stop()
    with Sandbox(port=first) as again:
        assert lines(ask(again, "go.sandbox.test")) == ["go.sandbox.test. 60 IN A 192.0.2.10"]
    sandbox.start()


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_name_of_the_sandbox_has_both_addresses(sandbox: Sandbox, tcp: bool) -> None:
    for upstream in (1, 2, 3):
        assert lines(ask(sandbox, "Go.Sandbox.TEST", "A", upstream, tcp=tcp)) == ["go.sandbox.test. 60 IN A 192.0.2.10"]
        assert lines(ask(sandbox, "go.sandbox.test", "AAAA", upstream, tcp=tcp)) == [
            "go.sandbox.test. 60 IN AAAA 2001:db8::10"
        ]


def test_the_truncated_answer_is_whole_over_tcp_only(sandbox: Sandbox) -> None:
    cut = ask(sandbox, "trunc.sandbox.test")
    assert (bool(cut.flags & dns.flags.TC), lines(cut)) == (True, [])
    whole = ask(sandbox, "trunc.sandbox.test", tcp=True)
    assert (bool(whole.flags & dns.flags.TC), len(lines(whole))) == (False, 1)


def test_hosts_of_the_control_plane_exist_with_the_domains_above_them(sandbox: Sandbox) -> None:
    assert ask(sandbox, "go.example.test").rcode() == dns.rcode.REFUSED
    sandbox.host("go.example.test", listed=["MALWARE"])
    assert len(lines(ask(sandbox, "go.example.test"))) == 1
    assert lines(ask(sandbox, "example.test", "NS")) == ["example.test. 60 IN NS ns1.sandbox.test."]
    assert ask(sandbox, "www.example.test").rcode() == dns.rcode.REFUSED
    sandbox.reset()
    assert ask(sandbox, "go.example.test").rcode() == dns.rcode.REFUSED


def test_a_fact_is_set_over_http_taken_back_and_limited_to_one_resolver(sandbox: Sandbox) -> None:
    control = f"{sandbox.url}/_sandbox/hosts"
    fact = {"host": "go.sandbox.test", "dns": "nx", "upstream": 2}
    assert requests.post(control, json=fact, timeout=60).status_code == 200
    codes = [ask(sandbox, "go.sandbox.test", upstream=upstream).rcode() for upstream in (1, 2, 3)]
    assert codes == [dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.NOERROR]
    requests.post(control, json={"host": "go.sandbox.test", "dns": None}, timeout=60)
    assert ask(sandbox, "go.sandbox.test", upstream=2).rcode() == dns.rcode.NOERROR


def test_a_resolver_may_err_about_every_name_but_those_that_something_else_was_decided_about(sandbox: Sandbox) -> None:
    sandbox.host("*", dns="1=nx,2=ok")
    sandbox.host("go.sandbox.test", dns="1=servfail")
    names = ("other.sandbox.test", "nobody.invalid", "go.sandbox.test")
    codes = [[ask(sandbox, name, upstream=upstream).rcode() for name in names] for upstream in (1, 2, 3)]
    no, fail, yes = dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL, dns.rcode.NOERROR
    assert codes == [[no, no, fail], [yes, yes, yes], [yes, no, yes]]
    sandbox.host("*", dns=None)
    assert ask(sandbox, "other.sandbox.test").rcode() == yes


def test_every_question_is_in_the_journal_with_its_resolver(sandbox: Sandbox) -> None:
    ask(sandbox, "go.sandbox.test", "AAAA", 3)
    (row,) = sandbox.journal("dns")
    assert (row["method"], row["path"], row["query"]) == ("UDP", "/go.sandbox.test", "upstream=3&type=AAAA")


def test_a_question_that_is_none_is_ignored_and_the_next_one_served(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for junk in (b"", b"x", b"\0" * 12, b"\xff" * 40, b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"):
            sender.sendto(junk, ("127.0.0.1", ports(sandbox)[1]))
    assert len(lines(ask(sandbox, "go.sandbox.test"))) == 1


@given(st.binary(max_size=80))
@search(2000)
def test_no_bytes_break_the_reader_of_questions(data: bytes) -> None:
    question = wire.parse(data)
    assert question is None or data[12 : 12 + len(question.raw)] == question.raw


@given(
    name=st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,5}", fullmatch=True),
    kind=st.sampled_from([RdataType.A, RdataType.AAAA]),
)
@search(200)
def test_every_answer_can_be_read_by_others(name: str, kind: RdataType) -> None:
    query = dns.message.make_query(name, kind)
    question = wire.parse(query.to_wire())
    assert question is not None
    assert (question.name, question.kind) == (name, kind)
    for behaviour in BEHAVIOURS.values():
        said = behaviour(name, kind)
        answer = dns.message.from_wire(wire.render(question, said.rcode, said.records))
        assert query.is_response(answer)


def certificate(sandbox: Sandbox) -> dict[str, Any]:
    context = ssl.create_default_context(cadata=sandbox.authority_pem)
    host, _, port = sandbox.tls_address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="go.sandbox.test") as secured,
    ):
        shown = secured.getpeercert()
    assert shown is not None
    return shown


def test_a_certificate_is_chosen_by_name_over_any_client(sandbox: Sandbox) -> None:
    assert certificate(sandbox)["subjectAltName"] == (("DNS", "go.sandbox.test"),)


def test_a_certificate_stays_until_a_reset_after_which_it_is_dated_anew(sandbox: Sandbox) -> None:
    first = certificate(sandbox)["serialNumber"]
    assert certificate(sandbox)["serialNumber"] == first
    sandbox.reset()
    assert certificate(sandbox)["serialNumber"] != first


def test_plain_text_at_the_tls_door_is_turned_away(sandbox: Sandbox) -> None:
    host, _, port = sandbox.tls_address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: go.sandbox.test\r\n\r\n")
        while plain.recv(1024):
            pass


def test_the_registry_speaks_of_any_domain_of_its_zones(sandbox: Sandbox) -> None:
    sandbox.host("go.brand.example")
    bootstrap = requests.get(sandbox.rdap_url, timeout=60).json()
    assert bootstrap["services"] == [[["example", "test"], [f"{sandbox.url}/rdap/"]]]
    base = bootstrap["services"][0][1][0]
    assert requests.get(f"{base}domain/brand.example", timeout=60).json()["ldhName"] == "BRAND.EXAMPLE"
    assert requests.get(f"{base}domain/brand.com", timeout=60).status_code == 404
    assert requests.get(f"{base}nameserver/ns1.example", timeout=60).status_code == 400
    busy = requests.get(f"{base}domain/rdap429.test", timeout=60)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "120")
