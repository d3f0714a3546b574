"""Web Risk against the sandbox: one address per request, hits kept as long as they hold, clean answers never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import Malformed
from integrations.safe_browsing import replies
from integrations.safe_browsing.port import State
from integrations.safe_browsing.web_risk import monthly_cost_micros, monthly_look_ups
from sandbox.server import Sandbox
from tests.integrations import peer as at
from tests.integrations.peer import peer
from tests.integrations.safe_browsing.made import Memory, states, web_risk

SAFE, UNSAFE = State.SAFE, State.UNSAFE
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_listed_host_is_unsafe_and_another_is_not(sandbox: Sandbox) -> None:
    sandbox.host("go.sandbox.test", listed=["MALWARE", "UNWANTED_SOFTWARE"])
    found = web_risk(sandbox).check(["go.sandbox.test", "other.sandbox.test"])
    assert states(found) == {"go.sandbox.test": UNSAFE, "other.sandbox.test": SAFE}
    assert found["go.sandbox.test"].threats == ("MALWARE", "UNWANTED_SOFTWARE")


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("malware.anything.sandbox.test", UNSAFE),
        ("frameonly.sandbox.test", SAFE),
        ("collision.sandbox.test", SAFE),
        ("http://landing.sandbox.test/landing", UNSAFE),
        ("landing.sandbox.test", SAFE),
    ],
)
def test_the_telling_names_of_the_sandbox_are_judged(sandbox: Sandbox, url: str, state: State) -> None:
    assert states(web_risk(sandbox).check([url])) == {url: state}


def test_each_request_carries_one_canonical_address(sandbox: Sandbox) -> None:
    web_risk(sandbox).check(["http://A.test/x y?q=1&r=2", "http://a.test/%78%20y?q=1&r=2", "b.test"])
    queries = sorted(row["query"].partition("uri=")[2] for row in sandbox.journal("webrisk"))
    assert queries == ["http%3A%2F%2Fa.test%2Fx%2520y%3Fq%3D1%26r%3D2", "http%3A%2F%2Fb.test%2F"]
    assert {row["query"].count("threatTypes=") for row in sandbox.journal("webrisk")} == {3}


def test_a_hit_is_kept_until_it_expires_and_a_clean_answer_is_not_kept(sandbox: Sandbox) -> None:
    sandbox.host("go.sandbox.test", listed=["MALWARE"])
    memory = Memory()
    provider = web_risk(sandbox, cache=memory)
    with time_machine.travel(NOON, tick=False) as travel:
        first = provider.check(["go.sandbox.test", "b.test"])
        assert first["go.sandbox.test"].expires_at == NOON + timedelta(seconds=300)
        assert first["b.test"].expires_at == NOON
        assert len(memory.entries) == 1
        travel.move_to(NOON + timedelta(seconds=299))
        again = provider.check(["go.sandbox.test", "b.test"])
        assert (again["go.sandbox.test"].live, again["b.test"].live) == (False, True)
        travel.move_to(NOON + timedelta(seconds=300))
        assert provider.check(["go.sandbox.test"])["go.sandbox.test"].live
    assert len(sandbox.journal("webrisk")) == 4


def test_a_hit_is_kept_for_thirty_minutes_at_most(sandbox: Sandbox) -> None:
    sandbox.edit("webrisk", "settings", hit_seconds=86_400)
    with time_machine.travel(NOON, tick=False):
        found = web_risk(sandbox).check(["malware.sandbox.test"])["malware.sandbox.test"]
    assert found.expires_at == NOON + timedelta(minutes=30)


def test_a_hit_that_has_expired_on_the_way_is_reported_and_not_kept(sandbox: Sandbox) -> None:
    sandbox.edit("webrisk", "settings", hit_seconds=-1)
    memory = Memory()
    found = web_risk(sandbox, cache=memory).check(["malware.sandbox.test"])["malware.sandbox.test"]
    assert (found.state, found.expires_at, memory.entries) == (UNSAFE, found.observed_at, {})


def test_everything_unsafe_is_what_the_sandbox_can_say(sandbox: Sandbox) -> None:
    sandbox.edit("webrisk", "settings", unsafe_percent=100)
    urls = [f"go.d{number}.test" for number in range(20)]
    assert set(states(web_risk(sandbox).check(urls)).values()) == {UNSAFE}
    sandbox.edit("webrisk", "settings", unsafe_percent=30)
    assert set(states(web_risk(sandbox).check(urls)).values()) == {SAFE, UNSAFE}


def test_own_pace_is_waited_for(sandbox: Sandbox) -> None:
    waits: list[float] = []
    now = [1000.0]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    provider = web_risk(sandbox, clock=lambda: now[0], sleep=sleep)
    found = provider.check([f"go.d{number}.test" for number in range(80)])
    assert set(states(found).values()) == {SAFE}
    assert waits
    assert now[0] - 1000 <= 1


def test_a_documented_hit_is_read_with_its_fraction_cut() -> None:
    body = b'{"threat":{"threatTypes":["MALWARE"],"expireTime":"2026-11-20T12:05:00.123456789Z"}}'
    with peer(at.answer(200, body)) as server, time_machine.travel(NOON, tick=False):
        entry = web_risk(server.url).search_uri("http://a.test/")
    assert entry[3] == datetime(2026, 11, 20, 12, 5, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("threats", "counted"),
    [
        (b'["SOCIAL_ENGINEERING_EXTENDED_COVERAGE"]', [["SOCIAL_ENGINEERING_EXTENDED_COVERAGE"]]),
        (b'["NEW_THREAT","MALWARE"]', [["MALWARE"]]),
        (b'["NEW_THREAT"]', []),
    ],
)
def test_only_threats_that_are_known_count(threats: bytes, counted: list[list[str]]) -> None:
    with peer(at.answer(200, b'{"threat":{"threatTypes":' + threats + b"}}")) as server:
        assert list(web_risk(server.url).search_uri("http://a.test/")[1].values()) == counted


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"wrong":"type"}',
        b'{"threat":{}}',
        b'{"threat":{"threatTypes":[]}}',
        b'{"threat":{"threatTypes":["MALWARE"],"expireTime":"soon"}}',
        b'{"threat":{"threatTypes":["MALWARE"],"expireTime":"2026-13-20T12:05:00Z"}}',
        b'{"threat":{"threatTypes":"MALWARE"}}',
    ],
)
def test_an_answer_of_another_shape_is_malformed(body: bytes) -> None:
    with peer(at.answer(200, body)) as server, pytest.raises(Malformed):
        web_risk(server.url).search_uri("http://a.test/")


@given(st.text(max_size=40) | st.from_regex(r"[0-9T:.Z\-]{20,32}", fullmatch=True))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    try:
        found = replies.instant(text)
    except ValueError:
        return
    assert found.tzinfo is UTC


def test_the_cost_of_a_month_is_the_published_one() -> None:
    assert monthly_look_ups(50, 300) == 432_000
    assert monthly_cost_micros(432_000) == 166_000_000
    assert monthly_cost_micros(monthly_look_ups(50, 900)) == 22_000_000
    assert monthly_cost_micros(100_000) == 0


def test_the_probe_tells_that_the_provider_answers(sandbox: Sandbox) -> None:
    assert web_risk(sandbox).probe() == "webrisk: answers"
