"""Visits on an event loop: the same guide and gate, but a click that waits costs no thread."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from web.click import Visit
from web.guide import Guide
from web.intake import Intake
from web.tickets import Path, Ticket

SWEEP_SECONDS = 0.01
Given = TypeVar("Given")
Gained = TypeVar("Gained")
_NAMES = {
    "user-agent": "HTTP_USER_AGENT",
    "referer": "HTTP_REFERER",
    "accept-language": "HTTP_ACCEPT_LANGUAGE",
    "host": "HTTP_HOST",
    "cookie": "HTTP_COOKIE",
    "x-forwarded-for": "HTTP_X_FORWARDED_FOR",
    "sec-fetch-mode": "HTTP_SEC_FETCH_MODE",
    "sec-purpose": "HTTP_SEC_PURPOSE",
    "purpose": "HTTP_PURPOSE",
    "x-purpose": "HTTP_X_PURPOSE",
    "x-moz": "HTTP_X_MOZ",
}


def environ_of(scope: Any) -> dict[str, Any]:
    """What we read of a request, in WSGI's spelling; a repeated header is one list, as the standard says."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "QUERY_STRING": scope.query_string,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
    }
    for name, value in scope.headers.items():
        key = _NAMES.get(name)
        if key is not None:
            environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ', '}{value}" if key in environ else value
    return environ


class Mailbox:
    """Carries answers from other threads to the loop; however many gather, the loop is woken once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._settled: deque[LoopTicket] = deque()
        self._lock = threading.Lock()
        self._awake = False

    def put(self, ticket: LoopTicket) -> None:
        """From any thread: this ticket is settled."""
        with self._lock:
            self._settled.append(ticket)
            wakes, self._awake = not self._awake, True
        if wakes:
            self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            settled, self._settled, self._awake = self._settled, deque(), False
        for ticket in settled:
            ticket.resolve(True)


class Patience:
    """Ends waits that took too long; one timer for all of them, because a timer per click costs more than its hash."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._waiting: deque[tuple[float, LoopTicket]] = deque()

    def watch(self, ticket: LoopTicket) -> None:
        """From now on this ticket's wait is bounded."""
        self._waiting.append((self._loop.time() + self._seconds, ticket))
        if len(self._waiting) == 1:
            self._loop.call_later(self._seconds, self._sweep)

    def _sweep(self) -> None:
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            self._waiting.popleft()[1].resolve(False)
        if self._waiting:
            self._loop.call_at(max(self._waiting[0][0], now + SWEEP_SECONDS), self._sweep)


class LoopTicket(Ticket):
    """A ticket whose request is a coroutine."""

    __slots__ = ("_mailbox", "arrived")

    def __init__(self, body: bytes, mailbox: Mailbox) -> None:
        self.body = body
        self.path = Path.NONE
        self.gone = False
        self.arrived: asyncio.Future[bool] = mailbox.loop.create_future()
        self._mailbox = mailbox

    def settle(self, path: Path) -> None:
        self.path = path
        self._mailbox.put(self)

    def resolve(self, in_time: bool) -> None:
        """On the loop: let the coroutine go on."""
        if not self.arrived.done():
            self.arrived.set_result(in_time)


class Rsgi:
    """Leads visits on one loop; what may wait for a disk or a database goes to a few threads."""

    def __init__(self, guide: Guide, intake: Intake, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        self._guide = guide
        self._gate = intake.gate
        self._fallback = intake.fallback
        self._loop = loop
        self._mailbox = Mailbox(loop)
        self._patience = Patience(loop, intake.gate.patience)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="redirect")

    async def lead(self, environ: dict[str, Any], token: str) -> Visit:
        """One visit, from the request to the destination."""
        visit = self._guide.open(environ, token)
        if self._guide.must_ask(visit):
            await self._in_thread(self._guide.aim, visit)
        else:
            self._guide.aim(visit)
        self._guide.end(visit, await self._hand_over(visit.body) if visit.body else Path.NONE)
        return visit

    async def _hand_over(self, body: bytes) -> Path:
        ticket = LoopTicket(body, self._mailbox)
        if not self._gate.enter(ticket):
            return await self._in_thread(self._fallback.spool, ticket)
        self._patience.watch(ticket)
        if await ticket.arrived:
            return ticket.path
        return await self._in_thread(self._fallback.rescue, ticket)

    async def _in_thread(self, work: Callable[[Given], Gained], argument: Given) -> Gained:
        return await self._loop.run_in_executor(self._threads, work, argument)
