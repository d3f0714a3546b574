"""The load generator keeps its rate whatever the server does, and tells an answer from silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bench import load
from bench.journal import Journal, Record, read
from bench.load import Load, read_requests, write_requests
from bench.world import Visit

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
VISITS = [Visit(number, f"/r/{number}", f"11.0.0.{number}") for number in range(10)]


def answer(request: bytes) -> bytes:
    number = request.split()[1].removeprefix(b"/r/")
    return b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nLocation: https://shop.example/" + number + b"\r\n\r\n"


async def redirecting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while request := await reader.readuntil(b"\r\n\r\n"):
        writer.write(answer(request))


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def stalling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.2)
    writer.write(answer(request))


def run(serve: Serve, folder: Path, rate: float = 200) -> Record:
    ended: list[asyncio.Task[None]] = []

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        ended.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def story() -> None:
        async with await asyncio.start_server(guarded, "127.0.0.1", 0) as server:
            with Journal(folder / "journal") as journal:
                await Load(server.sockets[0].getsockname()[1], journal).run(VISITS, rate)
            await asyncio.gather(*ended)

    asyncio.run(story())
    return read(folder / "journal")


def test_every_answer_is_written_down_with_where_it_sends_the_visitor(tmp_path: Path) -> None:
    record = run(redirecting, tmp_path)
    assert {number: found.location for number, found in record.answers.items()} == {
        number: f"https://shop.example/{number}" for number in range(10)
    }


def test_a_connection_that_ends_without_an_answer_is_an_attempt_only(tmp_path: Path) -> None:
    record = run(hanging_up, tmp_path)
    assert (len(record.attempts), record.answers) == (10, {})
    assert set(record.failures.values()) == {"Refused"}


def test_a_connection_that_was_idle_for_long_is_not_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "IDLE_SECONDS", 0.0)

    async def once_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The server closes what is idle, just as the next visitor comes."""
        writer.write(answer(await reader.readuntil(b"\r\n\r\n")))
        await reader.read(1)

    assert len(run(once_only, tmp_path).answers) == len(VISITS)


def test_a_port_where_nobody_listens_is_an_attempt_only(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        asyncio.run(Load(1, journal).run(VISITS, 1000))
    record = read(tmp_path / "journal")
    assert (len(record.attempts), len(record.failures)) == (10, 10)


def test_a_slow_server_does_not_make_later_visitors_wait_for_earlier_ones(tmp_path: Path) -> None:
    everybody = asyncio.Barrier(len(VISITS))

    async def answering_when_all_are_there(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        await everybody.wait()
        writer.write(answer(request))

    assert len(run(answering_when_all_are_there, tmp_path).answers) == len(VISITS)


def test_latency_counts_from_the_moment_a_visit_is_due(tmp_path: Path) -> None:
    record = run(stalling, tmp_path)
    assert min(answer.latency for answer in record.answers.values()) >= 0.2


def test_saved_requests_read_back_as_they_were(tmp_path: Path) -> None:
    assert write_requests(tmp_path / "requests", VISITS) == 10
    assert list(read_requests(tmp_path / "requests")) == VISITS


@pytest.mark.parametrize("rate", [50, 500])
def test_no_visit_is_sent_before_it_is_due_at_the_rate_asked_for(tmp_path: Path, rate: float) -> None:
    times = sorted(run(redirecting, tmp_path, rate).attempts.values())
    assert all(at >= number / rate for number, at in enumerate(times))
