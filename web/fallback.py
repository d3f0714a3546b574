"""Clicks that could not be published: processed here, group by group, or written to the spool."""

from __future__ import annotations

import threading

import structlog

from web.background import Background
from web.inline import Inline
from web.spooling import Spooling
from web.tickets import Path, Ticket, settle_all, take_group

RETRY_SECONDS = 0.05
log = structlog.get_logger(__name__)


class Fallback:
    """One thread that processes fallen clicks inline; `waiting_max` keeps request threads free for the spool's pace."""

    def __init__(self, inline: Inline, spooling: Spooling, *, waiting_max: int = 16) -> None:
        self._inline = inline
        self._spooling = spooling
        self._waiting_max = waiting_max
        self._lock = threading.Lock()
        self._fallen: list[Ticket] = []
        self._thread = Background("gate-fallback", self._run)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what has fallen, then end."""
        self._thread.stop()

    def can_spool(self) -> bool:
        """True while lines can be written, so that nobody needs to wait for anything else."""
        return self._spooling.healthy()

    def take_over(self, tickets: list[Ticket]) -> bool:
        """Accept clicks for inline processing; False if they had better be spooled at once."""
        if self.can_spool() and not (self._inline.ready() and len(self._fallen) < self._waiting_max):
            return False
        self.take_back(tickets)
        return True

    def take_back(self, tickets: list[Ticket]) -> None:
        """Accept clicks whose publish failed."""
        with self._lock:
            self._fallen.extend(tickets)
        self._thread.wake()

    def spool(self, ticket: Ticket) -> Path:
        """Write one click to the spool, in the thread of its request."""
        return Path.SPOOL if self._spooling.append([ticket.body]) else Path.NONE

    def rescue(self, ticket: Ticket) -> Path:
        """Spool a click that waited in vain; its group may still be confirmed, which its id makes harmless."""
        path = self.spool(ticket)
        ticket.gone = True
        return path if path is Path.SPOOL else ticket.path

    def _run(self) -> None:
        self._inline.enter_thread()
        while not self._thread.stopping or self._fallen:
            self._thread.sleep()
            while group := self._next_group():
                self._handle(group)

    def _next_group(self) -> list[Ticket]:
        if self._fallen and not self._thread.stopping:
            self._inline.pause()
        with self._lock:
            self._fallen = [ticket for ticket in self._fallen if not ticket.gone]
            return take_group(self._fallen)

    def _handle(self, group: list[Ticket]) -> None:
        if self._inline.process([ticket.body for ticket in group]):
            settle_all(group, Path.INLINE)
        elif self._spooling.append([ticket.body for ticket in group if not ticket.gone]):
            settle_all(group, Path.SPOOL)
        elif self._thread.stopping:
            settle_all(group, Path.NONE)
        else:
            self._try_again(group)

    def _try_again(self, group: list[Ticket]) -> None:
        """Without a spool the request goes on waiting, so there is time for another attempt."""
        with self._lock:
            self._fallen[:0] = group
        self._thread.wake()
        threading.Event().wait(RETRY_SECONDS)
