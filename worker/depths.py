"""How many messages are ready in a queue of RabbitMQ, asked on a connection that is opened when it is needed."""

from __future__ import annotations

import pika
import pika.exceptions

from config.clock import monotonic
from worker.roles import BROKER_DOWN, connect

_FRESH_SECONDS = 1.0
UNKNOWN = 1_000_000_000


class Depths:
    """Ready messages by queue, at most a second old; not for use by several threads."""

    def __init__(self, parameters: list[pika.connection.Parameters]) -> None:
        self._parameters = parameters
        self._connection: pika.BlockingConnection | None = None
        self._seen: dict[str, tuple[float, int]] = {}

    def __call__(self, queue: str) -> int:
        """The number; 0 for a queue that does not exist yet, a very large one while the broker does not answer."""
        at, depth = self._seen.get(queue, (-_FRESH_SECONDS, 0))
        if monotonic() - at >= _FRESH_SECONDS:
            depth = self._ask(queue)
            self._seen[queue] = monotonic(), depth
        return depth

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.is_open:
            connection.close()

    def _ask(self, queue: str) -> int:
        try:
            return self._declare_passively(queue)
        except pika.exceptions.ChannelClosedByBroker:
            return 0
        except BROKER_DOWN:
            self._connection = None
            return UNKNOWN

    def _declare_passively(self, queue: str) -> int:
        if self._connection is None or not self._connection.is_open:
            self._connection = connect(self._parameters)
        with self._connection.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)
