"""Tests of writes shared between threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.ads.group_commit import CommitTimeout, GroupCommit


class Disk:
    """Remembers writes; waits at a gate, or fails, when told to."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.gate = threading.Event()
        self.gate.set()
        self.busy = threading.Event()
        self.fails = False

    def write(self, data: bytes) -> None:
        self.busy.set()
        assert self.gate.wait(60)
        if self.fails:
            raise OSError(5, "broken")
        self.writes.append(data)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def commits(disk: Disk) -> GroupCommit:
    return GroupCommit(disk.write)


def gathered(commits: GroupCommit, number: int) -> bool:
    """Whether so many threads wait for the next write."""
    for _ in range(12_000):
        forming = commits._forming
        if forming is not None and len(forming.parts) == number:
            return True
        threading.Event().wait(0.005)
    return False


def test_a_lone_thread_writes_at_once(commits: GroupCommit, disk: Disk) -> None:
    commits.append(b"a")
    commits.append(b"b")
    assert disk.writes == [b"a", b"b"]


def test_what_gathers_during_a_write_goes_in_one_write(commits: GroupCommit, disk: Disk) -> None:
    disk.gate.clear()
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(commits.append, b"1")
        assert disk.busy.wait(60)
        others = [pool.submit(commits.append, b"x") for _ in range(20)]
        assert gathered(commits, 20)
        disk.gate.set()
        for done in [first, *others]:
            done.result(60)
    assert disk.writes == [b"1", b"x" * 20]


def test_a_failed_write_fails_every_thread_of_its_group(commits: GroupCommit, disk: Disk) -> None:
    disk.gate.clear()
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(commits.append, b"1")
        assert disk.busy.wait(60)
        others = [pool.submit(commits.append, b"x") for _ in range(5)]
        assert gathered(commits, 5)
        disk.fails = True
        disk.gate.set()
        assert all(isinstance(done.exception(60), OSError) for done in [first, *others])


def test_after_a_failed_write_the_next_one_may_succeed(commits: GroupCommit, disk: Disk) -> None:
    disk.fails = True
    with pytest.raises(OSError, match="broken"):
        commits.append(b"a")
    disk.fails = False
    commits.append(b"b")
    assert disk.writes == [b"b"]


def test_nobody_waits_longer_than_allowed_behind_a_hanging_write(commits: GroupCommit, disk: Disk) -> None:
    disk.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(commits.append, b"1")
        assert disk.busy.wait(60)
        late = [pool.submit(commits.append, b"x", 0.05) for _ in range(3)]
        assert all(isinstance(done.exception(60), CommitTimeout) for done in late)
        disk.gate.set()
        first.result(60)
    commits.append(b"2")
    assert disk.writes[-1] == b"2"


def test_no_write_runs_while_paused(commits: GroupCommit, disk: Disk) -> None:
    with commits.paused(), pytest.raises(CommitTimeout):
        commits.append(b"a", 0.02)
    assert disk.writes == []


def test_a_writer_that_is_killed_mid_way_does_not_make_others_believe(disk: Disk) -> None:
    class Killed(BaseException):
        """Not an Exception, like the end of the interpreter."""

    def die(data: bytes) -> None:
        disk.write(data)
        raise Killed

    commits = GroupCommit(die)
    with pytest.raises(Killed):
        commits.append(b"a")
    disk.gate.clear()
    disk.busy.clear()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(commits.append, b"1")
        assert disk.busy.wait(60)
        others = [pool.submit(commits.append, b"x") for _ in range(2)]
        assert gathered(commits, 2)
        disk.gate.set()
        outcomes = {type(done.exception(60)) for done in [first, *others]}
    assert outcomes == {Killed, CommitTimeout}


def test_under_load_everything_is_written_once(commits: GroupCommit, disk: Disk) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: commits.append(b"%06d" % n), range(2000)))
    data = b"".join(disk.writes)
    assert sorted(data[i : i + 6] for i in range(0, len(data), 6)) == [b"%06d" % n for n in range(2000)]
