"""Who carries a plan out says honestly what was found, and puts a successor in place of whoever died."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from bench.chaos.nemesis import Nemesis
from bench.chaos.plan import Act, Do
from bench.chaos.reaper import Reaper
from bench.servers.kept import until
from bench.system import Process, System
from config.clock import monotonic

SERVE = ("0", "--bind", "127.0.0.1")


class FakeServer:
    """A server that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def stop(self) -> None:
        self.done.append("stop")

    def start(self) -> None:
        self.done.append("start")


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path / "logs", {}) as started:
        yield started


def start(system: System, name: str) -> Process:
    return system.start(name, *SERVE, module="http.server")


def test_a_killed_process_is_started_again_at_once_and_counted(system: System) -> None:
    first = start(system, "one")
    nemesis = Nemesis([Act(0.0, Do.KILL9, ("one",))], system, {}, lambda: 1.0)
    nemesis.start()
    nemesis.join()
    assert system.processes["one"].pid != first.pid
    assert system.alive("one")
    assert [(deed.do, deed.target, deed.found) for deed in nemesis.deeds] == [(Do.KILL9, "one", True)]


def test_a_kill_that_finds_no_process_is_not_counted_as_one(system: System) -> None:
    process = start(system, "one")
    process.child.kill()
    process.child.wait()
    nemesis = Nemesis([Act(0.0, Do.KILL9, ("one",))], system, {}, lambda: 1.0)
    nemesis.start()
    nemesis.join()
    assert [deed.found for deed in nemesis.deeds] == [False]


def test_servers_are_stopped_and_started_when_the_plan_says_so(system: System) -> None:
    server, zero = FakeServer(), monotonic()
    acts = [Act(0.0, Do.STOP, ("broker",)), Act(0.2, Do.START, ("broker",))]
    nemesis = Nemesis(acts, system, {"broker": server}, lambda: monotonic() - zero)
    nemesis.start()
    nemesis.join()
    assert server.done == ["stop", "start"]
    assert nemesis.deeds[1].t >= 0.2


def test_what_goes_wrong_in_carrying_out_is_raised_to_whoever_waits(system: System) -> None:
    nemesis = Nemesis([Act(0.0, Do.KILL9, ("nobody",))], system, {}, lambda: 1.0)
    nemesis.start()
    with pytest.raises(KeyError, match="nobody"):
        nemesis.join()


def test_each_planned_death_gets_a_successor_and_the_last_one_lives(system: System) -> None:
    begun: list[str] = []

    def worker(name: str, crash: str) -> Process:
        begun.append(crash)
        process = start(system, name)
        if crash:
            process.child.send_signal(signal.SIGKILL)
        return process

    acts = [Act(0.0, Do.CRASH, (window,)) for window in ("fetched:1", "decided:2")]
    reaper = Reaper(acts, ["one"], system, worker, lambda: 1.0)
    reaper.start()
    until(lambda: len(reaper.deeds) == 2, 60, lambda: AssertionError("the deaths did not happen"))
    reaper.join()
    assert [deed.target for deed in reaper.deeds] == ["fetched:1", "decided:2"]
    assert begun == ["fetched:1", "decided:2", ""]
    assert system.alive("one")


def test_deaths_that_come_late_are_waited_for(system: System) -> None:
    def worker(name: str, crash: str) -> Process:
        process = start(system, name)
        if crash:
            Timer(0.3, process.child.kill).start()
        return process

    acts = [Act(0.0, Do.CRASH, (window,)) for window in ("fetched:1", "decided:2")]
    reaper = Reaper(acts, ["one"], system, worker, lambda: 1.0)
    reaper.start()
    reaper.join()
    assert [deed.target for deed in reaper.deeds] == ["fetched:1", "decided:2"]
    assert system.alive("one")


def test_a_death_that_never_comes_is_not_waited_for_for_ever(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.chaos.reaper.PATIENCE_SECONDS", 0.1)
    begun: list[str] = []

    def worker(name: str, crash: str) -> Process:
        begun.append(crash)
        return start(system, name)

    reaper = Reaper([Act(0.0, Do.CRASH, ("fetched:1",))], ["one"], system, worker, lambda: 1.0)
    reaper.start()
    reaper.join()
    assert (reaper.deeds, begun) == ([], ["fetched:1", ""])


def test_a_worker_that_ends_in_any_other_way_is_a_failure_of_the_run(system: System) -> None:
    def worker(name: str, crash: str) -> Process:
        return system.start(name, "--no-such-option", module="http.server")

    reaper = Reaper([Act(0.0, Do.CRASH, ("fetched:1",))], ["one"], system, worker, lambda: 1.0)
    reaper.start()
    until(lambda: reaper.failure is not None, 60, lambda: AssertionError("the failure was not seen"))
    with pytest.raises(RuntimeError, match="ended by itself with 2"):
        reaper.join()
