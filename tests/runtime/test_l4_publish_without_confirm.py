"""L4: what was confirmed arrives; what was not is said to have failed."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from dramatiq.errors import ConnectionClosed

from bench.environment import Rabbit
from tests.eventually import eventually
from tests.runtime.conftest import QUEUE, Stage, alarm
from tests.runtime.stock import stock_broker
from worker.orders import ConfirmTimeout, PublisherState, PublishRefused


def test_l4_every_confirmed_message_survives_the_sudden_death_of_the_broker(stage: Stage, server: Rabbit) -> None:
    publisher = stage.broker.publisher
    publisher.publish(QUEUE, b"first", 60).result(60)
    futures = [publisher.publish(QUEUE, b"%d" % number, 30) for number in range(5000)]
    eventually(futures[300].done)
    server.kill9()
    server.start()
    states = [future.exception(60) for future in futures]

    confirmed = {b"%d" % number for number, error in enumerate(states) if error is None}
    assert len(confirmed) >= 300
    assert confirmed <= set(_bodies(stage))


def test_l4_a_queue_that_was_deleted_is_declared_again(stage: Stage) -> None:
    publisher = stage.broker.publisher
    publisher.publish(QUEUE, b"first", 60).result(60)
    stage.broker.channel.queue_delete(QUEUE)

    publisher.publish(QUEUE, b"second", 60).result(60)

    assert _bodies(stage) == [b"second"]


def test_l4_the_stock_broker_without_confirms_swallows_a_message_without_a_queue(rabbitmq_url: str) -> None:
    import dramatiq

    with stock_broker(rabbitmq_url, confirm=False) as broker:

        @dramatiq.actor(broker=broker, queue_name=QUEUE)
        def note() -> None: ...

        note.send()
        broker.channel.queue_delete(QUEUE)
        note.send()
        assert broker.get_queue_message_counts(QUEUE)[0] == 0


def test_l4_a_silent_broker_fails_a_publish_at_its_deadline_and_recovers(stage: Stage, server: Rabbit) -> None:
    publisher = stage.broker.publisher
    publisher.publish(QUEUE, b"first", 60).result(60)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ConfirmTimeout):
            publisher.publish(QUEUE, b"silent", 0.2).result(60)
    finally:
        os.kill(server.pid, signal.SIGCONT)

    publisher.publish(QUEUE, b"later", 60).result(60)


def test_p5_a_message_whose_confirm_came_late_arrives_twice_under_one_id(
    stage: Stage, server: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def note(word: str) -> None:
        seen.append(word)

    task = stage.task(note)
    task.send(word="warm")
    stage.patience(confirm=0.5, attempts=40)
    _after_two_failures(stage, monkeypatch, lambda: os.kill(server.pid, signal.SIGCONT))
    os.kill(server.pid, signal.SIGSTOP)
    try:
        task.send(word="late")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    stage.work()

    eventually(lambda: seen.count("late") >= 2)
    assert stage.dead() == []


def test_a_full_queue_refuses(stage: Stage, server: Rabbit) -> None:
    publisher = stage.broker.publisher
    publisher.publish(QUEUE, b"first", 60).result(60)
    assert stage.settings.rabbitmq_url is not None
    definition = '[{<<"max-length">>, 1}, {<<"overflow">>, <<"reject-publish">>}]'
    server.set_policy(stage.settings.rabbitmq_url.get_secret_value(), "full", f"^{QUEUE}$", definition)

    refusal = eventually(lambda: publisher.publish(QUEUE, b"more", 60).exception(60))

    assert isinstance(refusal, PublishRefused)


def test_a_blocked_publisher_says_so_and_says_when_it_is_over(stage: Stage, server: Rabbit) -> None:
    publisher = stage.broker.publisher
    states: list[PublisherState] = []
    publisher.on_state_change.append(states.append)
    publisher.publish(QUEUE, b"first", 60).result(60)

    alarm(stage, server)
    with pytest.raises(ConnectionClosed):
        publisher.publish(QUEUE, b"blocked", 0.2).result(60)
    server.set_alarm(False)
    publisher.publish(QUEUE, b"after", 60).result(60)

    assert states == [PublisherState.UP, PublisherState.BLOCKED, PublisherState.UP]


def _bodies(stage: Stage) -> list[bytes]:
    channel = stage.broker.channel
    bodies = []
    while (got := channel.basic_get(QUEUE, auto_ack=True))[0] is not None:
        bodies.append(got[2])
    return bodies


def _after_two_failures(stage: Stage, monkeypatch: pytest.MonkeyPatch, call: Callable[[], None]) -> None:
    """Call it when two publishes have failed: at least one of them was sent, however slow this process is."""
    publish, failures = stage.broker.publisher.publish, itertools.count(1)

    def count(future: Future[None]) -> None:
        if future.exception() is not None and next(failures) == 2:
            call()

    def watched(queue: str, body: bytes, deadline: float, exchange: str = "") -> Future[None]:
        future = publish(queue, body, deadline, exchange)
        future.add_done_callback(count)
        return future

    monkeypatch.setattr(stage.broker.publisher, "publish", watched)
