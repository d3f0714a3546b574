"""How many messages wait in each queue, wherever the queues are."""

from __future__ import annotations

import pika

from config.catalog import QUEUES
from config.settings import Settings
from models import bot_facts
from models.database import is_postgres
from worker.depths import UNKNOWN, Depths
from worker.roles import addresses, apply


def depths(settings: Settings) -> dict[str, int | None]:
    """By queue; None where the broker does not say."""
    if settings.embedded:
        held = {} if is_postgres() else bot_facts.queued()
        return {name: None if is_postgres() else held.get(name, 0) for name in QUEUES}
    parameters = [pika.URLParameters(url) for url in addresses(settings)]
    for each in parameters:
        apply(each, "web")
    broker = Depths(parameters)
    try:
        found = {name: broker(name) for name in QUEUES}
    finally:
        broker.close()
    return {name: None if depth == UNKNOWN else depth for name, depth in found.items()}
