"""Writers that are overtaken or die: the newest switch has the last word at Voluum, and the rows say what is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.domains import platforms, steps, voluum_step
from integrations.http import Client
from models.database import fetch
from models.domain_states import Step
from tests.worker.domains.campaigns import ALL, A, B, C, Stage, items, step
from worker.domains.voluum import update_voluum_campaigns
from worker.failures import Busy


def test_a20_when_a_second_switch_comes_the_first_writes_no_more_and_all_ends_on_the_newest(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older writer stands still between its reading and its writing."""
    older = stage.switch()
    newer: list[int] = []
    _after_reading(monkeypatch, lambda: newer.append(stage.switch()))
    stage.work()
    assert (step(older)["state"], step(newer[0])["state"]) == ("superseded", "done")
    assert stage.writes() == [(each, C) for each in ALL]
    assert stage.shown(*ALL) == [C] * 3
    assert set(items(older).values()) == {"superseded"}


def _after_reading(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Let something happen once, between the second reading of an object and its writing."""
    real: Any = Client.call
    seen: list[str] = []

    def call(self: Client, method: str, path: str, **options: Any) -> Any:
        reply = real(self, method, path, **options)
        if method == "GET" and path.startswith("/campaign/"):
            seen.append(path)
            if len(seen) == 2:
                then()
        return reply

    monkeypatch.setattr(Client, "call", call)


def test_a_write_that_was_frozen_until_a_newer_switch_was_done_is_put_right_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen after the question and before the write, for longer than its lease: nothing can stop that write."""
    older = stage.switch()
    newer: list[int] = []
    real = Client.call

    def call(self: Client, method: str, path: str, **options: Any) -> Any:
        if method == "PUT" and not newer:
            monkeypatch.setattr(Client, "call", real)
            stage.shift(timedelta(seconds=61))
            newer.append(stage.switch())
            platforms._voluum.cache_clear()  # the newer one runs in another process
            stage.work()
            assert stage.shown(*ALL) == [C] * 3
        return real(self, method, path, **options)

    monkeypatch.setattr(Client, "call", call)
    stage.work()
    assert stage.shown(*ALL) == [C] * 3
    assert step(newer[0])["state"] == "done"
    assert [domain for _, domain in stage.writes()] == [C, C, C, B, C]
    assert step(older)["state"] == "superseded"


def test_a_newer_switch_waits_for_the_lease_of_the_older_one(stage: Stage) -> None:
    older = stage.switch()
    held = steps.claim(older, Step.VOLUUM)
    newer = stage.switch()
    with pytest.raises(Busy) as busy:
        update_voluum_campaigns(newer)
    assert held is not None
    assert 59 < busy.value.seconds <= 60
    assert stage.work() == ["update_voluum_campaigns"] * 2
    assert stage.pass_time(60.5) == ["update_voluum_campaigns"]
    assert (step(newer)["state"], stage.shown(*ALL)) == ("done", [C] * 3)


class Crash(Exception):
    """The process is gone."""


def _crash_at(monkeypatch: pytest.MonkeyPatch, wanted: int) -> None:
    """Let the process die before or after the n-th call to Voluum or transaction of the step."""
    count = [0]

    def deadly(real: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            count[0] += 2
            mine = count[0]
            if mine == wanted:
                raise Crash
            result = real(*args, **options)
            if mine + 1 == wanted:
                raise Crash
            return result

        return call

    monkeypatch.setattr(Client, "call", deadly(Client.call))
    for module in (voluum_step, steps):
        monkeypatch.setattr(module, "transaction", deadly(module.transaction))


def test_wherever_the_worker_dies_the_next_one_brings_voluum_and_the_database_together(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.campaign("three", domain="stranger.example")
    two = ALL[:2]
    domain, point, crashed = A, 2, True
    while crashed:
        stage.campaign(*two, domain=domain)
        stage.sandbox.control("DELETE", "journal")
        switch = stage.switch()
        with monkeypatch.context() as patch:
            _crash_at(patch, point)
            crashed = _dies(stage)
        if crashed:
            stage.shift(timedelta(seconds=61))
            stage.sweep()
        domain = _active()
        assert stage.shown(*two) == [domain] * 2, point
        assert (step(switch)["state"], set(items(switch).values()) <= {"verified", "skipped"}) == ("done", True), point
        assert sorted(stage.writes()) == sorted((each, domain) for each in two), point
        point += 1
    assert point > 20


def _dies(stage: Stage) -> bool:
    try:
        stage.work()
    except Crash:
        return True
    return False


def _active() -> str:
    rows = fetch(
        "select d.name from pipeline_domain p join tracking_domain d on d.id = p.domain_id where p.role = 'active'"
    )
    return str(rows[0][0])
