"""The vote of the resolvers, over every combination of what they may say."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domains.dns_votes import Canary, Resolution, Vote, canary, decide, misses
from integrations.dns_answers import NEGATIVE, Answer, Status
from tests.search import search

KNOWN = ("canary-ok.sandbox.test", "canary-two.sandbox.test")
ABSENT = "f00d.invalid"


def said(status: Status, *addresses: str, chain: tuple[str, ...] = ()) -> Answer:
    found = addresses or (("192.0.2.10",) if status is Status.OK else ())
    return Answer(status, found, chain)


def vote(*statuses: Status, own: Status | None = None) -> Vote:
    answers = {f"up{number}": said(status) for number, status in enumerate(statuses)}
    return decide(answers, own=said(own) if own else None)


EVERY_VOTE = [combination for voices in range(5) for combination in product(Status, repeat=voices)]


def test_the_whole_table_is_walked() -> None:
    assert len(EVERY_VOTE) == 1 + 7 + 7**2 + 7**3 + 7**4


def test_a_name_is_denied_only_by_two_resolvers_and_nobody_who_knows_it() -> None:
    for statuses in EVERY_VOTE:
        negatives = sum(status in NEGATIVE for status in statuses)
        denied = negatives >= 2 and Status.OK not in statuses
        assert (vote(*statuses).resolution is Resolution.NOT_RESOLVABLE) is denied, statuses


def test_anybody_who_knows_a_name_proves_it() -> None:
    for statuses in EVERY_VOTE:
        assert (vote(*statuses).resolution is Resolution.RESOLVABLE) is (Status.OK in statuses), statuses


def test_its_own_zone_proves_a_name_and_never_denies_one() -> None:
    for statuses in EVERY_VOTE:
        assert vote(*statuses, own=Status.OK).resolution is Resolution.RESOLVABLE
        for own in set(Status) - {Status.OK}:
            assert vote(*statuses, own=own).resolution is vote(*statuses).resolution


def test_one_resolver_alone_never_denies() -> None:
    assert {vote(status).resolution for status in Status} == {Resolution.RESOLVABLE, Resolution.UNKNOWN}
    assert vote().resolution is Resolution.UNKNOWN


def test_every_resolver_is_named_once_among_those_who_know_deny_or_abstain() -> None:
    for statuses in EVERY_VOTE:
        found = vote(*statuses)
        named = [*found.positive, *found.negative, *found.abstained]
        assert sorted(named) == [f"up{number}" for number in range(len(statuses))]
        assert set(found.sinkholed) <= set(found.abstained)


@pytest.mark.parametrize(
    ("statuses", "differing", "sinkholed", "servfail_everywhere"),
    [
        ((Status.OK, Status.NXDOMAIN, Status.OK), True, (), False),
        ((Status.OK, Status.SERVFAIL, Status.TIMEOUT), False, (), False),
        ((Status.NXDOMAIN, Status.NXDOMAIN, Status.EMPTY), False, (), False),
        ((Status.SINKHOLED, Status.SINKHOLED, Status.OK), False, ("up0", "up1"), False),
        ((Status.SERVFAIL, Status.SERVFAIL, Status.SERVFAIL), False, (), True),
        ((Status.SERVFAIL, Status.SERVFAIL, Status.REFUSED), False, (), False),
        ((), False, (), False),
    ],
)
def test_what_the_incidents_are_made_of(
    statuses: tuple[Status, ...], differing: bool, sinkholed: tuple[str, ...], servfail_everywhere: bool
) -> None:
    found = vote(*statuses)
    assert (found.differing, found.sinkholed, found.servfail_everywhere) == (differing, sinkholed, servfail_everywhere)


def test_addresses_and_aliases_come_from_those_who_know_the_name() -> None:
    found = decide(
        {
            "a": said(Status.OK, "192.0.2.1", chain=("edge.example",)),
            "b": said(Status.SINKHOLED, "127.0.0.1"),
            "c": said(Status.OK, "192.0.2.1", "192.0.2.2"),
        },
        own=said(Status.OK, "192.0.2.3"),
    )
    assert (found.addresses, found.chain) == (("192.0.2.1", "192.0.2.2", "192.0.2.3"), ("edge.example",))


@given(
    statuses=st.lists(st.sampled_from(Status), max_size=6),
    own=st.none() | st.sampled_from(Status),
    trust=st.sets(st.integers(0, 5)),
)
@search(3000)
def test_outages_of_resolvers_never_deny_a_name(statuses: list[Status], own: Status | None, trust: set[int]) -> None:
    """Whatever breaks and whoever is distrusted: two believed denials and nobody who knows it, or no denial."""
    answers = {f"up{number}": said(status) for number, status in enumerate(statuses)}
    trusted = {f"up{number}" for number in trust}
    found = decide(answers, own=said(own) if own else None, trusted=trusted)
    denials = [name for name, answer in answers.items() if answer.status in NEGATIVE and name in trusted]
    knows = Status.OK in statuses or own is Status.OK
    assert (found.resolution is Resolution.NOT_RESOLVABLE) is (len(denials) >= 2 and not knows)
    if found.resolution is Resolution.RESOLVABLE:
        assert own is Status.OK or any(answers[name].status is Status.OK for name in trusted & answers.keys())


def test_a_resolver_that_is_not_believed_neither_proves_nor_denies_but_prevents() -> None:
    answers = {"liar": said(Status.OK), "a": said(Status.NXDOMAIN), "b": said(Status.NXDOMAIN)}
    assert decide(answers, trusted={"a", "b"}).resolution is Resolution.UNKNOWN
    assert decide(answers | {"liar": said(Status.NXDOMAIN)}, trusted={"a"}).resolution is Resolution.UNKNOWN


def canaries(**voices: tuple[Status, Status, Status]) -> Canary:
    names = (*KNOWN, ABSENT)
    answers = {name: {voice: said(statuses[at]) for voice, statuses in voices.items()} for at, name in enumerate(names)}
    return canary(KNOWN, ABSENT, answers)


HONEST = (Status.OK, Status.OK, Status.NXDOMAIN)


def test_honest_resolvers_are_trusted() -> None:
    found = canaries(a=HONEST, b=HONEST, c=HONEST)
    assert (found.ok, found.trusted, dict(found.failures)) == (True, frozenset("abc"), {})


@pytest.mark.parametrize(
    ("lie", "failure"),
    [
        ((Status.OK, Status.OK, Status.OK), f"{ABSENT}: ok instead of nxdomain"),
        ((Status.OK, Status.OK, Status.SINKHOLED), f"{ABSENT}: sinkholed instead of nxdomain"),
        ((Status.NXDOMAIN, Status.OK, Status.NXDOMAIN), f"{KNOWN[0]}: nxdomain instead of ok"),
        ((Status.OK, Status.SINKHOLED, Status.NXDOMAIN), f"{KNOWN[1]}: sinkholed instead of ok"),
        ((Status.TIMEOUT, Status.TIMEOUT, Status.TIMEOUT), f"{KNOWN[0]}: timeout instead of ok"),
    ],
)
def test_a_resolver_that_lies_or_is_down_loses_its_voice_only(lie: tuple[Status, Status, Status], failure: str) -> None:
    found = canaries(a=HONEST, b=lie, c=HONEST)
    assert (found.ok, found.trusted, dict(found.failures)) == (True, frozenset("ac"), {"b": failure})


def test_with_one_honest_voice_of_several_the_canary_fails() -> None:
    liars = [(one, two, three) for one, two, three in product(Status, repeat=3) if (one, two, three) != HONEST]
    for first, second in product(liars, repeat=2):
        assert not canaries(a=HONEST, b=first, c=second).ok


def test_a_single_resolver_may_be_honest_and_none_is_nobody() -> None:
    assert canaries(a=HONEST).ok
    assert not canaries(a=(Status.OK, Status.OK, Status.OK)).ok
    assert not canary(KNOWN, ABSENT, {}).ok


def test_a_canary_that_was_not_asked_for_fails() -> None:
    answers = {ABSENT: {"a": said(Status.NXDOMAIN)}, KNOWN[0]: {"a": said(Status.OK)}}
    assert canary(KNOWN, ABSENT, answers).failures == {"a": f"{KNOWN[1]}: not asked instead of ok"}


@pytest.mark.parametrize(
    ("expected", "elsewhere"),
    [
        (None, False),
        ("", False),
        ("Edge.Example.", False),
        ("192.0.2.1", False),
        ("other.example", True),
        ("192.0.2.9", True),
    ],
)
def test_a_name_that_leads_elsewhere_is_noticed(expected: str | None, elsewhere: bool) -> None:
    found = decide({"a": said(Status.OK, "192.0.2.1", chain=("mid.example", "edge.example"))})
    assert misses(found, expected) is elsewhere


def test_a_name_that_does_not_resolve_leads_nowhere_else() -> None:
    assert not misses(vote(Status.NXDOMAIN, Status.NXDOMAIN), "edge.example")
