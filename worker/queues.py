"""What queues in RabbitMQ are declared with: a main queue, a delay queue `.DQ` and a dead-letter queue `.XQ` each."""

from __future__ import annotations

from typing import Any, Literal

from dramatiq.common import dq_name, q_name, xq_name

QueueType = Literal["classic", "quorum"]

# arguments are for ever: a different value makes every declaration fail. Anything tunable is a policy instead
DEAD_TTL_MS = 7 * 24 * 3600 * 1000
DELIVERY_LIMIT = 20


def family(queue: str) -> tuple[str, str, str]:
    """The main, delay and dead-letter queue that this name belongs to."""
    return q_name(queue), dq_name(queue), xq_name(queue)


def arguments(queue: str, kind: QueueType) -> dict[str, Any]:
    """The declaration arguments of one queue, by its name's ending."""
    if queue.endswith(".XQ"):
        return {"x-message-ttl": DEAD_TTL_MS} | ({"x-queue-type": "quorum"} if kind == "quorum" else {})
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": xq_name(queue)}
    return dead if kind == "classic" else dead | _quorum(queue)


def _quorum(queue: str) -> dict[str, Any]:
    safe = {
        "x-queue-type": "quorum",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    # a delayed message is taken back on every restart of its consumer, which says nothing about the message
    return safe if queue.endswith(".DQ") else safe | {"x-delivery-limit": DELIVERY_LIMIT}


def declare(channel: Any, queue: str, kind: QueueType, **options: Any) -> None:
    """Declare a family on a channel of either kind; pass `callback=None` on an asynchronous one to await nothing."""
    for name in family(queue):
        channel.queue_declare(queue=name, durable=True, arguments=arguments(name, kind), **options)
