"""X1, P2, P4: hooks that fail, acknowledgements that come too late, hand-overs that stop half-way."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from dramatiq import Middleware

from bench.environment import Rabbit
from config.catalog import Retry
from config.clock import now
from models.database import db, fetch
from models.runtime import MessageCancel
from tests.eventually import eventually
from tests.runtime.conftest import Stage
from worker.consumers import BoundConsumer


def test_x1_a_hook_that_raises_leaves_the_task_a_checked_connection(stage: Stage) -> None:
    stage.broker.add_middleware(Raising())
    pids: list[int] = []

    def ask() -> None:
        pids.append(fetch("select pg_backend_pid()")[0][0])

    task = stage.task(ask)
    stage.work(threads=1)
    task.send()
    eventually(lambda: len(pids) == 1)
    assert fetch("select pg_terminate_backend(%s, 60000)", (pids[0],)) == [(True,)]
    task.send()

    eventually(lambda: len(pids) == 2)
    assert pids[0] != pids[1]


def test_p2_a_message_held_beyond_the_acknowledgement_timeout_is_delivered_again_and_not_lost(
    stage: Stage, server: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.evaluate("[application:set_env(rabbit, K, 1000) || K <- [consumer_timeout, channel_tick_interval]]")
    runs = Counter[str]()
    second, cut, patient = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        runs["hold"] += 1
        if runs["hold"] == 1:
            second.wait(60)
        second.set()

    def before_reconnect() -> None:
        cut.set()
        patient.wait(60)

    # the second delivery must not be too late as well, only because this machine is slow
    monkeypatch.setattr("worker.broker.pause_before_reconnect", before_reconnect)

    task = stage.task(hold, seconds=120)
    stage.work(threads=2)
    task.send()

    try:
        assert cut.wait(60)
    finally:
        server.evaluate("application:set_env(rabbit, consumer_timeout, 1800000)")
        server.evaluate("application:set_env(rabbit, channel_tick_interval, 60000)")
        patient.set()
    assert second.wait(60)
    eventually(lambda: stage.counts() == (0, 0, 0))
    stage.rest()
    assert runs["hold"] == 2


def test_p4_a_crash_between_hand_over_and_acknowledgement_makes_a_copy_and_loses_nothing(
    stage: Stage, server: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Counter[str]()
    handed_over = threading.Event()

    def note() -> None:
        runs["note"] += 1

    def forgets_once(consumer: Any, message: Any) -> None:
        if consumer.queue_name.endswith(".DQ") and not handed_over.is_set():
            handed_over.set()
        else:
            acknowledge(consumer, message)

    acknowledge = BoundConsumer.ack
    monkeypatch.setattr(BoundConsumer, "ack", forgets_once)
    task = stage.task(note, retry=Retry(1, 0.1, 0.1))
    stage.work()
    task.send_with_options(delay=100)
    assert handed_over.wait(60)
    server.close_connections()

    eventually(lambda: runs["note"] >= 2)
    eventually(lambda: stage.counts() == (0, 0, 0))


def test_a_cancelled_message_is_not_run(stage: Stage) -> None:
    runs: list[int] = []

    def note(number: int) -> None:
        runs.append(number)

    task = stage.task(note)
    cancelled = task.send(number=1)
    MessageCancel.insert(message_id=cancelled.message_id, cancelled_by="test", at=now()).execute()
    task.send(number=2)
    stage.work(threads=1)

    eventually(lambda: runs == [2])
    eventually(lambda: stage.counts() == (0, 0, 0))


def test_a_transaction_left_open_is_rolled_back_and_the_message_is_dead(stage: Stage) -> None:
    def forget_to_commit() -> None:
        transaction = db.transaction()
        transaction.__enter__()
        fetch("insert into poison (message_id, crashes, at) values (gen_random_uuid(), 9, now()) returning 1")

    task = stage.task(forget_to_commit)
    stage.work(threads=1)
    task.send()

    (letter,) = eventually(stage.dead)
    assert letter.error.startswith("OpenTransaction")
    assert fetch("select count(*) from poison")[0][0] == 0


class Raising(Middleware):
    """A hook with a bug."""

    def before_process_message(self, broker: Any, message: Any) -> None:
        raise ZeroDivisionError
