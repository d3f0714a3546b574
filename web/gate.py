"""The way of a click out of this process: shared confirmed publishes, and the fallbacks when the broker is sick."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

import structlog

from config.clock import monotonic
from web.breaker import SLOW_SECONDS, Breaker, State
from web.envelope import QUEUE, message
from web.fallback import Fallback
from web.tickets import Path, Ticket, settle_all, take_group

FORMING_MAX = 5000
PATIENCE = 0.1
CONFIRM_DEADLINE = 1.0
log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """What the gate needs of a broker: a publish whose future is done when the broker has the message safely."""

    def publish(self, queue: str, body: bytes, deadline: float) -> Future[Any]:
        """Publish within `deadline` seconds; the future, or this call, fails when that is not possible."""


class Gate:
    """While one publish is under way the next group gathers: no timer, one confirm at idle, larger groups under load.

    Requests wait `patience` seconds for their group; whoever waited in vain spools the click itself.
    """

    def __init__(
        self, publisher: Publisher, fallback: Fallback, breaker: Breaker, *, patience: float = PATIENCE
    ) -> None:
        self._publisher = publisher
        self._fallback = fallback
        self._breaker = breaker
        self.patience = patience
        self._lock = threading.Lock()
        self._forming: list[Ticket] = []
        self._flight_since: float | None = None

    def hand_over(self, body: bytes) -> Path:
        """Make one encoded click safe; how that was done, NONE if it was not."""
        ticket = Ticket(body)
        if not self.enter(ticket):
            return self._fallback.spool(ticket)
        return ticket.path if ticket.wait(self.patience) else self._fallback.rescue(ticket)

    def enter(self, ticket: Ticket) -> bool:
        """Let a click take part; False if it had better be spooled at once. Never waits."""
        with self._lock:
            group = self._board(ticket)
        if group is None:
            return self._fallback.take_over([ticket])
        if group:
            self._send(group)
        return True

    def _board(self, ticket: Ticket) -> list[Ticket] | None:
        """Under the lock: the group to publish now, empty if the click gathers for the next, None if it must not."""
        if self._flight_since is not None:
            return self._gather(ticket)
        if not self._breaker.allows():
            return None
        self._flight_since = monotonic()
        if not self._forming:
            return [ticket]
        self._forming.append(ticket)
        return take_group(self._forming)

    def _gather(self, ticket: Ticket) -> list[Ticket] | None:
        if self._breaker.state is not State.CLOSED or len(self._forming) >= FORMING_MAX or self._is_late():
            return None
        self._forming.append(ticket)
        return []

    def _is_late(self) -> bool:
        """Whether the publish under way is overdue, so that waiting behind it would only hold up the visitor."""
        since = self._flight_since
        return since is not None and monotonic() - since > PATIENCE and self._fallback.can_spool()

    def _send(self, group: list[Ticket]) -> None:
        """Publish groups one after another; goes on in the thread of the confirm, or here if that came at once."""
        while group:
            future = self._publish(group)
            if not future.done():
                future.add_done_callback(partial(self._continue, group))
                return
            group = self._landed(group, future)

    def _publish(self, group: list[Ticket]) -> Future[Any]:
        try:
            return self._publisher.publish(QUEUE, message([ticket.body for ticket in group]), CONFIRM_DEADLINE)
        except Exception as error:  # noqa: BLE001  any failure to publish has one answer: the group falls back
            refused: Future[Any] = Future()
            refused.set_exception(error)
            return refused

    def _continue(self, group: list[Ticket], future: Future[Any]) -> None:
        self._send(self._landed(group, future))

    def _landed(self, group: list[Ticket], future: Future[Any]) -> list[Ticket]:
        """Settle a published group; the next one, if there is one to publish."""
        error = future.exception()
        seconds = monotonic() - (self._flight_since or 0.0)
        if error is None:
            self._breaker.succeeded(seconds)
            settle_all(group, Path.QUEUE)
        else:
            self._fell(group, seconds, error)
        with self._lock:
            return self._next_group()

    def _fell(self, group: list[Ticket], seconds: float, error: BaseException) -> None:
        log.warning(
            "click_group_not_published", clicks=len(group), seconds=round(seconds, 3), error=type(error).__name__
        )
        if seconds >= SLOW_SECONDS:
            self._breaker.trip()
        else:
            self._breaker.failed()
        self._fallback.take_back(group)

    def _next_group(self) -> list[Ticket]:
        self._flight_since = None
        self._forming = [ticket for ticket in self._forming if not ticket.gone]
        if not self._forming:
            return []
        if not self._breaker.allows():
            self._fallback.take_back(self._forming)
            self._forming = []
            return []
        self._flight_since = monotonic()
        return take_group(self._forming)
