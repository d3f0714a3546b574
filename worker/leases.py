"""Consuming leased rows: who holds what, for how long, and how a delivery ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from threading import Lock
from typing import Any, Protocol

from dramatiq import Consumer, Message, MessageProxy
from dramatiq.errors import ActorNotFound, ConnectionClosed, DecodeError

from config.clock import monotonic, now
from models import dead_letters, queue
from models.database import DATABASE_DOWN, db
from models.dead_letters import Letter
from models.queue import Leased
from models.runtime import DeadReason

LEASE = timedelta(seconds=60)
RENEW_SECONDS = 20.0
POLL_SECONDS = 0.2


class Holder(Protocol):
    """What a consumer needs to know of its broker: the name on its leases, and the queues that are paused."""

    holder: str
    paused_queues: set[str]


class Held:
    """The rows of one queue in this process's hands; it outlives a consumer, because runs do too."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._lock = Lock()
        self._renewed_at = monotonic()

    def add(self, ids: Iterable[int]) -> None:
        with self._lock:
            self._ids.update(ids)

    def drop(self, ids: Iterable[int]) -> None:
        with self._lock:
            self._ids.difference_update(ids)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def renew(self, holder: str) -> None:
        """Keep all of them for longer, every now and then."""
        if monotonic() - self._renewed_at < RENEW_SECONDS:
            return
        with self._lock:
            ids = list(self._ids)
        queue.renew(ids, holder, now() + LEASE)
        self._renewed_at = monotonic()


class LeasedMessage(MessageProxy):
    """A message with the row it came from."""

    def __init__(self, message: Message[Any], leased: Leased, consumer: LeaseConsumer) -> None:
        super().__init__(message)
        self.row_id = leased.id
        self.body = leased.body
        self.redelivered = leased.deliveries > 1
        self.requeue = False
        self._consumer = consumer

    @property
    def exception(self) -> BaseException | None:
        """What the last run ended with."""
        return self._exception


class LeaseConsumer(Consumer):
    """Takes rows for a minute, keeps them while they are worked on, and gives back what was not begun."""

    alive = True  # a lease belongs to the process, so a delivery outlives the consumer that made it

    def __init__(self, broker: Holder, queue_name: str, prefetch: int, timeout: float, held: Held) -> None:
        self._broker, self.queue_name, self._prefetch = broker, queue_name, prefetch
        self._timeout = min(timeout, POLL_SECONDS)
        self._held = held
        self._signal = queue.signal(queue_name)
        self._waiting: deque[Leased] = deque()
        self.ticked_at = monotonic()

    def __next__(self) -> MessageProxy | None:
        self.ticked_at = monotonic()
        try:
            self._held.renew(self._broker.holder)
            seen = self._signal.count
            if self._paused() or not self._fill():
                self._signal.wait(seen, self._timeout)
                return None
            return self._proxy(self._waiting.popleft())
        except DATABASE_DOWN as error:
            raise ConnectionClosed(f"the embedded queue cannot be read ({type(error).__name__})") from error

    def _paused(self) -> bool:
        paused = self.queue_name in self._broker.paused_queues
        if paused:
            self._give_back_waiting()
        return paused

    def _fill(self) -> bool:
        room = self._prefetch - len(self._held)
        if not self._waiting and room > 0:
            leased = queue.lease(self.queue_name, self._broker.holder, room, now() + LEASE)
            self._held.add(row.id for row in leased)
            self._waiting.extend(leased)
        return bool(self._waiting)

    def _proxy(self, leased: Leased) -> MessageProxy | None:
        try:
            message: Message[Any] = Message.decode(leased.body)
        except DecodeError:
            letter = Letter(leased.message_id, 0, "", self.queue_name, leased.body, DeadReason.UNDECODABLE)
            self._bury(leased.id, letter)
            return None
        return LeasedMessage(message.copy(queue_name=self.queue_name), leased, self)

    def begin(self, message: Any) -> bool:
        """Note that a thread takes this message on; False, and the message goes back, if its queue is paused now."""
        if self.queue_name in self._broker.paused_queues:
            self.requeue([message])
        return message.row_id in self._held

    def ack(self, message: Any) -> None:
        """The work is done and committed: forget the row."""
        self._settle([message.row_id], lambda: queue.remove(message.row_id))

    def nack(self, message: Any) -> None:
        """The message is given up, or, with its `requeue` mark, wanted back."""
        if message.requeue:
            self.requeue([message])
        else:
            self._bury(message.row_id, _letter(message, self.queue_name))

    def requeue(self, messages: Iterable[Any]) -> None:
        """Give messages back at once, for whoever asks next."""
        self._give_back([message.row_id for message in messages])

    def close(self) -> None:
        """Give back what no worker thread has seen."""
        self._give_back_waiting()

    def _give_back_waiting(self) -> None:
        self._give_back([leased.id for leased in self._waiting])
        self._waiting.clear()

    def _give_back(self, ids: list[int]) -> None:
        if ids:
            self._settle(ids, lambda: queue.release(ids))

    def _bury(self, row_id: int, letter: Letter) -> None:
        def move() -> None:
            with db.atomic():
                dead_letters.bury(letter)
                queue.remove(row_id)

        self._settle([row_id], move)

    def _settle(self, ids: list[int], change: Callable[[], object]) -> None:
        """Change rows, then count them as gone; the library repeats what could not be stored."""
        if not any(row_id in self._held for row_id in ids):
            return  # given back before, so it is somebody else's by now
        try:
            change()
        except DATABASE_DOWN as error:
            raise ConnectionClosed(f"the embedded queue cannot be written ({type(error).__name__})") from error
        self._held.drop(ids)
        self._signal.give()


def _letter(message: Any, queue_name: str) -> Letter:
    error = message.exception
    attempt = int(message.options.get("attempt", 0))
    name = type(error).__name__ if error else None
    return Letter(message.message_id, attempt, message.actor_name, queue_name, message.body, _reason(error), name)


def _reason(error: BaseException | None) -> DeadReason:
    return DeadReason.UNKNOWN_ACTOR if isinstance(error, ActorNotFound) else DeadReason.EXHAUSTED
