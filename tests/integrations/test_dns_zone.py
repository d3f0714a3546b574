"""The name servers of a zone know what resolvers deny."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from integrations.dns import Upstream, parse
from integrations.dns_answers import Answer, Status
from integrations.dns_zone import lookup_own
from integrations.routes import Routes
from sandbox.server import Sandbox

OK = Answer(Status.OK, ("192.0.2.10", "2001:db8::10"))


def own(sandbox: Sandbox, name: str, voices: tuple[Upstream, ...] | None = None) -> Answer:
    port = urlsplit(sandbox.url).port
    assert port
    asked = parse(",".join(sandbox.dns_upstreams)) if voices is None else voices
    return lookup_own([name], asked, routes=Routes(("127.0.0.1", port)))[name]


def test_a_zone_knows_a_name_that_every_resolver_denies(sandbox: Sandbox) -> None:
    sandbox.host("go.example.test", dns="1=nx,2=nx,3=nx")
    assert own(sandbox, "go.example.test") == OK


def test_a_name_below_a_name_is_found_in_the_nearest_zone(sandbox: Sandbox) -> None:
    assert own(sandbox, "a.b.go.sandbox.test") == OK
    asked = [row["path"] for row in sandbox.journal("dns") if row["query"].endswith("type=NS")]
    assert asked == [
        path for path in ("/a.b.go.sandbox.test", "/b.go.sandbox.test", "/go.sandbox.test") for _ in range(3)
    ] + ["/sandbox.test"]


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("nx", Status.NXDOMAIN), ("empty", Status.EMPTY), ("sink", Status.SINKHOLED), ("servfail", Status.SERVFAIL)],
)
def test_a_zone_that_knows_no_better_says_so(sandbox: Sandbox, behaviour: str, status: Status) -> None:
    sandbox.host("go.example.test", dns=behaviour)
    assert own(sandbox, "go.example.test").status is status


def test_an_alias_into_another_zone_is_followed_by_the_resolvers(sandbox: Sandbox) -> None:
    sandbox.host("go.example.test", dns="0=outofzone,1=nx,2=nx,3=nx")
    assert own(sandbox, "go.example.test") == Answer(Status.OK, OK.addresses, ("edge.sandbox.test",))


def test_a_name_without_a_zone_is_no_answer(sandbox: Sandbox) -> None:
    assert own(sandbox, "go.elsewhere.example") == Answer(Status.TIMEOUT)
    assert own(sandbox, "go.sandbox.test", voices=()) == Answer(Status.TIMEOUT)
    assert own(sandbox, "single") == Answer(Status.TIMEOUT)
