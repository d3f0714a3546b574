"""A worker of Dramatiq as it comes: stock broker, stock middleware, the same threads and prefetch as ours."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from bench.peers.noop import PREFETCH, QUEUE, TASK, THREADS, wait_for_the_end
from config.settings import get_settings


def nothing(number: int) -> None:
    """Do nothing."""


def main() -> None:
    """Serve the queue until SIGTERM."""
    url = get_settings().rabbitmq_url
    broker = RabbitmqBroker(url=url.get_secret_value() if url else None)
    dramatiq.set_broker(broker)
    dramatiq.actor(actor_name=TASK, queue_name=QUEUE)(nothing)
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=THREADS)
    worker.queue_prefetch = PREFETCH
    worker.start()
    wait_for_the_end()
    worker.stop(2000)


if __name__ == "__main__":
    main()
