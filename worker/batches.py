"""Merges click messages that wait while every thread is busy, so that a backlog is decided in large batches."""

from __future__ import annotations

from typing import Any

from dramatiq.broker import MessageProxy

from config.catalog import TASKS
from core.ads.clicks import MAX_BATCH
from worker.consumers import BoundConsumer

ONE, MANY = "process_click", "process_clicks"
QUEUE = TASKS[MANY].queue
# more would only wait in our memory; fewer would leave a thread idle between two batches
BUSY = 2
TICK = 0.02


class Batch(MessageProxy):
    """Several click messages as one; whatever ends it ends its parts."""

    def __init__(self, parts: list[Any]) -> None:
        first = parts[0]
        clicks = [click for part in parts for click in clicks_of(part)]
        super().__init__(first._message.copy(actor_name=MANY, args=(), kwargs={"clicks": clicks}))
        self.parts = parts
        self.redelivered = False
        self.requeue = False
        self._tag = first._tag
        self._consumer = first._consumer


class BatchConsumer(BoundConsumer):
    """Hands out at most two batches at a time; what arrives meanwhile is the next one, without any timer.

    A message that was delivered before stays alone: if it ends a worker, it takes no neighbours into quarantine.
    """

    def __init__(self, broker: Any, queue_name: str, prefetch: int, timeout: int) -> None:
        self._carried: Any = None
        self._out: set[int] = set()
        super().__init__(broker, queue_name, prefetch, timeout)

    def __next__(self) -> Any:
        if len(self._out) >= BUSY and self.queue_name not in self.broker.paused_queues:
            self._idle()
            if self.queue_name not in self.broker.paused_queues:
                return None
        first, self._carried = self._carried or super().__next__(), None
        if first is None or self.queue_name in self.broker.paused_queues:
            self._carried = first
            return None if first is None else super().__next__()
        message = self._gather(first) if is_mergeable(first) else first
        self._out.add(message._tag)
        return message

    def _idle(self) -> None:
        """Serve heartbeats and acknowledgements, and let messages gather."""
        self._guarded(lambda: self.connection.process_data_events(time_limit=TICK))

    def _gather(self, first: Any) -> Any:
        parts, clicks = [first], len(clicks_of(first))
        while clicks < MAX_BATCH and (part := self._waiting()) is not None:
            if not is_mergeable(part) or clicks + len(clicks_of(part)) > MAX_BATCH:
                self._carried = part
                break
            parts.append(part)
            clicks += len(clicks_of(part))
        return Batch(parts) if len(parts) > 1 else first

    def _waiting(self) -> Any:
        """The next message that is here already, None if there is none."""
        if not self.channel.get_waiting_message_count():
            self._guarded(lambda: self.connection.process_data_events(time_limit=0))
        return super().__next__() if self.channel.get_waiting_message_count() else None

    def _step_back(self) -> None:
        if self._carried is not None:
            carried, self._carried = self._carried, None
            self._give_back(carried)
        super()._step_back()

    def _settle(self, message: Any, answer: Any) -> None:
        try:
            for part in getattr(message, "parts", (message,)):
                super()._settle(part, answer)
        finally:
            self._out.discard(message._tag)


def clicks_of(message: Any) -> list[Any]:
    """The clicks of a message as a list."""
    kwargs = message.kwargs
    return [kwargs["click"]] if message.actor_name == ONE else list(kwargs["clicks"])


def is_mergeable(message: Any) -> bool:
    """Whether a message is nothing but clicks, delivered for the first time."""
    if message.redelivered or message.args or message.options.get("attempt"):
        return False
    if message.actor_name == ONE:
        return set(message.kwargs) == {"click"}
    clicks = message.kwargs.get("clicks")
    return message.actor_name == MANY and set(message.kwargs) == {"clicks"} and isinstance(clicks, list)
