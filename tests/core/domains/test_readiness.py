"""The score of a spare adds up, and the runway is the spares at the pace of the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domains import readiness
from core.domains.readiness import Level, Spare

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FAR = NOW + timedelta(days=400)


def days(count: float) -> datetime:
    return NOW + timedelta(days=count)


@pytest.mark.parametrize(
    ("known", "score"),
    [
        ({}, 100),
        ({"unchecked": ("gsb",)}, 80),
        ({"unchecked": ("gsb", "dns", "tls", "rdap")}, 20),
        ({"votes_differ": True}, 90),
        ({"in_voluum": False}, 70),
        ({"in_voluum": True, "page_alive": True}, 100),
        ({"page_alive": False}, 90),
        ({"certificate_until": days(14)}, 100),
        ({"certificate_until": days(13.9)}, 80),
        ({"certificate_until": days(7)}, 80),
        ({"certificate_until": days(6.9)}, 60),
        ({"registered_until": days(30)}, 100),
        ({"registered_until": days(29.9)}, 85),
        ({"registered_until": days(6.9)}, 60),
        ({"registered_until": None}, 95),
        ({"registered_until": None, "unchecked": ("rdap",)}, 80),
        ({"registered_at": days(-30)}, 100),
        ({"registered_at": days(-29.9)}, 85),
    ],
)
def test_each_reason_costs_what_the_table_says(known: dict[str, object], score: int) -> None:
    facts: dict[str, object] = {"certificate_until": FAR, "registered_until": FAR, **known}
    found = readiness.of(Spare(**facts), NOW)  # type: ignore[arg-type]
    assert found.score == score
    assert 100 - sum(part.minus for part in found.parts) == score


def test_the_worst_spare_has_no_points_and_every_reason() -> None:
    worst = Spare(
        unchecked=("gsb", "dns"), votes_differ=True, in_voluum=False, page_alive=False, certificate_until=NOW,
        registered_until=NOW, registered_at=NOW,
    )  # fmt: skip
    found = readiness.of(worst, NOW)
    assert (found.score, len(found.parts)) == (0, 8)


@pytest.mark.parametrize(
    ("ready", "blocks", "age", "text", "level"),
    [
        (2, [3, 9], 12, "2 spares, 1 per 6 d, about 12 days", Level.YELLOW),
        (5, [3, 9], 12, "5 spares, 1 per 6 d, about 30 days", Level.GREEN),
        (1, [30, 60], 90, "1 spare, 1 per 45 d, about 45 days", Level.YELLOW),
        (0, [30, 60], 90, "0 spares, 1 per 45 d, about 0 days", Level.RED),
        (3, [30], 90, "3 spares, not enough history", Level.GREEN),
        (1, [], 90, "1 spare, not enough history", Level.YELLOW),
        (0, [], 90, "0 spares, not enough history", Level.RED),
        (3, [1, 200, 300], 400, "3 spares, not enough history", Level.GREEN),
    ],
)
def test_the_runway_is_told_in_days(ready: int, blocks: list[int], age: int, text: str, level: Level) -> None:
    found = readiness.runway(ready, [days(-ago) for ago in blocks], days(-age), NOW)
    assert (str(found), found.level) == (text, level)


@given(ready=st.integers(0, 50), blocks=st.lists(st.integers(0, 120)), age=st.integers(0, 200))
def test_more_spares_never_shorten_a_runway(ready: int, blocks: list[int], age: int) -> None:
    past = [days(-ago) for ago in blocks]
    fewer, more = (readiness.runway(count, past, days(-age), NOW) for count in (ready, ready + 1))
    assert (fewer.days is None) is (more.days is None)
    assert (fewer.days or 0) <= (more.days or 0)
    assert (fewer.level is Level.RED) is (ready == 0)
