"""Which requests a fault rule hits."""

from __future__ import annotations

from sandbox.server import Sandbox
from tests.sandbox.clients import ask

BUSY = {"type": "status", "status": 503}


def statuses(sandbox: Sandbox, count: int, path: str = "/adload/totals?day=2026-11-20") -> list[int]:
    return [ask(sandbox, "GET", path).status for _ in range(count)]


def test_a_rule_skips_the_first_matches_and_ends_after_its_times(sandbox: Sandbox) -> None:
    sandbox.fault("adload", BUSY, after=1, times=2)
    assert statuses(sandbox, 5) == [200, 503, 503, 200, 200]


def test_the_first_rule_that_fires_wins_and_a_spent_one_makes_room(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "status", "status": 500}, times=1)
    sandbox.fault("adload", BUSY)
    assert statuses(sandbox, 2) == [500, 503]


def test_a_rule_matches_the_method_and_a_glob_below_the_prefix(sandbox: Sandbox) -> None:
    sandbox.fault("adload", BUSY, match={"method": "GET", "path": "/campaigns/*/offers"})
    assert statuses(sandbox, 1, "/adload/campaigns/x/offers") == [503]
    assert statuses(sandbox, 1, "/adload/campaigns/x") == [404]
    assert ask(sandbox, "PUT", "/adload/campaigns/x/offers").status == 404


def test_probability_is_seeded(sandbox: Sandbox) -> None:
    with Sandbox() as twin:
        for each in (sandbox, twin):
            each.fault("adload", BUSY, probability=0.5)
        drawn = statuses(sandbox, 30)
        assert set(drawn) == {200, 503}
        assert drawn == statuses(twin, 30)


def test_another_seed_draws_otherwise(sandbox: Sandbox) -> None:
    with Sandbox(seed=2) as other:
        for each in (sandbox, other):
            each.fault("adload", BUSY, probability=0.5)
        assert statuses(sandbox, 30) != statuses(other, 30)


def test_the_list_counts_matches_and_hits(sandbox: Sandbox) -> None:
    rule_id = sandbox.fault("adload", BUSY, times=1)
    statuses(sandbox, 3)
    [listed] = sandbox.control("GET", "faults")["faults"]
    assert (listed["id"], listed["seen"], listed["fired"]) == (rule_id, 3, 1)
    assert listed["action"]["type"] == "status"


def test_a_removed_rule_no_longer_acts(sandbox: Sandbox) -> None:
    gone, kept = sandbox.fault("adload", {"type": "status", "status": 500}), sandbox.fault("adload", BUSY)
    assert ask(sandbox, "DELETE", f"/_sandbox/faults/{gone}").status == 204
    assert statuses(sandbox, 1) == [503]
    assert kept == sandbox.control("GET", "faults")["faults"][0]["id"]


def test_all_rules_can_be_removed_at_once(sandbox: Sandbox) -> None:
    sandbox.fault("adload", BUSY)
    sandbox.control("DELETE", "faults")
    assert statuses(sandbox, 1) == [200]


def test_the_control_plane_is_never_disturbed(sandbox: Sandbox) -> None:
    sandbox.fault("adload", {"type": "drop"})
    assert ask(sandbox, "GET", "/_sandbox/state/adload").status == 200
