"""Facts about hosts through the control plane, shared by all services."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.hosts import Hosts
from sandbox.server import Sandbox
from tests.sandbox.clients import ask


def test_facts_add_up_and_null_takes_one_back() -> None:
    hosts = Hosts()
    hosts.set("Go.Sandbox.Test.", dns="nx", tls="expired")
    assert hosts.set("go.sandbox.test", dns=None, rdap="hold") == {"tls": "expired", "rdap": "hold"}
    assert hosts.get("GO.sandbox.test") == {"tls": "expired", "rdap": "hold"}
    assert hosts.get("other.sandbox.test") == {}


def test_what_is_handed_out_is_a_copy() -> None:
    hosts = Hosts()
    hosts.set("a.test", dns="nx")["dns"] = "empty"
    hosts.get("a.test").clear()
    assert list(hosts) == [("a.test", {"dns": "nx"})]


def test_every_change_gives_the_store_another_version() -> None:
    hosts = Hosts()
    versions = [hosts.version]
    for change in (lambda: hosts.set("a.test"), lambda: hosts.set("a.test", dns="nx"), hosts.clear):
        change()
        versions.append(hosts.version)
    assert len(set(versions)) == 4


def test_facts_of_one_host_are_set_over_http_and_listed(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "POST", "/_sandbox/hosts", {"host": "go.sandbox.test", "listed": ["SOCIAL_ENGINEERING"]})
    assert (reply.status, reply.json) == (200, {"host": "go.sandbox.test", "listed": ["SOCIAL_ENGINEERING"]})
    assert ask(sandbox, "GET", "/_sandbox/hosts").json == {"hosts": [reply.json]}


def test_facts_of_many_hosts_are_taken_whole_or_not_at_all(sandbox: Sandbox) -> None:
    hosts: list[dict[str, Any]] = [{"host": f"d{number}.test"} for number in range(1000)]
    assert ask(sandbox, "POST", "/_sandbox/hosts", hosts).json == {"hosts": 1000}
    sandbox.reset()
    assert ask(sandbox, "POST", "/_sandbox/hosts", [*hosts, {"host": ""}]).status == 400
    assert ask(sandbox, "GET", "/_sandbox/hosts").json == {"hosts": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "host"),
        ({"host": ""}, "host"),
        ({"host": "a.test", "listed": ["RUMOUR"]}, "listed[0]"),
        ({"host": "a.test", "listed": "MALWARE"}, "listed"),
        ({"host": "a.test", "colour": "red"}, "colour"),
        ({"host": "a.test", "collision": "yes"}, "collision"),
    ],
)
def test_an_unusable_fact_names_the_field(sandbox: Sandbox, body: dict[str, Any], field: str) -> None:
    reply = ask(sandbox, "POST", "/_sandbox/hosts", body)
    assert (reply.status, reply.json["field"]) == (400, field)
