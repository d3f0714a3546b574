"""Random histories of switches, faults, crashes and lost messages: at rest Voluum shows what is active."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from integrations.http import Client
from models.database import execute, fetch
from tests.worker.domains.campaigns import ALL, Stage, step
from tests.worker.domains.places import Open

FAULTS: tuple[dict[str, Any], ...] = (
    {"type": "commit_then_drop"}, {"type": "drop"}, {"type": "reset"}, {"type": "garbage"}, {"type": "html"},
    {"type": "truncate"}, {"type": "status", "status": 500}, {"type": "status", "status": 503},
    {"type": "status", "status": 401},
)  # fmt: skip


class Gone(Exception):
    """The process is gone."""


@pytest.fixture
def stage(sqlite_database: Any, open_stage: Open, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("integrations.breaker.FIRST_PAUSE", 0.0)  # it would wait by a clock that the test cannot move
    with open_stage() as found:
        yield found


@pytest.mark.parametrize("seed", [1, 2, 3, 182, 189, 193])
def test_p6_p7_whatever_happens_the_newest_switch_has_the_last_word(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random, story, began = Random(seed), [stage.switch()], [0]

    def switch() -> None:
        began.append(len(stage.writes()))
        story.append(stage.switch())

    for _ in range(14):
        act = random.choice(("switch", "fault", "fault", "wait", "lose", "crash", "edit", "overtake"))
        if act == "switch":
            switch()
        elif act == "fault":
            stage.fault(random.choice(FAULTS), path=random.choice(("/campaign/*", "/campaign", "*")), times=3)
        elif act == "lose":
            stage.lose_messages()
        elif act == "edit":
            stage.sandbox.edit_later("voluum", random.choice(ALL), "between_get_and_put", tags=[str(random.random())])
        deeds = {"crash": _die, "overtake": switch}
        _work(stage, monkeypatch, random, deeds.get(act))
    stage.sandbox.control("DELETE", "faults")
    for _ in range(8):
        _work(stage, monkeypatch, random, None, seconds=60)
    active = _targets()
    assert step(story[-1])["state"] == "done"
    assert stage.shown(*ALL) == [active[story[-1]]] * 3
    writes = [domain for _, domain in stage.writes()]
    for place, made in enumerate(story):
        end = began[place + 1] if place + 1 < len(story) else len(writes)
        assert set(writes[began[place] : end]) <= {active[made]}


def _die() -> None:
    raise Gone


def _work(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, random: Random, deed: Callable[[], None] | None, seconds: float = 0
) -> None:
    """Some time goes by; the deed comes in the middle of the work, before some call but never right before a write."""
    real, left = Client.call, [random.randrange(1, 20)]

    def call(self: Client, method: str, *args: Any, **options: Any) -> Any:
        left[0] -= 1
        if deed and left[0] <= 0 and method != "PUT":
            left[0] = 1000
            deed()
        return real(self, method, *args, **options)

    execute("delete from rate_bucket where service = 'voluum'")
    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", call)
        try:
            stage.pass_time(seconds or random.choice((0, 3, 20, 61)))
            stage.sweep()
        except Gone:
            pass


def _targets() -> dict[int, str]:
    return dict(fetch("select s.id, d.name from domain_switch s join tracking_domain d on d.id = s.to_domain_id"))
