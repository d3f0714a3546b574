"""L5, L6, X2: what follows, what dies, and who is told."""

from __future__ import annotations

import threading
from time import sleep
from typing import Any

import pytest
from dramatiq import Middleware
from dramatiq.errors import ConnectionClosed

from bench.environment import Rabbit
from config.catalog import Retry
from config.clock import monotonic
from models.database import db
from models.runtime import DeadReason, DeadState, Outbox
from tests.eventually import eventually
from tests.runtime.conftest import QUEUE, Stage, alarm
from worker import dead_letters, shared

UNKNOWN = (
    b'{"queue_name":"jobs","actor_name":"of_tomorrow","args":[],"kwargs":{"a":1},"options":{},'
    b'"message_id":"0197a3c4-7c00-7000-8000-000000000001","message_timestamp":1}'
)


def test_l5_the_chain_completes_although_the_broker_was_down_between_two_steps(stage: Stage, server: Rabbit) -> None:
    done: list[str] = []

    def second() -> None:
        done.append("second")

    def first() -> None:
        alarm(stage, server)
        stage.patience(confirm=0.3)
        with db.atomic():
            stage_second.send()
        done.append("first")

    stage_second = stage.task(second)
    stage_first = stage.task(first)
    stage_first.send()
    stage.work()
    eventually(lambda: done == ["first"] and stage.broker.publisher.blocked)
    sleep(0.5)
    assert Outbox.select().count() == 1
    server.set_alarm(False)
    eventually(lambda: not stage.broker.publisher.blocked)
    Outbox.update(available_at=Outbox.created_at).execute()

    stage.relay_until(lambda: "second" in done)


def test_l6_a_message_of_an_unknown_task_is_parked_and_can_be_replayed(stage: Stage) -> None:
    stage.broker.declare_queue(QUEUE, ensure=True)
    stage.work()
    stage.broker.publish(QUEUE, UNKNOWN)
    eventually(lambda: stage.counts()[2] == 1)

    assert stage.drain() == 1

    assert stage.counts() == (0, 0, 0), "nothing is left that could expire"
    (letter,) = stage.dead()
    assert letter.reason == DeadReason.UNKNOWN_ACTOR
    assert bytes(letter.body) == UNKNOWN
    seen: list[int] = []

    def of_tomorrow(a: int) -> None:
        seen.append(a)

    stage.task(of_tomorrow)
    assert dead_letters.replay(dead_letters.choose(task="of_tomorrow")) == 1
    stage.relay_until(lambda: seen == [1])


def test_l6_without_the_drain_it_expires(stage: Stage, server: Rabbit) -> None:
    stage.broker.declare_queue(QUEUE, ensure=True)
    server.set_policy(_vhost(stage), "short", r"\\.XQ$", '[{<<"message-ttl">>, 200}]')
    refusals = Refusals()
    stage.broker.add_middleware(refusals)
    stage.work()
    stage.broker.publish(QUEUE, UNKNOWN)
    assert refusals.seen.wait(60)
    stage.rest()

    eventually(lambda: stage.counts() == (0, 0, 0))
    assert stage.drain() == 0


def test_x2_three_attempts_end_in_one_gave_up(stage: Stage) -> None:
    told: list[shared.DeadMessage] = []
    attempts: list[int] = []

    def note_death(dead: shared.DeadMessage) -> None:
        told.append(dead)

    def fail(number: int) -> None:
        attempts.append(number)
        raise RuntimeError

    shared.gave_up(note_death)
    task = stage.task(fail, retry=Retry(2, 0.01, 0.02), gave_up="note_death")
    stage.work(queues=(QUEUE, "retry"))

    message = task.send(number=7)

    eventually(stage.dead)
    stage.relay_until(lambda: told)
    eventually(lambda: Outbox.select().count() == 0)
    stage.rest()
    assert (stage.counts(), stage.counts("retry")) == ((0, 0, 0), (0, 0, 0))
    assert attempts == [7, 7, 7]
    assert [(dead.message_id, dead.kwargs, dead.reason) for dead in told] == [
        (message.message_id, {"number": 7}, DeadReason.EXHAUSTED)
    ]


def test_a_letter_that_is_read_twice_is_stored_once(stage: Stage) -> None:
    stage.broker.declare_queue(QUEUE, ensure=True)
    for _ in range(2):
        stage.broker.publish(f"{QUEUE}.XQ", UNKNOWN)

    assert stage.drain() == 2
    assert len(stage.dead()) == 1


def test_a_replayed_letter_keeps_its_id_and_starts_with_a_clean_sheet(stage: Stage) -> None:
    attempts: list[int] = []

    def fail() -> None:
        attempts.append(1)
        raise RuntimeError

    task = stage.task(fail, retry=Retry(1, 0.01, 0.01))
    stage.work()
    message = task.send()
    (letter,) = eventually(stage.dead)

    assert dead_letters.replay([letter.id]) == 1
    assert dead_letters.replay([letter.id]) == 0

    stage.relay_until(lambda: len(attempts) == 4)
    both = eventually(lambda: len(stage.dead()) == 2 and stage.dead())
    assert {str(each.message_id) for each in both} == {message.message_id}
    assert {each.state for each in both} == {DeadState.DEAD, DeadState.REPLAYED}


def test_a_publish_to_a_blocked_broker_fails_within_its_deadline(stage: Stage, server: Rabbit) -> None:
    task = stage.task(_named("note"))
    task.send()
    alarm(stage, server)
    stage.patience(confirm=0.3)

    started = monotonic()
    with pytest.raises(ConnectionClosed):
        task.send()

    assert monotonic() - started < 15


class Refusals(Middleware):
    """Tells of the first message that was refused."""

    def __init__(self) -> None:
        self.seen = threading.Event()

    def after_nack(self, broker: Any, message: Any) -> None:
        self.seen.set()


def _vhost(stage: Stage) -> str:
    assert stage.settings.rabbitmq_url is not None
    return stage.settings.rabbitmq_url.get_secret_value()


def _named(name: str) -> Any:
    def nothing() -> None: ...

    nothing.__name__ = name
    return nothing
