"""Counting ready messages on a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pika
import pytest

from worker import depths
from worker.depths import UNKNOWN, Depths


@pytest.fixture
def counted(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Depths]:
    """Depths that are asked anew each time."""
    monkeypatch.setattr(depths, "_FRESH_SECONDS", 0.0)
    made = Depths([pika.URLParameters(rabbitmq_url)])
    yield made
    made.close()


def fill(url: str, queue: str, count: int) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True)
        for _ in range(count):
            channel.basic_publish("", queue, b"x")


def test_ready_messages_are_counted(counted: Depths, rabbitmq_url: str) -> None:
    fill(rabbitmq_url, "jobs", 3)
    assert counted("jobs") == 3


def test_a_queue_that_does_not_exist_is_empty_and_the_next_one_is_still_counted(
    counted: Depths, rabbitmq_url: str
) -> None:
    fill(rabbitmq_url, "jobs", 2)
    assert counted("nothing") == 0
    assert counted("jobs") == 2


def test_a_lost_connection_is_replaced(counted: Depths, rabbitmq_server: Any, rabbitmq_url: str) -> None:
    fill(rabbitmq_url, "jobs", 1)
    assert counted("jobs") == 1
    rabbitmq_server.close_connections()
    assert counted("jobs") in (1, UNKNOWN)
    assert counted("jobs") == 1


def test_a_broker_that_does_not_answer_looks_full() -> None:
    parameters = pika.URLParameters("amqp://127.0.0.1:1")
    assert Depths([parameters])("jobs") == UNKNOWN


def test_an_answer_is_reused_for_a_moment(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depths, "_FRESH_SECONDS", 3600.0)
    counted = Depths([pika.URLParameters(rabbitmq_url)])
    fill(rabbitmq_url, "jobs", 1)
    assert counted("jobs") == 1
    fill(rabbitmq_url, "jobs", 5)
    assert counted("jobs") == 1
    counted.close()
