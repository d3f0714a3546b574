"""The brakes, one by one and in order: the first that holds has the last word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domains.brake_facts import Answer, Evidence, Fleet, History, Limits, Past, Standing
from core.domains.brakes import MAX_AGE, Decision, Defer, Hold, Ignore, Propose, Switch, decide
from models.domain_states import Mode, Source, Verdict

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = 24 * HOUR
FIRST = Answer(
    domain_id=1, source=Source.GSB, verdict=Verdict.UNSAFE, observed_at=NOW - 40 * SECOND, canary_ok=True, live=False
)
SECOND_ONE = replace(FIRST, observed_at=NOW - 5 * SECOND, live=True)
EVIDENCE = Evidence(domain_id=1, first=FIRST, second=SECOND_ONE)
ORDER = Evidence(domain_id=1, first=None)
PIPELINE = Standing(active_id=1, active_since=NOW - 30 * DAY)
FLEET = Fleet(active=20, bad=1)


def decided(
    pipeline: Standing = PIPELINE, evidence: Evidence = EVIDENCE, fleet: Fleet = FLEET, *past: Past, **limits: Any
) -> Decision:
    return decide(pipeline, evidence, fleet, History(past, Limits(**limits)), NOW)


def first(**changes: Any) -> Evidence:
    return replace(EVIDENCE, first=replace(FIRST, **changes))


def second(**changes: Any) -> Evidence:
    return replace(EVIDENCE, second=replace(SECOND_ONE, **changes))


def by(source: Source, age: timedelta, **more: Any) -> Evidence:
    """An answer so old, confirmed just now where that is needed."""
    answer = replace(FIRST, source=source, observed_at=NOW - age, **more)
    return replace(EVIDENCE, first=answer, second=None if source is Source.GSC else SECOND_ONE)


def pipeline(**changes: Any) -> Standing:
    return replace(PIPELINE, **changes)


def ago(age: timedelta, automatic: bool = True, listing: bool = False) -> Past:
    return Past(NOW - age, automatic, listing)


def test_confirmed_evidence_without_a_brake_switches() -> None:
    assert decided() == Switch()


GONE, STALE, BLIND, UNCONFIRMED = (
    Ignore("gone"), Ignore("stale"), Ignore("checker_blind", "checker_blind"), Ignore("unconfirmed"),
)  # fmt: skip
IGNORED = [
    (pipeline(enabled=False), EVIDENCE, GONE),
    (pipeline(active_id=2), EVIDENCE, GONE),
    (pipeline(active_id=None, active_since=None), EVIDENCE, GONE),
    (pipeline(active_since=FIRST.observed_at + SECOND), EVIDENCE, GONE),
    (pipeline(active_since=FIRST.observed_at), EVIDENCE, Switch()),
    (PIPELINE, first(domain_id=2), GONE),
    (PIPELINE, by(Source.GSB, 30 * MINUTE), Switch()),
    (PIPELINE, by(Source.GSB, 31 * MINUTE), STALE),
    (PIPELINE, by(Source.DNS, 5 * MINUTE), Switch()),
    (PIPELINE, by(Source.DNS, 5 * MINUTE + SECOND), STALE),
    (PIPELINE, by(Source.GSC, 24 * HOUR, canary_ok=None), Switch()),
    (PIPELINE, by(Source.GSC, 24 * HOUR + SECOND, canary_ok=None), STALE),
    (PIPELINE, by(Source.HTTP, SECOND), STALE),
    (PIPELINE, by(Source.GSB, -2 * MINUTE), STALE),
    (PIPELINE, replace(EVIDENCE, expires_at=NOW), STALE),
    (PIPELINE, replace(EVIDENCE, expires_at=NOW + SECOND), Switch()),
    (PIPELINE, first(canary_ok=False), BLIND),
    (PIPELINE, first(canary_ok=None), BLIND),
    (PIPELINE, second(canary_ok=False), BLIND),
    (PIPELINE, by(Source.GSC, HOUR, canary_ok=False), BLIND),
    (PIPELINE, first(verdict=Verdict.UNKNOWN), UNCONFIRMED),
    (PIPELINE, first(verdict=Verdict.SUSPECT), UNCONFIRMED),
    (PIPELINE, replace(EVIDENCE, second=None), UNCONFIRMED),
    (PIPELINE, second(verdict=Verdict.SAFE), UNCONFIRMED),
    (PIPELINE, second(verdict=Verdict.UNKNOWN), UNCONFIRMED),
    (PIPELINE, second(live=False), UNCONFIRMED),
    (PIPELINE, second(domain_id=2), UNCONFIRMED),
    (PIPELINE, second(observed_at=FIRST.observed_at + 29 * SECOND), UNCONFIRMED),
    (PIPELINE, second(observed_at=FIRST.observed_at + 30 * SECOND), Switch()),
    (PIPELINE, second(observed_at=FIRST.observed_at + SECOND, source=Source.DNS), Switch()),
    (PIPELINE, second(observed_at=NOW + 2 * MINUTE), UNCONFIRMED),
]


@pytest.mark.parametrize(("standing", "evidence", "expected"), IGNORED)
def test_evidence_that_is_gone_stale_blind_or_unconfirmed_is_ignored(
    standing: Standing, evidence: Evidence, expected: Decision
) -> None:
    assert decided(standing, evidence) == expected


@pytest.mark.parametrize(
    ("active", "bad", "expected"),
    [
        (20, 10, Hold("blast_radius", "all")), (10, 4, Hold("blast_radius", "all")), (10, 3, Switch()),
        (3, 2, Switch()), (3, 3, Hold("blast_radius", "all")), (1000, 300, Switch()),
        (1000, 301, Hold("blast_radius", "all")),
    ],
)  # fmt: skip
def test_many_bad_domains_at_once_hold_everything(active: int, bad: int, expected: Decision) -> None:
    assert decided(PIPELINE, EVIDENCE, Fleet(active=active, bad=bad)) == expected


def test_for_an_hour_after_a_release_many_bad_domains_are_no_brake() -> None:
    wide = Fleet(active=20, bad=10)
    assert decided(PIPELINE, EVIDENCE, replace(wide, released_until=NOW + SECOND)) == Switch()
    assert decided(PIPELINE, EVIDENCE, replace(wide, released_until=NOW)) == Hold("blast_radius", "all")
    assert decided(pipeline(exempt_until=NOW + SECOND), EVIDENCE, wide) == Switch()


def test_holds_keep_the_domain_and_hold_nothing_new() -> None:
    assert decided(PIPELINE, EVIDENCE, Fleet(held=True, active=20, bad=10)) == Hold("held_everywhere")
    assert decided(pipeline(held=True), EVIDENCE, Fleet(active=20, bad=10)) == Hold("held")


def test_a_cause_behind_the_domain_is_not_switched_away() -> None:
    fix = Hold("fix_the_cause", "pipeline")
    listed = ago(23 * HOUR, listing=True)
    assert decided(pipeline(destination_listed=True)) == fix
    assert decided(PIPELINE, EVIDENCE, FLEET, listed) == fix
    assert decided(pipeline(destination_clean=True), EVIDENCE, FLEET, listed) == Switch()
    assert decided(PIPELINE, by(Source.DNS, MINUTE), FLEET, listed) == Switch()
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(24 * HOUR, listing=True)) == Switch()


def test_a_switch_within_the_cool_down_waits_for_its_end() -> None:
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(4 * MINUTE), ago(HOUR)) == Defer(NOW + 6 * MINUTE)
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(4 * MINUTE, automatic=False)) == Defer(NOW + 6 * MINUTE)
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(10 * MINUTE)) == Switch()
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(SECOND), cool_down=timedelta()) == Switch()


def test_automatic_switches_of_a_day_are_capped() -> None:
    cap = Hold("too_many_switches", "pipeline")
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(HOUR), ago(23 * HOUR)) == cap
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(HOUR), ago(24 * HOUR)) == Switch()
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(HOUR), ago(2 * HOUR, automatic=False)) == Switch()
    assert decided(PIPELINE, EVIDENCE, FLEET, ago(HOUR), most_per_day=1) == cap


def test_the_mode_is_asked_last() -> None:
    assert decided(pipeline(mode=Mode.SUGGEST)) == Propose()
    assert decided(pipeline(mode=Mode.WATCH)) == Ignore("watch", "unsafe")
    assert decided(pipeline(mode=Mode.WATCH), EVIDENCE, FLEET, ago(MINUTE)) == Defer(NOW + 9 * MINUTE)


WORST = pipeline(held=True, destination_listed=True, mode=Mode.WATCH)
WIDE = Fleet(held=True, active=3, bad=3)
DOWN = [
    (pipeline(enabled=False), first(verdict=Verdict.SAFE), WIDE, GONE),
    (WORST, replace(by(Source.GSB, HOUR, canary_ok=False), second=None), WIDE, STALE),
    (WORST, first(canary_ok=False, verdict=Verdict.SAFE), WIDE, BLIND),
    (WORST, replace(EVIDENCE, second=None), WIDE, UNCONFIRMED),
    (WORST, EVIDENCE, WIDE, Hold("held_everywhere")),
    (WORST, EVIDENCE, replace(WIDE, held=False), Hold("held")),
    (replace(WORST, held=False), EVIDENCE, replace(WIDE, held=False), Hold("blast_radius", "all")),
    (replace(WORST, held=False), EVIDENCE, FLEET, Hold("fix_the_cause", "pipeline")),
    (pipeline(mode=Mode.WATCH), EVIDENCE, FLEET, Defer(NOW + 9 * MINUTE)),
]


@pytest.mark.parametrize(("standing", "evidence", "fleet", "expected"), DOWN)
def test_of_several_brakes_the_first_decides(
    standing: Standing, evidence: Evidence, fleet: Fleet, expected: Decision
) -> None:
    assert decided(standing, evidence, fleet, ago(MINUTE), ago(2 * HOUR), ago(3 * HOUR)) == expected


def test_an_order_needs_no_evidence_and_is_bound_by_holds_only() -> None:
    standing = pipeline(destination_listed=True, mode=Mode.WATCH)
    past = (ago(MINUTE, listing=True), ago(HOUR), ago(2 * HOUR))
    assert decided(standing, ORDER, Fleet(active=3, bad=3), *past) == Switch()
    assert decided(replace(standing, held=True), ORDER) == Hold("held")
    assert decided(standing, ORDER, Fleet(held=True)) == Hold("held_everywhere")
    assert decided(pipeline(active_id=2), ORDER) == GONE


VERDICTS = st.sampled_from(Verdict)
AGES = st.integers(-120, 100_000).map(lambda seconds: NOW - seconds * SECOND)
ANSWERS = st.builds(
    Answer, domain_id=st.integers(1, 2), source=st.sampled_from(Source), verdict=VERDICTS, observed_at=AGES,
    canary_ok=st.sampled_from([True, True, False, None]), live=st.booleans(),
)  # fmt: skip
PASTS = st.lists(st.builds(Past, AGES, st.booleans(), st.booleans()), max_size=5).map(tuple)
STANDINGS = st.builds(
    Standing, enabled=st.booleans(), mode=st.sampled_from(Mode), active_id=st.sampled_from([1, 1, 2, None]),
    active_since=AGES, held=st.booleans(), destination_listed=st.booleans(), destination_clean=st.booleans(),
)  # fmt: skip
FLEETS = st.integers(0, 30).flatmap(
    lambda active: st.builds(Fleet, held=st.booleans(), active=st.just(active), bad=st.integers(0, active))
)


@given(STANDINGS, ANSWERS, st.none() | ANSWERS, FLEETS, PASTS)
def test_nothing_switches_on_unknown_old_unlive_or_blind_answers(
    standing: Standing, answer: Answer, confirmation: Answer | None, fleet: Fleet, past: tuple[Past, ...]
) -> None:
    evidence = Evidence(domain_id=1, first=answer, second=confirmation)
    if decide(standing, evidence, fleet, History(past), NOW) != Switch():
        return
    both = [each for each in (answer, confirmation) if each]
    assert {each.verdict for each in both} == {Verdict.UNSAFE}
    assert all(each.canary_ok is not False for each in both)
    assert NOW - answer.observed_at <= MAX_AGE[answer.source]
    assert answer.source is Source.GSC or (confirmation is not None and confirmation.live)
    assert standing.active_since is not None
    assert answer.observed_at >= standing.active_since
    assert (standing.held, fleet.held) == (False, False)


@given(
    st.lists(st.integers(1, 20_000), max_size=60), st.integers(1, 4), st.integers(0, 3600),
    st.lists(st.booleans(), min_size=60, max_size=60),
)  # fmt: skip
def test_whatever_goes_bad_when_the_cap_of_a_day_and_the_cool_down_hold(
    gaps: list[int], most: int, cool: int, listings: list[bool]
) -> None:
    at, made = NOW, list[datetime]()
    limits = Limits(cool_down=cool * SECOND, most_per_day=most)
    for gap in gaps:
        at += gap * SECOND
        answer = replace(FIRST, observed_at=at - 40 * SECOND)
        evidence = replace(EVIDENCE, first=answer, second=replace(SECOND_ONE, observed_at=at - 5 * SECOND))
        past = tuple(Past(each, True, listings[place % 60]) for place, each in enumerate(made))
        standing = pipeline(active_since=NOW - DAY, destination_clean=True)
        if decide(standing, evidence, FLEET, History(past, limits), at) == Switch():
            made.append(at)
    assert all(later - earlier >= cool * SECOND for earlier, later in pairwise(made))
    assert all(sum(start <= each < start + DAY for each in made) <= most for start in made)
