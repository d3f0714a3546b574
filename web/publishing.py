"""The publisher of a redirect: a confirming connection to RabbitMQ, or commits to the embedded queue."""

from __future__ import annotations

import pika

from config.settings import Settings
from worker.group_commit import GroupCommit
from worker.publisher import ConfirmPublisher
from worker.roles import ROLES, addresses, apply


def make_publisher(settings: Settings) -> ConfirmPublisher | GroupCommit:
    """A publisher of our own; no broker of the queue library, so in one process with workers theirs stays the default.

    It connects in the background at once, and again whenever the connection is lost.
    """
    if settings.embedded:
        return GroupCommit(settings.embedded_queue_max)
    parameters = [pika.URLParameters(url) for url in addresses(settings)]
    for each in parameters:
        apply(each, "redirect")
    publisher = ConfirmPublisher(
        parameters, role="redirect", queue_type=settings.queue_type, waits=ROLES["redirect"].waits
    )
    publisher.start()
    return publisher
