"""What is kept of a click ends on its day: addresses, refusals, settled faults; nothing younger goes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from core.ads import archive, privacy, sealing
from models import address_erasure, partitions
from models.archive import store
from models.database import execute, fetch
from tests.conftest import SettingsEnv
from tests.core.ads import old_days
from tests.core.ads.old_days import days_ago
from tests.core.ads.test_archive import present, run
from tests.core.ads.test_archive_interrupted import dying


def clicks_of(day: Any, place: str = "click") -> list[tuple[Any, ...]]:
    rows = fetch(
        f"select ip, actor_net, actor_hash from {place} where click_day = %s order by click_id", (day.isoformat(),)
    )
    return [(ip, net, bytes(hashed) if hashed else None) for ip, net, hashed in rows]


def archived_clicks_of(day: Any) -> list[tuple[Any, ...]]:
    with store().session():
        return clicks_of(day, store().place("click", day))


def expected(count: int = old_days.PER_DAY) -> list[tuple[Any, ...]]:
    return [(None, None, sealing.actor_hash(f"{old_days.address(number)}/32")) for number in range(count)]


def test_addresses_of_day_91_become_keyed_hashes_in_the_archive_and_day_90_keeps_them(database: Any) -> None:
    old_days.make(91, 90)
    run()
    assert privacy.erase_addresses() == old_days.PER_DAY + 1
    assert archived_clicks_of(days_ago(91)) == expected()
    assert archived_clicks_of(days_ago(90))[0][:2] == (old_days.address(0), f"{old_days.address(0)}/32")


def test_addresses_in_the_live_tables_are_erased_too(database: Any, settings_env: SettingsEnv) -> None:
    settings_env(IP_RETENTION_DAYS="40")
    old_days.make(41, 40)
    assert privacy.erase_addresses() == old_days.PER_DAY + 1
    assert clicks_of(days_ago(41)) == expected()
    assert None not in clicks_of(days_ago(40))[0][:2]
    assert address_erasure.left_over(days_ago(40)) == []


def test_the_hash_of_a_network_is_the_same_on_both_engines_and_for_ipv6(
    database: Any, settings_env: SettingsEnv
) -> None:
    settings_env(DATA_KEYS="2:" + bytes(range(9, 41)).hex() + ",1:" + bytes(range(7, 39)).hex())
    old_days.make(91, clicks=1)
    execute("update click set ip = '2001:db8:7::5', actor_net = '2001:db8:7::/64'")
    run()
    privacy.erase_addresses()
    assert archived_clicks_of(days_ago(91)) == [(None, None, sealing.actor_hash("2001:db8:7::/64"))]


def test_erasing_again_changes_nothing_and_keeps_the_hash(database: Any) -> None:
    old_days.make(91)
    run()
    privacy.erase_addresses()
    once = old_days.state()
    assert privacy.erase_addresses() == 0
    assert old_days.state() == once


def test_an_erasure_that_dies_at_any_statement_is_finished_by_the_next(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address_erasure, "BATCH", 2)
    number, died = 0, True
    while died:
        number += 1
        old_days.make(91) if number == 1 else None
        archive.move_now(days_ago(91), "test")
        died = dying(number, privacy.erase_addresses, monkeypatch)
        privacy.erase_addresses()
        assert archived_clicks_of(days_ago(91)) == expected(), f"statement {number}"
        archive.restore(days_ago(91), "test")
        for place in range(old_days.PER_DAY):
            values = (old_days.address(place), f"{old_days.address(place)}/32", old_days.click_id(days_ago(91), place))
            execute("update click set ip = %s, actor_net = %s, actor_hash = null where click_id = %s", values)
    assert number > 10


def payloads(table: str = "click_error") -> dict[str, Any]:
    rows = fetch(f"select state, payload from {table} order by click_id")
    return {state: orjson.loads(body) if isinstance(body, str) else body for state, body in rows}


def test_the_bodies_of_settled_faults_lose_the_address_and_those_that_can_be_replayed_keep_it(
    database: Any, settings_env: SettingsEnv
) -> None:
    settings_env(IP_RETENTION_DAYS="40")
    old_days.make(41, errors=("dismissed", "replayed", "open", "retry"))
    privacy.erase_addresses()
    found = payloads()
    assert {state for state, body in found.items() if "ip" in body or "actor_net" in body} == {"open", "retry"}
    assert found["dismissed"]["u"] == "b"


def test_an_open_fault_whose_clicks_are_archived_cannot_be_replayed_so_it_loses_the_address_too(database: Any) -> None:
    old_days.make(91, errors=("open",))
    run()
    assert present("click_error") == {str(days_ago(91))}
    privacy.erase_addresses()
    assert "ip" not in payloads()["open"]


def test_what_is_left_of_an_unreadable_message_goes_as_a_whole(database: Any, settings_env: SettingsEnv) -> None:
    settings_env(IP_RETENTION_DAYS="40")
    old_days.make(41, errors=("dismissed", "replayed"))
    execute("update click_error set code = 'internal', payload = '\"from 198.51.100.7\"' where state = 'replayed'")
    assert privacy.erase_addresses() == old_days.PER_DAY + 2
    assert payloads()["replayed"] == {}
    assert privacy.erase_addresses() == 0


def rejected(*numbers: int) -> None:
    for number in numbers:
        day = days_ago(number)
        partitions.keep_ahead(day, day)
        execute(
            "insert into click_rejected (click_day, click_id, clicked_at, token, url, reason_code, reason, detail, "
            "view_ms) values (%s, %s, %s, 't', 'u', 'blacklisted', 'r', '{}', 1)",
            (day.isoformat(), old_days.click_id(day, 1), old_days.moment(day)),
        )


def rejected_days() -> set[str]:
    return {str(day) for (day,) in fetch("select click_day from click_rejected")}


def test_refusals_of_day_31_are_dropped_and_those_of_day_30_stay(database: Any) -> None:
    rejected(45, 31, 30, 1)
    days, errors = privacy.drop_old_refusals()
    assert (days >= 2, errors) == (True, 0)
    assert rejected_days() == {str(days_ago(30)), str(days_ago(1))}
    assert privacy.drop_old_refusals() == (0, 0)


def test_dropping_refusals_that_dies_at_any_statement_is_finished_by_the_next(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, died = 0, True
    while died:
        number += 1
        rejected(31, 30)
        died = dying(number, privacy.drop_old_refusals, monkeypatch)
        privacy.drop_old_refusals()
        assert rejected_days() == {str(days_ago(30))}, f"statement {number}"
        assert f"click_rejected_{days_ago(31):%Y%m%d}" not in database.get_tables()
        execute("delete from click_rejected")


def test_settled_faults_of_day_181_are_deleted_live_and_archived_and_open_ones_stay(database: Any) -> None:
    old_days.make(181, 180, errors=("dismissed", "open"))
    old_days.make(182, errors=("dismissed",))
    run()
    privacy.drop_old_refusals()
    states = fetch("select click_day, state from click_error order by click_day, state")
    assert [(str(day), state) for day, state in states] == [
        (str(days_ago(181)), "open"), (str(days_ago(180)), "dismissed"), (str(days_ago(180)), "open"),
    ]  # fmt: skip
    assert (str(days_ago(182)), "click_error", "purged", 1, 0, 0) in old_days.remembered()
    assert old_days.archived()["click_error"] == []
    once = old_days.state()
    privacy.drop_old_refusals()
    assert old_days.state() == once


def test_an_archived_fault_that_came_late_is_kept_as_long_as_the_others(database: Any) -> None:
    old_days.make(182, errors=("dismissed", "replayed"))
    execute("update click_error set created_at = %s where state = 'replayed'", (old_days.moment(days_ago(170)),))
    run()
    privacy.drop_old_refusals()
    assert len(old_days.archived()["click_error"]) == 1
    assert (str(days_ago(182)), "click_error", "archived", 1, 0, 0) in old_days.remembered()
