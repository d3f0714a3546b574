"""The broker of this process: RabbitMQ with confirms, or the embedded one; actors are bound to it here."""

from __future__ import annotations

import importlib
import random
import time
from datetime import timedelta
from threading import Lock, current_thread
from typing import Any

import dramatiq
import structlog
from dramatiq import Broker, Message, Middleware
from dramatiq.broker import Consumer
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.common import current_millis, dq_name
from dramatiq.errors import ConnectionClosed
from dramatiq.worker import ConsumerThread

from config.clock import monotonic
from config.settings import Settings
from models.database import db
from worker import batches
from worker.actor import ACTORS, AppActor, actor, bind
from worker.batches import BatchConsumer
from worker.consumers import BoundConsumer, pause_before_reconnect
from worker.encoder import JsonEncoder, encoded
from worker.follow_ups import FollowUps
from worker.publisher import ConfirmPublisher
from worker.queues import declare
from worker.roles import BROKER_DOWN, ROLES, Role, addresses, apply, connect

__all__ = ["HardenedRabbitmqBroker", "actor", "load_actors", "make_broker"]

# a delayed message occupies a consumer while it waits, so longer waits are rows
LONGEST_BROKER_DELAY_MS = 60_000
ACTOR_MODULES: tuple[str, ...] = (
    "worker.shared",
    "worker.events",
    "worker.alerts",
    "worker.digest",
    "worker.ads",
    "worker.domains",
)
log = structlog.get_logger(__name__)


class HardenedRabbitmqBroker(RabbitmqBroker):
    """RabbitMQ where a message counts as sent only when confirmed, and follows the transaction it is sent in."""

    def __init__(self, settings: Settings, role: Role, middleware: list[Middleware]) -> None:
        super().__init__(url=addresses(settings), confirm_delivery=True, middleware=middleware)
        self.patience = ROLES[role]
        self.queue_type = settings.queue_type
        self.paused_queues: set[str] = set()
        for parameters in self.parameters:
            apply(parameters, role)
        self.publisher = ConfirmPublisher(
            self.parameters, role=role, queue_type=settings.queue_type, waits=self.patience.waits
        )
        self.follow_ups = FollowUps(self.publisher, self.patience.confirm)
        self._declaring = Lock()
        self.consumed_at: dict[str, float] = {}

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """A consumer of a queue, which is declared first; raises ConnectionClosed."""
        again = queue_name in self.consumed_at
        self.consumed_at[queue_name] = monotonic()
        if again:
            pause_before_reconnect()
        self.declare_queue(queue_name, ensure=True)
        kind = BatchConsumer if queue_name == batches.QUEUE else BoundConsumer
        return kind(self, queue_name, prefetch, timeout)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Send a message, due after `delay` milliseconds: with the open transaction, or confirmed before this returns.

        Raises BrokerError when the message was not confirmed, MessageTooLarge above 1 MiB.
        """
        fair_key = message.options.pop("fair_key", None)
        self.emit_before("enqueue", message, delay)
        if fair_key or "dedupe_key" in message.options or _in_transaction() or (delay or 0) > LONGEST_BROKER_DELAY_MS:
            wait = None if delay is None else timedelta(milliseconds=delay)
            self.follow_ups.put(message, delay=wait, fair_key=fair_key)
        else:
            message = self._publish_message(message, delay)
        self.emit_after("enqueue", message, delay)
        return message

    def _publish_message(self, message: Message[Any], delay: int | None) -> Message[Any]:
        queue = message.queue_name
        if delay is not None:
            queue = dq_name(queue)
            message = message.copy(queue_name=queue, options={"eta": current_millis() + delay})
        self.publish(queue, encoded(message))
        return message

    def publish(self, queue: str, body: bytes, exchange: str = "") -> None:
        """Publish and wait for the confirm, as often as the role allows; raises ConnectionClosed."""
        # a consumer that moves delayed messages must get back to its heartbeats; it is given them again
        attempts = 1 if isinstance(current_thread(), ConsumerThread) else self.patience.attempts
        for left in reversed(range(attempts)):
            try:
                sent = self.publisher.publish(queue, body, self.patience.confirm, exchange)
                return sent.result(self.patience.confirm + 1)
            except (ConnectionClosed, TimeoutError) as error:
                if not left:
                    raise ConnectionClosed(error) from error
            time.sleep(random.uniform(0.05, 1.0))  # noqa: S311  jitter, no secret
        return None

    def _ensure_queue(self, canonical_queue_name: str) -> None:
        # one short connection for everything that is new: the library keeps one open per thread, unattended
        with self._declaring:
            if canonical_queue_name not in self.queues_pending:
                return
            try:
                with connect(self.parameters) as connection:
                    self._declare_pending(connection.channel())
            except BROKER_DOWN as error:
                raise ConnectionClosed(error) from error

    def _declare_pending(self, channel: Any) -> None:
        for name in sorted(self.queues_pending):
            declare(channel, name, self.queue_type)
            self.queues_pending.discard(name)

    def close(self) -> None:
        """Wait for confirms, then end every connection."""
        self.publisher.close()
        self.follow_ups.close()
        super().close()


def make_broker(settings: Settings, role: Role) -> Broker:
    """The broker for this kind of process, made the library's default, with every actor bound to it."""
    from worker.middleware import middleware

    dramatiq.set_encoder(JsonEncoder())
    broker: Broker
    if settings.embedded:
        from worker.embedded import SqliteBroker

        broker = SqliteBroker(settings, middleware())
    else:
        broker = HardenedRabbitmqBroker(settings, role, middleware())
    dramatiq.set_broker(broker)
    bind(broker)
    return broker


def load_actors() -> dict[str, AppActor[..., Any]]:
    """Import every actor and return them by task name."""
    for module in ACTOR_MODULES:
        importlib.import_module(module)
    return ACTORS


def _in_transaction() -> bool:
    return db.obj is not None and bool(db.in_transaction())
