"""Whole histories, end to end: whatever happens outside and to workers, in the end all of it is as it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests import search
from tests.conftest import SettingsEnv
from tests.worker.domains import critics
from tests.worker.domains.happenings import History
from tests.worker.domains.playhouse import opened

ACTS = 24
OUTAGE = (0, 5, 5, 20, 61, 125)
SETTINGS = (
    {"SWITCH_COOL_DOWN": "0", "MAX_SWITCHES_PER_DAY": "9"},
    {"SWITCH_COOL_DOWN": "120"},
    {"SWITCH_COOL_DOWN": "300"},
)
SEEDS = {"sqlite": search.seeds(1000, 2), "postgres": search.seeds(100, 1)}


def _stories() -> list[Any]:
    marks = {"sqlite": [], "postgres": [pytest.mark.postgresql]}
    return [pytest.param(engine, seed, marks=marks[engine]) for engine, seeds in SEEDS.items() for seed in seeds]


@pytest.mark.search
@pytest.mark.parametrize(("engine", "seed"), _stories())
def test_whatever_happens_it_ends_well(
    request: pytest.FixtureRequest, sandbox: Sandbox, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path, engine: str, seed: int,
) -> None:  # fmt: skip
    """A story is told again by its seed alone: `PROOF=1 pytest -k sqlite-17`."""
    request.getfixturevalue(f"{engine}_database")
    with opened(sandbox, settings_env, monkeypatch, tmp_path, seed, **SETTINGS[seed % 3]) as theatre:
        history = History(theatre)
        for _ in range(ACTS):
            print(theatre.seconds, history.happen())
            theatre.pass_time(theatre.random.choice(OUTAGE))
        theatre.wild = False
        theatre.pass_time(130)  # the leases of the dead run out, while what is down stays down
        history.heal()
        late = []
        for _ in range(5):
            theatre.pass_time(60)
            late += critics.behind(history)
        theatre.pass_time(600, step=10)
        print(theatre.ran, theatre.dead, theatre.deaths, sep="\n")
        assert [*theatre.wrong, *late, *critics.all_of(history)] == []
