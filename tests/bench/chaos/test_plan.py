"""A plan is made from its seed before the run and contains exactly the faults that were ordered."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench.chaos import plan
from bench.chaos.plan import Act, Do

WORKERS = ("worker-1", "worker-2")


def test_the_same_seed_makes_the_same_plan_and_another_seed_another() -> None:
    first = plan.kills(7, 50, 60, WORKERS)
    assert plan.kills(7, 50, 60, WORKERS) == first
    assert plan.kills(8, 50, 60, WORKERS) != first


def test_a_plan_holds_exactly_the_kills_that_were_ordered() -> None:
    acts = plan.kills(1, 201, 60, WORKERS, together_every=5)
    assert sum(len(act.targets) for act in acts) == 201


def test_targets_take_turns_and_now_and_then_all_die_together() -> None:
    acts = plan.kills(1, 120, 60, WORKERS, together_every=5)
    groups = Counter(act.targets for act in acts)
    assert groups[WORKERS] == 20
    assert groups["worker-1",] + groups["worker-2",] == 80
    assert abs(groups["worker-1",] - groups["worker-2",]) <= 2


def test_kills_are_spread_over_the_whole_load_in_order() -> None:
    times = [act.t for act in plan.kills(3, 40, 80, WORKERS)]
    assert times == sorted(times)
    assert all(2 * place <= t < 2 * (place + 1) + 0.001 for place, t in enumerate(times))


def test_an_outage_ends_in_the_reverse_order_of_its_beginning() -> None:
    assert plan.outage(3, 30, ("broker", "database")) == [
        Act(3, Do.STOP, ("broker", "database")),
        Act(33, Do.START, ("database", "broker")),
    ]


def test_a_saved_plan_reads_back_as_it_was(tmp_path: Path) -> None:
    acts = plan.kills(7, 5, 10, WORKERS, together_every=2)
    plan.save(tmp_path / "plan.json", 7, acts)
    assert plan.load(tmp_path / "plan.json") == acts
