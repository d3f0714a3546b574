"""How networks leave the blacklist, and what a person may do with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.clock import now
from core.ads import blacklist
from models.ads import IpBlacklist
from tests.core.ads.stage import DAY, IP, SECOND, Stage, build, listed, local, outcomes


@pytest.fixture
def stage(database: Any) -> Stage:
    return build()


def entry(net: str, age: timedelta, *, source: str = "auto", expires: timedelta | None = None) -> None:
    at = now() - age
    ends = now() + expires if expires is not None else None
    IpBlacklist.create(
        net=net, reason_code="over_limit_day", source=source, first_listed_at=at, last_violation_at=at, expires_at=ends
    )


def test_check_9_an_entry_is_removed_28_days_after_its_last_violation_and_not_an_hour_earlier(stage: Stage) -> None:
    entry("198.51.100.1/32", 28 * DAY - timedelta(hours=1))
    entry("198.51.100.2/32", 28 * DAY)
    entry("198.51.100.3/32", 400 * DAY, source="manual")
    assert blacklist.clean() == 1
    assert listed() == ["198.51.100.1/32", "198.51.100.3/32"]


def test_an_entry_by_hand_ends_when_its_time_has_passed(stage: Stage) -> None:
    entry("198.51.100.1/32", DAY, source="manual", expires=-SECOND)
    entry("198.51.100.2/32", DAY, source="manual", expires=DAY)
    assert blacklist.clean() == 1
    assert listed() == ["198.51.100.2/32"]


def test_cleaning_goes_on_in_batches_until_nothing_is_old(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blacklist, "BATCH", 2)
    for number in range(5):
        entry(f"198.51.100.{number}/32", 30 * DAY)
    assert blacklist.clean() == 5
    assert blacklist.clean() == 0


def test_a_wide_network_listed_by_hand_refuses_every_address_in_it(stage: Stage) -> None:
    assert blacklist.block("203.0.113.200/24", note="abuse", by="anna") == "203.0.113.0/24"
    inside, outside = stage.click(0), stage.click(0, ip="203.0.114.1")
    local(inside, outside)
    assert outcomes([inside, outside]) == ["blacklisted", "done"]


def test_a_wide_ipv6_network_refuses_every_address_in_it(stage: Stage) -> None:
    blacklist.block("2001:db8::/32", note="abuse", by="anna")
    click = stage.click(0, ip="2001:db8:7::9")
    local(click)
    assert outcomes([click]) == ["blacklisted"]


def test_a_mapped_address_listed_by_hand_refuses_the_visitor_who_has_it(stage: Stage) -> None:
    assert blacklist.block(f"::ffff:{IP}", note="abuse", by="anna") == f"{IP}/32"
    click = stage.click()
    local(click)
    assert outcomes([click]) == ["blacklisted"]
    assert [entry.net for entry in blacklist.listed(f"::ffff:{IP}/128")] == [f"{IP}/32"]
    with pytest.raises(ValueError, match="too wide"):
        blacklist.block("::ffff:0:0/96", note="abuse", by="anna")


def test_a_bare_ipv6_address_stands_for_the_network_that_its_owner_moves_in(stage: Stage) -> None:
    assert blacklist.block("2001:db8:7::1", note="abuse", by="anna") == "2001:db8:7::/64"
    moved = stage.click(0, ip="2001:db8:7::ffff")
    local(moved)
    assert outcomes([moved]) == ["blacklisted"]
    gone = blacklist.unblock("2001:db8:7::9", by="anna", reason="mistake")
    assert gone is not None
    assert (gone.net, blacklist.listed()) == ("2001:db8:7::/64", [])
    assert blacklist.block("2001:db8:7::1/128", note="abuse", by="anna") == "2001:db8:7::1/128"


def test_an_entry_that_has_run_out_refuses_nobody_even_before_it_is_cleaned(stage: Stage) -> None:
    entry(f"{IP}/32", DAY, source="manual", expires=-SECOND)
    click = stage.click()
    local(click)
    assert outcomes([click]) == ["done"]


def test_unblocking_takes_the_entry_off_and_says_what_it_was(stage: Stage) -> None:
    local(*[stage.click(number, at=number * SECOND) for number in range(4)])
    was = blacklist.unblock(IP, by="anna", reason="mistake")
    assert was is not None
    assert (was.net, was.reason_code, was.source) == (f"{IP}/32", "over_limit_day", "auto")
    assert (blacklist.listed(), blacklist.unblock(IP, by="anna", reason="mistake")) == ([], None)


def test_the_list_can_be_narrowed_to_one_network(stage: Stage) -> None:
    blacklist.block("198.51.100.1", note="", by="anna")
    blacklist.block("198.51.100.2", note="", by="anna")
    assert [item.net for item in blacklist.listed("198.51.100.2")] == ["198.51.100.2/32"]
    assert len(blacklist.listed()) == 2


def test_what_is_no_network_is_refused_in_words(stage: Stage) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        blacklist.block("nowhere", note="", by="anna")
