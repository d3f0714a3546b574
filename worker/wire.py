"""The connection under the publisher: opens it, declares queues on it, writes to it, opens it again when it breaks."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any, Protocol

import pika
import structlog
from pika.adapters.select_connection import IOLoop, SelectConnection

from config.clock import now
from worker.queues import QueueType, declare

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
CLOSE_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Who is told what happens on the connection; every call comes from the loop's thread."""

    def opened(self) -> None: ...
    def lost(self, error: BaseException) -> None: ...
    def blocked_by_broker(self) -> None: ...
    def returned(self, tag: int) -> None: ...
    def confirmed(self, tag: int, multiple: bool, taken: bool) -> None: ...


class Wire:
    """A confirming channel that reconnects by itself; used from the thread of its loop only."""

    def __init__(
        self, parameters: Sequence[pika.connection.Parameters], kind: QueueType, loop: IOLoop, listener: Listener
    ) -> None:
        self._parameters = itertools.cycle(parameters)
        self._kind = kind
        self._loop = loop
        self._listener = listener
        self._connection: SelectConnection | None = None
        self._channel: Any = None
        self._declared: set[str] = set()
        self._may_declare = True
        self._tag = 0
        self._pause = FIRST_PAUSE
        self._closing = False

    @property
    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    @property
    def is_open(self) -> bool:
        """Whether a message can be written now."""
        return self._channel is not None and self._channel.is_open

    def connect(self) -> None:
        """Try the next address."""
        if self._closing:
            return
        self._connection = SelectConnection(
            next(self._parameters),
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_gone,
            on_close_callback=self._on_gone,
            custom_ioloop=self._loop,
        )
        self._connection.add_on_connection_blocked_callback(lambda *_: self._listener.blocked_by_broker())
        self._connection.add_on_connection_unblocked_callback(lambda *_: self._listener.opened())

    def send(self, queue: str, body: bytes, exchange: str = "") -> int:
        """Write one message and return its delivery tag on this connection.

        With the name of an exchange `queue` is the key of an event, which nobody needs to have subscribed to.
        """
        if exchange and exchange not in self._declared:
            self._declare_exchange(exchange)
        elif not exchange and queue not in self._declared:
            self._declare(queue)
        self._tag += 1
        properties = pika.BasicProperties(
            delivery_mode=2, timestamp=int(now().timestamp()), correlation_id=str(self._tag)
        )
        self._channel.basic_publish(exchange, queue, body, properties, mandatory=not exchange)
        return self._tag

    def forget(self, queue: str) -> None:
        """Declare this queue again before the next message for it."""
        self._declared.discard(queue)

    def close(self) -> None:
        """End the connection and the loop."""
        self._closing = True
        if self._connection is None or self._connection.is_closed:
            self._loop.stop()
        elif not self._connection.is_closing:
            self._connection.close()
        self._loop.call_later(CLOSE_SECONDS, self._loop.stop)  # a broker with an alarm does not even answer this

    def _declare(self, queue: str) -> None:
        # without waiting for an answer: the broker works in order, so the message meets a queue
        if self._may_declare:
            declare(self._channel, queue, self._kind)
        self._declared.add(queue)

    def _declare_exchange(self, exchange: str) -> None:
        if self._may_declare:
            self._channel.exchange_declare(exchange, exchange_type="topic", durable=True)
        self._declared.add(exchange)

    def _on_open(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._ready(channel))

    def _ready(self, channel: Any) -> None:
        self._channel, self._tag, self._declared = channel, 0, set()
        self._pause = FIRST_PAUSE
        self._listener.opened()

    def _on_return(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._listener.returned(int(properties.correlation_id))

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        self._listener.confirmed(method.delivery_tag, method.multiple, method.NAME == "Basic.Ack")

    def _on_channel_closed(self, channel: Any, reason: Exception) -> None:
        self._channel = None
        if getattr(reason, "reply_code", 0) == 406:
            # the queue exists with other arguments; it takes messages all the same, and `doctor` tells how to change it
            log.error("queue_arguments_differ", detail=str(getattr(reason, "reply_text", "")))
            self._may_declare = False
        if self._connection is not None and self._connection.is_open:
            self._connection.close()

    def _on_gone(self, connection: SelectConnection, error: BaseException) -> None:
        self._channel = None
        if self._closing:
            self._loop.stop()
            return
        self._listener.lost(error)
        self._loop.call_later(self._pause * random.uniform(0.5, 1.0), self.connect)  # noqa: S311  jitter, no secret
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
