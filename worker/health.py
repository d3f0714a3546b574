"""What `doctor` asks of the broker: is it there, are the queues as we declare them, are its limits sane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pika
import pika.exceptions
from dramatiq.errors import ConnectionClosed

from config.catalog import QUEUES
from config.settings import Settings
from worker.queues import QueueType, arguments, family
from worker.roles import addresses, apply, connect

Found = tuple[str, str, str]
OK, WARN, BAD = "ok", "!", "x"
_OLDEST = (3, 10)


def broker_findings(settings: Settings) -> Iterator[Found]:
    """(state, what was seen, what to do) about RabbitMQ; states are ok, ! and x."""
    parameters = [pika.URLParameters(url) for url in addresses(settings)]
    for each in parameters:
        apply(each, "relay")
    try:
        connection = connect(parameters)
    except ConnectionClosed as error:
        yield BAD, f"RabbitMQ does not answer ({type(error.message).__name__})", "check RABBITMQ_URL and the server"
        return
    with connection:
        yield from _server(connection)
        for queue in QUEUES:
            yield from _family(connection, queue, settings.queue_type)


def _server(connection: Any) -> Iterator[Found]:
    properties = connection._impl.server_properties or {}
    version = str(properties.get("version", "?"))
    heartbeat = connection._impl.params.heartbeat
    if _number(version) >= _OLDEST:
        yield OK, f"RabbitMQ {version} answers, heartbeat {heartbeat} s", ""
    else:
        yield WARN, f"RabbitMQ {version} is older than what is tested", "use RabbitMQ 3.10 or later"
    if connection.publisher_confirms_supported and connection.basic_nack_supported:
        yield OK, "publisher confirms are on", ""
    else:
        yield BAD, "the broker knows no publisher confirms", "use RabbitMQ 3.10 or later"


def _family(connection: Any, queue: str, kind: QueueType) -> Iterator[Found]:
    missing, differing = [], []
    for name in family(queue):
        code = _probe(connection, name, kind)
        missing += [name] if code == 404 else []
        differing += [name] if code == 406 else []
    if differing:
        names = " ".join(differing)
        remedy = f"stop producers, let workers empty it, then: rabbitmqctl delete_queue {names}"
        yield BAD, f"{names}: declared with other arguments than QUEUE_TYPE={kind} asks for", remedy
    elif missing:
        yield WARN, f"{' '.join(missing)}: not there yet", "they are declared when the first worker starts"
    else:
        yield OK, f"{queue}: arguments are ours", ""


def _probe(connection: Any, name: str, kind: QueueType) -> int:
    """0 if the queue is as we declare it, else the broker's code: 404 missing, 406 different."""
    for options in ({"passive": True}, {"arguments": arguments(name, kind)}):
        channel = connection.channel()
        try:
            channel.queue_declare(name, durable=True, **options)
        except pika.exceptions.ChannelClosedByBroker as error:
            return int(error.reply_code)
        channel.close()
    return 0


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
