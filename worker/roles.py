"""How patient each kind of process is with the broker, and the connection parameters that follow from it."""

from __future__ import annotations

import os
import random
import socket
from dataclasses import dataclass
from typing import Literal

import pika
import pika.exceptions
from dramatiq.errors import BrokerError, ConnectionClosed
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from config.settings import Settings

Role = Literal["redirect", "web", "worker", "relay"]

# a silent host raises AMQPConnectorException and an unknown one gaierror; neither is an AMQPError
BROKER_DOWN = (BrokerError, pika.exceptions.AMQPError, AMQPConnectorException, OSError)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for connecting and for a confirm; how often a publish is tried; whether it waits for a lost broker."""

    socket: float
    stack: float
    blocked: float
    confirm: float
    attempts: int
    waits: bool = True


ROLES: dict[Role, Patience] = {
    "redirect": Patience(0.3, 0.5, 1, 1, 1, waits=False),
    "web": Patience(1, 2, 2, 1.5, 1),
    "worker": Patience(2, 4, 5, 5, 6),
    "relay": Patience(2, 4, 5, 2, 1),
}
_TCP = {"TCP_USER_TIMEOUT": 5000, "TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


def addresses(settings: Settings) -> list[str]:
    """The broker's addresses in random order, so that processes spread over a cluster."""
    secret = settings.rabbitmq_url
    urls = [part.strip() for part in secret.get_secret_value().split(",") if part.strip()] if secret else []
    return random.sample(urls, len(urls))


def apply(parameters: pika.connection.Parameters, role: Role) -> None:
    """Give connection parameters the limits of a role; without them a silent host holds a caller for minutes."""
    patience = ROLES[role]
    parameters.heartbeat = 30
    parameters.connection_attempts = 1
    parameters.socket_timeout = patience.socket
    parameters.stack_timeout = patience.stack
    parameters.blocked_connection_timeout = patience.blocked
    parameters.tcp_options = _TCP
    parameters.client_properties = {"connection_name": f"signalbox-{role}-{socket.gethostname()}-{os.getpid()}"}


def connect(parameters: list[pika.connection.Parameters]) -> pika.BlockingConnection:
    """A connection to the first of these brokers that answers; raises ConnectionClosed."""
    try:
        return pika.BlockingConnection(parameters)
    except BROKER_DOWN as error:
        raise ConnectionClosed(error) from None
