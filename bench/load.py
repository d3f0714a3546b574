"""Open-model load: visitors arrive at a fixed rate whether or not earlier ones were answered, and keep a journal.

`python -m bench.load REQUESTS JOURNAL --port P --rate R`: one line `number path address` per request. Latency counts
from the moment a visit was due, so a server that stalls cannot hide it by making the generator wait.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.journal import Journal
from bench.world import BROWSER, Visit
from config.clock import monotonic

ANSWER_SECONDS = 10.0
IDLE_SECONDS = 2.0
"""How long a connection may have been idle: the server closes it some seconds later, perhaps just as it is used."""


class Refused(ConnectionError):
    """The connection ended, or could not be made, before the whole answer came."""


class Connection(asyncio.Protocol):
    """One keep-alive connection to the redirect; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._answer: asyncio.Future[tuple[int, str]] | None = None
        self.alive = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport, self.alive = transport, True

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and self._answer and not self._answer.done():
            status, headers = _parsed(head)
            if len(body) >= int(headers.get("content-length", "0")):
                self._received = b""
                self.alive = self.alive and headers.get("connection", "").lower() != "close"
                self._answer.set_result((status, headers.get("location", "")))

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if self._answer and not self._answer.done():
            self._answer.set_exception(Refused("closed"))

    async def get(self, path: str, address: str) -> tuple[int, str]:
        """Status and Location of the answer; raises Refused or TimeoutError."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        lines = (f"GET {path} HTTP/1.1", "Host: bench", f"User-Agent: {BROWSER}", f"X-Forwarded-For: {address}", "", "")
        self._transport.write("\r\n".join(lines).encode())
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._answer

    def close(self) -> None:
        """End the connection at once."""
        self.alive = False
        if self._transport:
            self._transport.abort()


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in headers}


class Load:
    """Sends visits when they are due, each on an idle connection or a new one."""

    def __init__(self, port: int, journal: Journal) -> None:
        self._port = port
        self._journal = journal
        self._idle: deque[tuple[Connection, float]] = deque()

    async def run(self, visits: Iterable[Visit], rate: float) -> None:
        """Send them all, `rate` per second; returns when each has ended one way or the other."""
        first = monotonic()
        async with asyncio.TaskGroup() as group:
            for place, visit in enumerate(visits):
                due = first + place / rate
                if (wait := due - monotonic()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(self._visit(visit, due))
        while self._idle:
            self._idle.popleft()[0].close()

    async def _visit(self, visit: Visit, due: float) -> None:
        self._journal.attempt(visit.number)
        try:
            connection = await self._connection()
            status, location = await self._ask(connection, visit)
        except (OSError, TimeoutError) as error:
            self._journal.lost_answer(visit.number, type(error).__name__)
        else:
            self._journal.ack(visit.number, status, location, monotonic() - due)

    async def _connection(self) -> Connection:
        while self._idle:
            connection, since = self._idle.pop()
            if connection.alive and monotonic() - since < IDLE_SECONDS:
                return connection
            connection.close()
        _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        return made

    async def _ask(self, connection: Connection, visit: Visit) -> tuple[int, str]:
        try:
            answer = await connection.get(visit.path, visit.address)
        except BaseException:
            connection.close()
            raise
        self._idle.append((connection, monotonic()))
        return answer


def write_requests(path: Path, visits: Iterable[Visit]) -> int:
    """Save one line per visit; how many."""
    lines = [f"{visit.number} {visit.path} {visit.address}\n" for visit in visits]
    path.write_text("".join(lines), encoding="ascii")
    return len(lines)


def read_requests(path: Path) -> Iterator[Visit]:
    """The visits that were saved."""
    with path.open(encoding="ascii") as file:
        for line in file:
            number, request, address = line.split()
            yield Visit(int(number), request, address)


def main() -> None:
    """Run the load named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("requests", type=Path)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    options = parser.parse_args()
    visits = list(read_requests(options.requests))
    gc.freeze()  # a full collection over a long list of visits would look like a slow server
    with Journal(options.journal) as journal:
        asyncio.run(Load(options.port, journal).run(visits, options.rate))


if __name__ == "__main__":
    main()
