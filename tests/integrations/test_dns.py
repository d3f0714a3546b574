"""What resolvers may answer, asked over real sockets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import time_machine

from integrations.dns import Upstream, lookup, parse
from integrations.dns_answers import Answer, Status
from sandbox.server import Sandbox

ADDRESSES = ("192.0.2.10", "2001:db8::10")
OK = Answer(Status.OK, ADDRESSES)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may be slow to answer, which is not about what is answered."""
    monkeypatch.setattr("integrations.dns.TRY_SECONDS", 20.0)
    monkeypatch.setattr("integrations.dns.LIFETIME_SECONDS", 60.0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, unhurried: None) -> None:
    """Silence is noticed as soon as in life."""
    monkeypatch.setattr("integrations.dns.TRY_SECONDS", 1.0)
    monkeypatch.setattr("integrations.dns.LIFETIME_SECONDS", 3.0)


def voices(sandbox: Sandbox) -> tuple[Upstream, ...]:
    return parse(",".join(sandbox.dns_upstreams))


def ask(sandbox: Sandbox, name: str) -> list[Answer]:
    return list(lookup([name], voices(sandbox))[name].values())


@pytest.mark.parametrize(
    ("label", "answer"),
    [
        ("plain", OK),
        ("nx", Answer(Status.NXDOMAIN)),
        ("empty", Answer(Status.EMPTY)),
        ("servfail", Answer(Status.SERVFAIL)),
        ("refused", Answer(Status.REFUSED)),
        ("slow", OK),
        ("sink", Answer(Status.SINKHOLED, ("127.0.0.66", "::ffff:10.0.0.66"))),
        ("trunc", OK),
        ("cname", Answer(Status.OK, ADDRESSES, ("alias.sandbox.test", "edge.sandbox.test"))),
        ("wrongcname", Answer(Status.OK, ADDRESSES, ("parked.sandbox.test",))),
    ],
)
def test_every_row_of_the_table(sandbox: Sandbox, label: str, answer: Answer) -> None:
    assert ask(sandbox, f"{label}.go.sandbox.test") == [answer] * 3


def test_a_resolver_that_says_nothing_has_not_answered(sandbox: Sandbox, hasty: None) -> None:
    assert ask(sandbox, "silent.go.sandbox.test") == [Answer(Status.TIMEOUT)] * 3


def test_every_resolver_answers_for_itself(sandbox: Sandbox) -> None:
    assert ask(sandbox, "split.sandbox.test") == [Answer(Status.NXDOMAIN), OK, OK]
    sandbox.host("go.example.test", dns="1=servfail,2=nx")
    assert ask(sandbox, "go.example.test") == [Answer(Status.SERVFAIL), Answer(Status.NXDOMAIN), OK]


def test_a_name_that_nobody_serves_is_refused_and_invalid_is_denied(sandbox: Sandbox) -> None:
    assert {answer.status for answer in ask(sandbox, "www.elsewhere.example")} == {Status.REFUSED}
    assert {answer.status for answer in ask(sandbox, "f00d.invalid")} == {Status.NXDOMAIN}


def test_a_cut_answer_is_asked_for_again_over_tcp(sandbox: Sandbox) -> None:
    lookup(["trunc.sandbox.test"], voices(sandbox)[:1])
    rows = [(row["method"], row["query"].rpartition("=")[2]) for row in sandbox.journal("dns")]
    assert sorted(rows) == [("TCP", "A"), ("TCP", "AAAA"), ("UDP", "A"), ("UDP", "AAAA")]


def test_names_are_asked_as_they_are_without_a_search_list(sandbox: Sandbox) -> None:
    lookup(["nx.sandbox.test", "NX.sandbox.test."], voices(sandbox)[:1])
    assert {row["path"] for row in sandbox.journal("dns")} == {"/nx.sandbox.test"}


def test_a_resolver_that_is_not_there_costs_only_its_own_answers(sandbox: Sandbox, hasty: None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = Upstream("dead", (("127.0.0.1", nobody.getsockname()[1]),))
        found = lookup(["go.sandbox.test"], [dead, *voices(sandbox)[:2]])["go.sandbox.test"]
    assert [answer.status for answer in found.values()] == [Status.TIMEOUT, Status.OK, Status.OK]


@pytest.mark.parametrize("name", ["a..b.test", "x" * 64 + ".test", ".".join(["abcdefg"] * 40), "\ud800.test"])
def test_a_name_that_cannot_be_is_no_vote_and_harms_no_other(sandbox: Sandbox, name: str) -> None:
    found = lookup([name, "go.sandbox.test"], voices(sandbox))
    assert {answer.status for answer in found[name].values()} == {Status.SERVFAIL}
    assert set(found["go.sandbox.test"].values()) == {OK}


def test_five_hundred_names_at_three_resolvers_get_every_answer_right(sandbox: Sandbox) -> None:
    labels = ("plain", "nx", "empty", "servfail", "refused", "sink", "cname", "split")
    names = [f"n{number}.{labels[number % len(labels)]}.sandbox.test" for number in range(500)]
    expected = {
        "plain": [Status.OK] * 3,
        "nx": [Status.NXDOMAIN] * 3,
        "empty": [Status.EMPTY] * 3,
        "servfail": [Status.SERVFAIL] * 3,
        "refused": [Status.REFUSED] * 3,
        "sink": [Status.SINKHOLED] * 3,
        "cname": [Status.OK] * 3,
        "split": [Status.NXDOMAIN, Status.OK, Status.OK],
    }
    found = lookup(names, voices(sandbox))
    assert list(found) == names
    for name in names:
        assert [answer.status for answer in found[name].values()] == expected[name.split(".")[1]], name


def test_nothing_to_ask_is_nothing_found() -> None:
    assert lookup([], parse("127.0.0.1:53")) == {}
    assert lookup(["go.sandbox.test"], ()) == {"go.sandbox.test": {}}


def test_resolvers_are_read_from_one_line(tmp_path: Path) -> None:
    machine = tmp_path / "resolv.conf"
    machine.write_text("search example.com\nnameserver 192.0.2.53\nnameserver 1.1.1.1\noptions timeout:9\n")
    found = parse("system, 1.1.1.1,127.0.0.1:5353,[2001:db8::1]:54,2001:db8::2", str(machine))
    assert found == (
        Upstream("system", (("192.0.2.53", 53),)),
        Upstream("1.1.1.1", (("1.1.1.1", 53),)),
        Upstream("127.0.0.1:5353", (("127.0.0.1", 5353),)),
        Upstream("[2001:db8::1]:54", (("2001:db8::1", 54),)),
        Upstream("2001:db8::2", (("2001:db8::2", 53),)),
    )


def test_a_server_has_one_voice_however_often_it_is_named(tmp_path: Path) -> None:
    machine = tmp_path / "resolv.conf"
    machine.write_text("nameserver 1.1.1.1\n")
    assert [voice.name for voice in parse("system,1.1.1.1,1.1.1.1:53,8.8.8.8", str(machine))] == ["1.1.1.1", "8.8.8.8"]
    assert [voice.name for voice in parse("system", str(machine))] == ["system"]


def test_a_machine_without_resolvers_has_no_voice(tmp_path: Path) -> None:
    assert parse("system", str(tmp_path / "missing")) == ()


@pytest.mark.parametrize("text", ["dns.google", "1.1.1.1:x", "1.1.1.1:99999", "1.1.1.256", "system,:53"])
def test_what_is_no_resolver_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no resolver; write system, an address"):
        parse(text)


def test_a_wall_clock_that_stands_still_prolongs_no_question(sandbox: Sandbox, hasty: None) -> None:
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False):
        assert ask(sandbox, "go.sandbox.test") == [OK] * 3
        assert {answer.status for answer in ask(sandbox, "silent.sandbox.test")} == {Status.TIMEOUT}
