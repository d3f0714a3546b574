"""Tests of the spool: nothing accepted is lost, nothing torn is passed on, whoever dies when."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.ads import spool_files
from core.ads.spool import Spool, SpoolFull, SpoolUnavailable


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path)
    yield made
    made.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Spool]:
    """A second process's view of the same directory; locks belong to open files, so one process can play two."""
    made = Spool(tmp_path)
    yield made
    made.close()


def line(number: int) -> bytes:
    return b'{"n":%d}' % number


def numbers(spool: Spool) -> list[int]:
    """Everything that can be taken over, in order, with its files deleted."""
    found = []
    for path in [*spool.own_files(), *spool.dead_files()]:
        claimed = spool.claim(path)
        assert claimed is not None
        found += [click["n"] for click in spool.read(claimed).clicks]
        spool.delete(claimed)
    return found


def test_appended_lines_read_back_in_order(spool: Spool) -> None:
    spool.append([line(1), line(2)])
    spool.append([line(3)])
    spool.rotate()
    assert numbers(spool) == [1, 2, 3]
    assert spool.depth() == (0, 0, 0)


def test_files_are_named_after_process_and_number_and_closed_to_others(spool: Spool, tmp_path: Path) -> None:
    spool.append([line(1)])
    (path,) = tmp_path.iterdir()
    assert path.name == f"clicks-{os.getpid()}-1.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_end_inside_a_line_is_refused(spool: Spool) -> None:
    with pytest.raises(ValueError, match="line end"):
        spool.append([b"{}\n{}"])


def test_the_depth_counts_files_bytes_and_clicks(spool: Spool) -> None:
    spool.append([line(1), line(2)])
    assert spool.depth() == (1, 16, 2)
    spool.rotate()
    spool.append([line(3)])
    assert spool.depth() == (2, 24, 3)


def test_a_file_is_rotated_before_it_grows_too_long(tmp_path: Path) -> None:
    spool = Spool(tmp_path, rotate_bytes=20)
    for number in range(5):
        spool.append([line(number)])
    assert sorted(path.stat().st_size for path in tmp_path.iterdir()) == [8, 16, 16]
    assert len(spool.own_files()) == 2
    spool.close()


def test_rotating_an_empty_spool_makes_no_file(spool: Spool) -> None:
    spool.rotate()
    assert spool.own_files() == []


def test_the_bound_holds_over_all_files_and_frees_with_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=20)
    spool.append([line(1), line(2)])
    with pytest.raises(SpoolFull):
        spool.append([line(3)])
    spool.rotate()
    assert numbers(spool) == [1, 2]
    spool.append([line(4)])
    spool.close()


def test_the_bound_counts_the_files_of_other_processes(spool: Spool, tmp_path: Path) -> None:
    spool.append([line(1), line(2)])
    late = Spool(tmp_path, max_bytes=20)
    with pytest.raises(SpoolFull):
        late.append([line(3)])


def test_a_missing_directory_is_unavailable(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "missing")
    with pytest.raises(SpoolUnavailable):
        spool.append([line(1)])
    with pytest.raises(SpoolUnavailable):
        spool.dead_files()
    assert spool.depth() == (0, 0, 0)


def test_a_directory_that_vanishes_under_an_open_file_is_unavailable(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    spool.append([line(1)])
    shutil.rmtree(tmp_path / "spool")
    with pytest.raises(SpoolUnavailable):
        spool.append([line(2)])
    spool.prepare()
    spool.append([line(3)])
    spool.close()
    assert numbers(Spool(tmp_path / "spool")) == [3]


def test_preparing_makes_the_directory(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a" / "b")
    spool.prepare()
    spool.prepare()
    assert (tmp_path / "a" / "b").is_dir()


def test_preparing_where_a_file_is_in_the_way_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolUnavailable):
        Spool(tmp_path / "file").prepare()


def test_files_of_a_living_process_are_not_dead(spool: Spool, other: Spool) -> None:
    spool.append([line(1)])
    spool.rotate()
    spool.append([line(2)])
    assert other.dead_files() == []
    assert spool.dead_files() == []


def test_a_file_of_a_living_process_cannot_be_claimed_by_another(spool: Spool, other: Spool, tmp_path: Path) -> None:
    spool.append([line(1)])
    (path,) = tmp_path.iterdir()
    assert other.claim(path) is None
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_being_written_cannot_be_claimed_by_its_own_process(spool: Spool, tmp_path: Path) -> None:
    spool.append([line(1)])
    (path,) = tmp_path.iterdir()
    assert spool.claim(path) is None


def test_the_files_of_a_closed_spool_are_dead_and_can_be_taken_over(spool: Spool, other: Spool) -> None:
    spool.append([line(1)])
    spool.rotate()
    spool.append([line(2)])
    spool.close()
    assert len(other.dead_files()) == 2
    assert sorted(numbers(other)) == [1, 2]


def test_a_claimed_file_is_nobody_elses(spool: Spool, other: Spool) -> None:
    spool.append([line(1)])
    spool.close()
    (path,) = other.dead_files()
    claimed = other.claim(path)
    third = Spool(other.directory)
    assert third.claim(path) is None
    assert third.dead_files() == []
    assert claimed is not None
    assert third.claim(claimed) is None


def test_of_many_claimers_one_gets_the_file(spool: Spool, tmp_path: Path) -> None:
    spool.append([line(1)])
    spool.close()
    (path,) = tmp_path.iterdir()
    claimers = [Spool(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = [claim for claim in pool.map(lambda each: each.claim(path), claimers) if claim is not None]
    assert len(taken) == 1
    assert spool_files.paths(tmp_path) == taken
    for each in claimers:
        each.close()


def test_a_released_file_can_be_claimed_again(spool: Spool) -> None:
    spool.append([line(1)])
    spool.rotate()
    (path,) = spool.own_files()
    claimed = spool.claim(path)
    assert claimed is not None
    assert spool.own_files() == []
    spool.release(claimed)
    assert spool.own_files() == [claimed]
    assert numbers(spool) == [1]


def test_a_claimer_that_goes_away_leaves_the_file_to_others(spool: Spool, other: Spool) -> None:
    spool.append([line(1)])
    spool.rotate()
    spool.claim(spool.own_files()[0])
    spool.close()
    assert numbers(other) == [1]


def test_a_file_of_an_earlier_life_with_the_same_pid_is_kept(tmp_path: Path) -> None:
    old = tmp_path / spool_files.name(os.getpid(), 1)
    old.write_bytes(line(1) + b"\n")
    spool = Spool(tmp_path)
    spool.append([line(2)])
    spool.rotate()
    assert sorted(numbers(spool)) == [1, 2]
    spool.close()


def test_closing_an_unused_spool_leaves_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_torn_lines_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clicks-1-1.jsonl"
    path.write_bytes(line(1) + b"\n" + b'{"n":2,"u' + b"\n[]\n\xff\n\n" + line(3) + b"\n" + b'{"n":4')
    assert spool_files.read(path) == ([{"n": 1}, {"n": 3}], 5)


def test_a_last_line_without_its_line_end_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "clicks-1-1.jsonl"
    path.write_bytes(line(1))
    assert spool_files.read(path) == ([{"n": 1}], 0)


def test_many_threads_lose_and_repeat_nothing(spool: Spool) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: spool.append([line(n)]), range(1000)))
    spool.rotate()
    assert sorted(numbers(spool)) == list(range(1000))


def test_waiting_threads_share_a_sync(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []

    def slow(descriptor: int) -> None:
        syncs.append(descriptor)
        threading.Event().wait(0.03)

    monkeypatch.setattr(os, "fsync", slow)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda n: spool.append([line(n)]), range(320)))
    assert len(syncs) < 160
    spool.rotate()
    assert len(numbers(spool)) == 320


def test_a_failed_sync_is_reported_and_its_file_not_used_again(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append([line(1)])

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(SpoolUnavailable):
            spool.append([line(2)])
    spool.append([line(3)])
    spool.rotate()
    assert len(spool.own_files()) == 2
    assert {1, 3} <= set(numbers(spool))


@contextmanager
def file_limit(most: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, as if the disk were full; nor may what the test run itself prints."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_cut_short_is_undone_and_the_next_line_is_whole(spool: Spool) -> None:
    with file_limit(100):
        spool.append([line(10)] * 10)
        with pytest.raises(SpoolFull):
            spool.append([b'{"n":11,"text":"much too long"}'])
        spool.append([line(12)])
        spool.close()
    assert numbers(Spool(spool.directory)) == [10] * 10 + [12]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(spool: Spool) -> list[int]:
    """Append until the disk is full; what was stored."""
    for number in range(10_000):
        try:
            spool.append([b'{"n":%d,"pad":"%s"}' % (number, b"x" * 500)])
        except SpoolFull:
            return list(range(number))
    raise AssertionError("the disk never filled up")


def test_a_full_disk_can_be_drained(small_disk: Path) -> None:
    spool = Spool(small_disk)
    stored = fill(spool)
    spool.rotate()
    assert numbers(spool) == stored
    spool.append([line(1)])
    spool.close()


def test_a_full_disk_is_told_and_leaves_no_torn_line(small_disk: Path) -> None:
    spool = Spool(small_disk)
    stored = fill(spool)
    spool.rotate()
    with pytest.raises(SpoolFull):
        spool.append([line(1)] * 1000)
    spool.close()
    late = Spool(small_disk)
    found = []
    for path in late.dead_files():
        clicks, torn = spool_files.read(path)
        assert torn == 0
        found += [click["n"] for click in clicks]
    assert found == stored


WRITER = """
import sys
from pathlib import Path
from core.ads.spool import Spool

spool = Spool(Path(sys.argv[1]), rotate_bytes=2000)
for number in range(1_000_000):
    spool.append([b'{"n":%d}' % number])
    print(number, flush=True)
"""


def test_a_killed_process_loses_nothing_it_had_acknowledged(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True, cwd=root
    ) as child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(500)]
        late = Spool(tmp_path)
        assert late.dead_files() == []
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(text) for text in child.stdout.read().split("\n")[:-1]]
    found = sorted(numbers(late))
    assert len(found) == len(set(found))
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) <= len(acknowledged) + 1
    assert late.depth() == (0, 0, 0)
