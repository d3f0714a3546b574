"""Brings dead letters home: from the dead-letter queues of RabbitMQ, where they expire, into the database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pika.exceptions
import structlog
from dramatiq.common import xq_name
from dramatiq.errors import ConnectionClosed, DecodeError

from config import catalog
from models.database import db, ensure_connection, fetch
from models.dead_letters import Letter, bury
from models.envelope import BadEnvelope
from models.runtime import DeadReason
from worker import metrics
from worker.encoder import JsonEncoder
from worker.poison import QUARANTINE
from worker.roles import BROKER_DOWN, connect

MOST_PER_QUEUE = 500
log = structlog.get_logger(__name__)


def drain(broker: Any, queues: Iterable[str] = catalog.QUEUES) -> int:
    """Empty every dead-letter queue on a connection of its own; how many letters. Raises ConnectionClosed."""
    try:
        with connect(broker.parameters) as connection:
            return drain_dead_letters(connection.channel(), queues)
    except BROKER_DOWN as error:
        raise ConnectionClosed(error) from error


def drain_dead_letters(channel: Any, queues: Iterable[str] = catalog.QUEUES) -> int:
    """Store what waits in the dead-letter queues, each acknowledged once it is committed; how many were read."""
    ensure_connection()
    return sum(_drain_queue(channel.connection, queue) for queue in queues)


def _drain_queue(connection: Any, queue: str) -> int:
    """Read one queue, on a channel of its own: the broker closes one that asks for a queue nobody has declared yet."""
    try:
        with connection.channel() as channel:
            return _read_all(channel, queue)
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise
        return 0


def _read_all(channel: Any, queue: str) -> int:
    name = xq_name(queue)
    channel.queue_declare(name, passive=True)
    for read in range(MOST_PER_QUEUE):
        method, _, body = channel.basic_get(name)
        if method is None:
            return read
        _store(queue, body)
        channel.basic_ack(method.delivery_tag)
    return MOST_PER_QUEUE


def _store(queue: str, body: bytes) -> None:
    letter = _letter(queue, body)
    with db.atomic():
        if bury(letter) is not None:
            metrics.DEAD.labels(letter.task).inc()
            log.warning("message_died", task=letter.task, message_id=str(letter.message_id), reason=letter.reason.value)


def _letter(queue: str, body: bytes) -> Letter:
    try:
        message = JsonEncoder().decode(body)
    except (BadEnvelope, DecodeError) as error:
        return Letter(_id_of(body), 0, "", queue, body, DeadReason.UNDECODABLE, str(error))
    options = message["options"]
    last_line = str(options.get("traceback", "")).rpartition("\n")[2] or None
    reason = _reason(message["actor_name"], message["message_id"], options.get("retries", 0))
    return Letter(
        message["message_id"], options.get("attempt", 0), message["actor_name"], queue, body, reason, last_line
    )


def _id_of(body: bytes) -> UUID:
    """The same bytes have the same id, so a letter that is read twice is stored once."""
    return UUID(bytes=hashlib.sha256(body).digest()[:16], version=5)


def _reason(task: str, message_id: str, retries: int) -> DeadReason:
    row = catalog.TASKS.get(task)
    if row is None:
        return DeadReason.UNKNOWN_ACTOR
    if fetch("select 1 from poison where message_id = %s and crashes >= %s", (message_id, QUARANTINE - 1)):
        return DeadReason.POISON
    return DeadReason.EXHAUSTED if retries >= row.retry.times else DeadReason.REJECTED
