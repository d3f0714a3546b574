"""Safe Browsing by prefixes against the sandbox: verdicts, cache, requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from config import clock
from integrations.safe_browsing.port import State
from integrations.safe_browsing.urls import full_hash
from sandbox.server import Sandbox
from tests.integrations.safe_browsing.made import KEY, Memory, prefixes_asked, states, v5

SAFE, UNSAFE, UNKNOWN = State.SAFE, State.UNSAFE, State.UNKNOWN
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_listed_host_is_unsafe_and_its_neighbour_is_not(sandbox: Sandbox) -> None:
    sandbox.host("go.sandbox.test", listed=["SOCIAL_ENGINEERING", "MALWARE"])
    found = v5(sandbox).check(["go.sandbox.test", "http://other.sandbox.test/x?y"])
    assert states(found) == {"go.sandbox.test": UNSAFE, "http://other.sandbox.test/x?y": SAFE}
    assert found["go.sandbox.test"].threats == ("MALWARE", "SOCIAL_ENGINEERING")
    assert (found["go.sandbox.test"].provider, found["go.sandbox.test"].live) == ("safebrowsing-v5", True)


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("malware.sandbox.test", UNSAFE),
        ("http://phish.sandbox.test/any/page", UNSAFE),
        ("uws.sandbox.test", UNSAFE),
        ("canary-only.sandbox.test", SAFE),
        ("frameonly.sandbox.test", SAFE),
        ("collision.sandbox.test", SAFE),
        ("landing.sandbox.test", SAFE),
        ("http://landing.sandbox.test/landing", UNSAFE),
        ("http://malware.canary.sandbox.test/", UNSAFE),
        ("https://clean.canary.sandbox.test/", SAFE),
    ],
)
def test_the_telling_names_of_the_sandbox_are_judged_alike_in_both_formats(
    sandbox: Sandbox, url: str, state: State
) -> None:
    for format_ in ("protobuf", "json"):
        sandbox.edit("gsb", "settings", format=format_)
        assert states(v5(sandbox).check([url])) == {url: state}


def test_a_listed_registrable_domain_makes_its_hosts_unsafe(sandbox: Sandbox) -> None:
    sandbox.host("example.test", listed=["MALWARE"])
    assert states(v5(sandbox).check(["go.example.test"])) == {"go.example.test": UNSAFE}


def test_a_listed_path_makes_only_that_page_unsafe(sandbox: Sandbox) -> None:
    sandbox.host("go.sandbox.test", listed=["MALWARE"], path="/a/")
    found = v5(sandbox).check(["http://go.sandbox.test/", "http://go.sandbox.test/a/b.html"])
    assert list(states(found).values()) == [SAFE, UNSAFE]


def test_a_collision_never_makes_anybody_unsafe(sandbox: Sandbox) -> None:
    sandbox.host("go.sandbox.test", listed=["MALWARE"], collision=True)
    assert states(v5(sandbox).check(["go.sandbox.test"])) == {"go.sandbox.test": SAFE}


def test_a_threat_that_nobody_knows_does_not_count(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", spoil="unknown_enum")
    for format_ in ("protobuf", "json"):
        sandbox.edit("gsb", "settings", format=format_)
        assert states(v5(sandbox).check(["malware.sandbox.test"])) == {"malware.sandbox.test": SAFE}


def test_no_address_leaves_this_machine_and_the_key_travels_in_a_header_only(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", key=KEY)
    assert states(v5(sandbox).check(["go.sandbox.test"])) == {"go.sandbox.test": SAFE}
    [row] = sandbox.journal("gsb")
    assert row["query"] == "hashPrefixes=1R1H6A==&hashPrefixes=AX65pQ=="
    assert row["headers"]["x-goog-api-key"] == "[secret]"
    assert row["headers"]["accept"] == "application/x-protobuf"


def test_five_hundred_domains_need_twelve_requests_at_most(sandbox: Sandbox) -> None:
    domains = [f"go.d{number}.test" for number in range(500)]
    listed = {domains[7], domains[499]}
    for domain in listed:
        sandbox.host(domain, listed=["MALWARE"])
    found = v5(sandbox).check(domains)
    assert {url for url, verdict in found.items() if verdict.state is UNSAFE} == listed
    assert {verdict.state for url, verdict in found.items() if url not in listed} == {SAFE}
    assert len(sandbox.journal("gsb")) <= 12
    assert sum(prefixes_asked(sandbox)) == 1000
    assert max(prefixes_asked(sandbox)) <= 400
    assert max(len(row["query"]) for row in sandbox.journal("gsb")) < 8000


def test_a_prefix_that_many_addresses_share_is_asked_once(sandbox: Sandbox) -> None:
    v5(sandbox).check([f"d{number}.sandbox.test" for number in range(10)])
    assert prefixes_asked(sandbox) == [11]


def test_a_text_that_is_no_address_is_unknown_and_asked_of_nobody(sandbox: Sandbox) -> None:
    found = v5(sandbox).check(["", "http://"])
    assert [(verdict.state, verdict.reason) for verdict in found.values()] == [(UNKNOWN, "not_an_address")] * 2
    assert sandbox.journal("gsb") == []


def test_nothing_asked_is_nothing_answered(sandbox: Sandbox) -> None:
    assert v5(sandbox).check([]) == {}
    assert sandbox.journal("gsb") == []


def test_an_answer_is_kept_as_long_as_it_holds_and_called_old(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", cache_seconds=[300])
    sandbox.host("go.sandbox.test", listed=["MALWARE"])
    provider = v5(sandbox, cache=Memory())
    with time_machine.travel(NOON, tick=False) as travel:
        first = provider.check(["go.sandbox.test"])["go.sandbox.test"]
        assert (first.live, first.observed_at, first.expires_at) == (True, NOON, NOON + timedelta(seconds=300))
        travel.move_to(NOON + timedelta(seconds=299))
        second = provider.check(["go.sandbox.test"])["go.sandbox.test"]
        assert (second.state, second.live, second.observed_at) == (UNSAFE, False, NOON)
        assert len(sandbox.journal("gsb")) == 1
        travel.move_to(NOON + timedelta(seconds=300))
        assert provider.check(["go.sandbox.test"])["go.sandbox.test"].live
    assert len(sandbox.journal("gsb")) == 2


def test_a_listing_is_kept_for_thirty_minutes_and_nothing_found_for_a_day(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", cache_seconds=[10**12])
    sandbox.host("go.sandbox.test", listed=["MALWARE"])
    with time_machine.travel(NOON, tick=False):
        found = v5(sandbox).check(["go.sandbox.test", "example.test"])
    assert found["go.sandbox.test"].expires_at == NOON + timedelta(minutes=30)
    assert found["example.test"].expires_at == NOON + timedelta(hours=24)


def test_an_answer_that_holds_no_time_is_not_kept(sandbox: Sandbox) -> None:
    sandbox.edit("gsb", "settings", cache_seconds=[0])
    memory = Memory()
    v5(sandbox, cache=memory).check(["go.sandbox.test"])
    assert memory.entries == {}


def test_a_live_look_up_passes_the_cache_by_and_renews_it(sandbox: Sandbox) -> None:
    memory = Memory()
    provider = v5(sandbox, cache=memory)
    assert states(provider.check(["go.sandbox.test"])) == {"go.sandbox.test": SAFE}
    sandbox.host("go.sandbox.test", listed=["MALWARE"])
    assert states(provider.check(["go.sandbox.test"])) == {"go.sandbox.test": SAFE}
    memory.read_prefixes.clear()
    live = provider.check_live(["go.sandbox.test"])["go.sandbox.test"]
    assert (live.state, live.live, memory.read_prefixes) == (UNSAFE, True, [])
    assert states(provider.check(["go.sandbox.test"])) == {"go.sandbox.test": UNSAFE}


def test_fresh_addresses_travel_in_the_same_request_and_never_come_from_the_cache(sandbox: Sandbox) -> None:
    provider = v5(sandbox, cache=Memory())
    canary = "http://malware.canary.sandbox.test/"
    for _ in range(2):
        found = provider.check(["go.example.test"], fresh=[canary])
        assert found[canary].live
        assert found[canary].state is UNSAFE
    assert prefixes_asked(sandbox) == [5, 3]


def test_a_flapping_host_is_listed_at_every_other_look(sandbox: Sandbox) -> None:
    seen = [v5(sandbox).check(["flap.sandbox.test"])["flap.sandbox.test"].state for _ in range(3)]
    assert seen == [UNSAFE, SAFE, UNSAFE]


def test_a_verdict_is_as_old_as_the_oldest_answer_it_rests_on(sandbox: Sandbox) -> None:
    memory, now = Memory(), clock.now()
    older = full_hash("sandbox.test/").hex()[:8]
    memory.write("safebrowsing-v5", [(older, {}, now - timedelta(minutes=5), now + timedelta(minutes=1))])
    found = v5(sandbox, cache=memory).check(["go.sandbox.test"])["go.sandbox.test"]
    assert (found.state, found.live, found.observed_at) == (SAFE, False, now - timedelta(minutes=5))
    assert found.expires_at == now + timedelta(minutes=1)


def test_a_listing_on_one_prefix_stands_although_another_could_not_be_asked(sandbox: Sandbox) -> None:
    memory, now = Memory(), clock.now()
    digest = full_hash("go.sandbox.test/").hex()
    memory.write("safebrowsing-v5", [(digest[:8], {digest: ["MALWARE"]}, now, now + timedelta(minutes=1))])
    sandbox.fault("gsb", {"type": "drop"})
    assert v5(sandbox, cache=memory).check(["go.sandbox.test"])["go.sandbox.test"].state is UNSAFE


def test_the_probe_tells_that_the_provider_answers(sandbox: Sandbox) -> None:
    assert v5(sandbox).probe() == "safebrowsing-v5: answers"
