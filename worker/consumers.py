"""Consuming from RabbitMQ: an acknowledgement belongs to the connection that delivered the message, to no other."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from functools import partial
from typing import Any

import pika.exceptions
import structlog
from dramatiq.brokers.rabbitmq import _RabbitmqConsumer
from dramatiq.common import current_millis
from dramatiq.errors import BrokerConnectionError, ConnectionClosed

from config.clock import monotonic
from worker.roles import BROKER_DOWN

RECONNECT_JITTER = 3.0
LONGEST_DELAY_MS = 120_000
_PAUSED_SLEEP = 0.05
log = structlog.get_logger(__name__)


class BoundConsumer(_RabbitmqConsumer):
    """One consumer on one connection; once it is closed, its messages are the broker's again."""

    alive = True
    accepting = True

    def __init__(self, broker: Any, queue_name: str, prefetch: int, timeout: int) -> None:
        self.begun: set[int] = set()
        self.ticked_at = monotonic()
        self._timeout = timeout / 1000
        try:
            super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]
        except BROKER_DOWN as error:
            self._hang_up()
            raise ConnectionClosed(error) from None

    def __next__(self) -> Any:
        self.ticked_at = monotonic()
        if self.queue_name in self.broker.paused_queues:
            return self._step_back()
        if not self.accepting:
            self._step_forward()
        message = super().__next__()  # type: ignore[no-untyped-call]
        if message is not None:
            return self._own(message)
        # the thread takes nothing from a paused consumer for its end, which would return what is begun to the broker
        return self._step_back() if self.queue_name in self.broker.paused_queues else None

    def _own(self, message: Any) -> Any:
        # the library looks its consumer up by the name inside the message; a wrong one would end the thread
        if message.queue_name != self.queue_name:
            message._message = message._message.copy(queue_name=self.queue_name)
        _bound_eta(message.options, delayed=self.queue_name.endswith(".DQ"))
        message._consumer = self
        message.requeue = False
        return message

    def _step_back(self) -> None:
        """Take nothing new, give back what no thread has begun, stay connected until what is begun has ended."""
        if self.accepting:
            self.accepting = False
            self._guarded(self.channel.cancel)
        self._wait_for_begun()
        # what was settled last is still to be told to the broker, and heartbeats go on
        self._guarded(partial(self.connection.process_data_events, time_limit=_PAUSED_SLEEP))

    def _step_forward(self) -> None:
        """Take messages again on the same connection: on another one, what still runs would be delivered twice."""
        self.iterator = self.channel.consume(self.queue_name, inactivity_timeout=self._timeout)
        self.accepting = True

    def _wait_for_begun(self) -> None:
        while self.begun and self.queue_name in self.broker.paused_queues:
            self.ticked_at = monotonic()
            self._guarded(partial(self.connection.process_data_events, time_limit=self._timeout))

    def _guarded(self, call: Any) -> None:
        try:
            call()
        except (AssertionError, pika.exceptions.AMQPError) as error:
            raise ConnectionClosed(error) from None

    def begin(self, message: Any) -> bool:
        """Note that a thread takes this message on; False if it is not ours to run any more."""
        self.begun.add(message._tag)
        if self.alive and self.accepting:
            return True
        self.begun.discard(message._tag)
        return False

    def ack(self, message: Any) -> None:
        """The work is done; for a message of an earlier connection this is nothing, the broker redelivers it."""
        self._settle(message, super().ack)

    def nack(self, message: Any) -> None:
        """The message is dead, or, with its `requeue` mark, wanted back."""
        self._settle(message, self._give_back if message.requeue else super().nack)

    def _settle(self, message: Any, answer: Any) -> None:
        if not self.alive or message._consumer is not self or message._tag not in self.known_tags:
            return
        try:
            answer(message)
        except BrokerConnectionError:
            log.info("acknowledgement_lost", queue=self.queue_name)
        finally:
            self.begun.discard(message._tag)

    def _give_back(self, message: Any) -> None:
        self.known_tags.discard(message._tag)
        try:
            self.connection.add_callback_threadsafe(partial(self.channel.basic_nack, message._tag, requeue=True))
        except pika.exceptions.AMQPError as error:
            raise ConnectionClosed(error) from None

    def close(self) -> None:
        """End the connection; the broker takes back everything that is not acknowledged."""
        self.alive = False
        try:
            super().close()  # type: ignore[no-untyped-call]
        except BROKER_DOWN as error:
            raise ConnectionClosed(error) from None
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        """Close the connection itself: the library leaves it open when the broker has closed the channel on it."""
        connection = getattr(self, "connection", None)
        if connection is not None and connection.is_open:
            with suppress(*BROKER_DOWN):
                connection.close()


def pause_before_reconnect() -> None:
    """Spread the consumers of all processes, which lose a broker at the same moment, over a few seconds."""
    time.sleep(random.uniform(0, RECONNECT_JITTER))  # noqa: S311  jitter, no secret


def _bound_eta(options: dict[str, Any], *, delayed: bool) -> None:
    """A due time belongs into the delay queue, and never lies far ahead there, whatever the sender wrote."""
    if "eta" not in options:
        return
    if delayed:
        options["eta"] = min(options["eta"], current_millis() + LONGEST_DELAY_MS)
    else:
        del options["eta"]
