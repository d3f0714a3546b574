"""The embedded queue under a real worker: order of events, crashes, bounds, and one process per database."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dramatiq
import pytest
from dramatiq import Actor, Message, Middleware, Worker
from dramatiq.errors import ConnectionClosed, QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import Retries

from config.clock import now
from config.errors import SettingsError
from config.ids import new_id
from config.settings import Settings, get_settings
from models import database as connections
from models import outbox, queue
from models.database import db, execute, fetch
from models.envelope import encode_message
from tests.conftest import REQUIRED, SettingsEnv
from tests.eventually import eventually
from worker import leases
from worker.embedded import DatabaseInUse, SqliteBroker
from worker.process import await_threads

Handler = Callable[..., None]


class Bench:
    """A broker with one actor `process_click` on queue `clicks` and its worker."""

    def __init__(self, settings: Settings, handler: Handler, retries: int = 0) -> None:
        middleware: list[Middleware] = [Retries(max_retries=retries, min_backoff=1, max_backoff=1)]
        self.broker = SqliteBroker(settings, middleware=middleware)
        self.actor = Actor(
            handler, broker=self.broker, actor_name="process_click", queue_name="clicks", priority=0, options={}
        )

    @contextmanager
    def working(self, threads: int = 1, prefetch: int = 2) -> Iterator[Worker]:
        worker = Worker(self.broker, worker_threads=threads, worker_timeout=50)
        worker.queue_prefetch = prefetch
        worker.start()
        await_threads(worker)
        try:
            yield worker
        finally:
            worker.stop(10_000)

    def drain(self, threads: int = 1) -> None:
        with self.working(threads):
            self.broker.join("clicks", timeout=60_000)


class Calls:
    """A handler that remembers its calls and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.seen: list[Any] = []
        self._failures = failures

    def __call__(self, n: int) -> None:
        self.seen.append(n)
        if len(self.seen) <= self._failures:
            raise ValueError("not yet")


@pytest.fixture
def bench(sqlite_database: Any) -> Iterator[Callable[..., Bench]]:
    """Make a bench; closed at the end."""
    made: list[Bench] = []

    def make(handler: Handler, retries: int = 0) -> Bench:
        made.append(Bench(get_settings(), handler, retries))
        return made[-1]

    yield make
    for each in made:
        each.broker.close()


def stored() -> int:
    return int(fetch("select count(*) from queue_message")[0][0])


def letters() -> list[tuple[Any, ...]]:
    return fetch("select task, queue, reason, error from dead_letter order by id")


def test_a_sent_message_runs_and_is_gone(bench: Callable[..., Bench]) -> None:
    calls = Calls()
    made = bench(calls)
    made.actor.send(n=1)
    made.drain()
    assert calls.seen == [1]
    assert stored() == 0


def test_an_idle_consumer_is_woken_at_once(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "POLL_SECONDS", 300.0)
    made = bench(Calls())
    sender = threading.Thread(target=made.actor.send, kwargs={"n": 1})
    signal = queue.signal("clicks")
    wait = signal.wait

    def idle(seen: int, seconds: float) -> None:
        sender.start()
        wait(seen, seconds)

    monkeypatch.setattr(signal, "wait", idle)
    consumer = made.broker.consume("clicks", prefetch=1, timeout=300_000)
    started_at = time.monotonic()
    assert next(consumer) is None
    message: Any = next(consumer)
    assert message.kwargs == {"n": 1}
    assert time.monotonic() - started_at < 200
    sender.join()


def test_a_message_sent_inside_a_transaction_belongs_to_it(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    with db.atomic() as transaction:
        made.actor.send(n=1)
        transaction.rollback()
    assert stored() == 0
    with db.atomic():
        made.actor.send(n=2)
    assert stored() == 1


def test_a_delayed_message_runs_when_its_time_has_come(bench: Callable[..., Bench]) -> None:
    times: list[float] = []
    made = bench(lambda n: times.append(time.monotonic()))
    sent_at = time.monotonic()
    made.actor.send_with_options(kwargs={"n": 1}, delay=300)
    made.drain()
    assert times[0] - sent_at >= 0.3


def test_a_delayed_message_needs_no_second_consumer(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    with made.working() as worker:
        assert set(worker.consumers) == {"clicks"}


def test_a_failed_message_is_retried(bench: Callable[..., Bench]) -> None:
    calls = Calls(failures=2)
    made = bench(calls, retries=5)
    made.actor.send(n=1)
    made.drain()
    assert calls.seen == [1, 1, 1]
    assert letters() == []


def test_an_exhausted_message_becomes_a_dead_letter_and_its_task_is_told(bench: Callable[..., Bench]) -> None:
    made = bench(Calls(failures=9), retries=1)
    message = made.actor.send(n=1)
    made.drain()
    assert letters() == [("process_click", "clicks", "exhausted", "ValueError")]
    assert fetch("select message_id from dead_letter") == [(message.message_id,)]
    ((queue_name, body),) = fetch("select queue, body from queue_message")
    letter_id = fetch("select id from dead_letter")[0][0]
    assert queue_name == "retry"
    assert Message.decode(bytes(body)).kwargs == {"dead_letter_id": letter_id}


def test_a_message_for_nobody_is_parked(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    outbox.put("replay_spool", "clicks", encode_message("replay_spool", {}), new_id())
    made.drain()
    assert letters() == [("replay_spool", "clicks", "unknown_actor", "ActorNotFound")]


def test_a_body_that_cannot_be_read_is_kept_raw(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    queue.put("clicks", b"\xff\x00", new_id())
    made.drain()
    assert letters() == [("", "clicks", "undecodable", None)]
    assert bytes(fetch("select body from dead_letter")[0][0]) == b"\xff\x00"


def test_a_message_that_is_wanted_back_is_delivered_again(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    made.actor.send(n=1)
    consumer = made.broker.consume("clicks", prefetch=1, timeout=50)
    first: Any = next(consumer)
    assert not first.redelivered
    first.requeue = True
    consumer.nack(first)
    second: Any = next(consumer)
    assert second.redelivered
    assert second.message_id == first.message_id
    assert letters() == []


def test_prefetched_messages_return_when_the_worker_stops(bench: Callable[..., Bench]) -> None:
    running, leave = threading.Event(), threading.Event()

    def slow(n: int) -> None:
        running.set()
        leave.wait(60)

    made = bench(slow)
    for n in range(5):
        made.actor.send(n=n)
    with made.working(prefetch=4) as worker:
        assert running.wait(60)
        eventually(lambda: _leased() == 4)
        threading.Thread(target=_leave_when_stopped, args=(worker, leave)).start()
    assert (stored(), _leased()) == (4, 0)


def _leave_when_stopped(worker: Any, leave: threading.Event) -> None:
    eventually(lambda: not worker.workers[0].running)
    leave.set()


def _leased() -> int:
    return int(fetch("select count(*) from queue_message where lease_until is not null")[0][0])


def test_no_more_is_taken_than_asked_for(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    for n in range(5):
        made.actor.send(n=n)
    consumer = made.broker.consume("clicks", prefetch=2, timeout=10)
    taken = [next(consumer) for _ in range(4)]
    assert [message is None for message in taken] == [False, False, True, True]


def test_a_paused_queue_stands_still_and_then_goes_on(bench: Callable[..., Bench]) -> None:
    calls = Calls()
    made = bench(calls)
    made.broker.paused_queues.add("clicks")
    made.actor.send(n=1)
    with made.working():
        time.sleep(0.3)
        assert calls.seen == []
        made.broker.paused_queues.clear()
        eventually(lambda: calls.seen == [1])


def test_a_message_that_was_given_back_is_not_acknowledged_any_more(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    made.actor.send(n=1)
    consumer: Any = made.broker.consume("clicks", prefetch=1, timeout=50)
    message: Any = next(consumer)
    assert consumer.begin(message)
    made.broker.paused_queues.add("clicks")
    assert not consumer.begin(message)
    consumer.ack(message)
    assert (stored(), _leased()) == (1, 0)


def test_a_key_that_waits_is_enough(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    for n in range(3):
        made.actor.send_with_options(kwargs={"n": n}, dedupe_key="offer-7")
    assert stored() == 1
    assert outbox.cancel("offer-7")
    assert stored() == 0


def test_a_message_that_is_too_large_is_refused(bench: Callable[..., Bench]) -> None:
    with pytest.raises(ValueError, match="pass ids instead of data"):
        bench(Calls()).actor.send(n="x" * 1024 * 1024)


def test_leases_are_renewed_while_work_goes_on(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.05)
    calls, ends = Calls(), set[str]()

    def renewed() -> bool:
        ends.add(fetch("select lease_until from queue_message")[0][0])
        return len(ends) == 4

    def slow(n: int) -> None:
        calls(n)
        eventually(renewed)

    made = bench(slow)
    made.actor.send(n=1)
    made.drain(threads=2)
    assert calls.seen == [1]
    assert len(ends) == 4


def test_a_full_queue_refuses_new_messages_but_never_a_retry(
    settings_env: SettingsEnv, bench: Callable[..., Bench]
) -> None:
    settings_env(EMBEDDED_QUEUE_MAX="2")
    made = bench(Calls())
    for n in range(2):
        made.actor.send(n=n)
    with pytest.raises(ConnectionClosed, match="holds 2 messages"):
        made.actor.send(n=3)
    made.actor.send_with_options(kwargs={"n": 3}, delay=10)
    with db.atomic():
        made.actor.send(n=4)
    assert stored() == 4


def test_a_queue_nobody_declared_is_refused(bench: Callable[..., Bench]) -> None:
    with pytest.raises(QueueNotFound):
        bench(Calls()).broker.consume("jobs")


def test_waiting_for_a_queue_ends_in_time(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    made.actor.send(n=1)
    with pytest.raises(QueueJoinTimeout):
        made.broker.join("clicks", timeout=50)
    made.broker.flush("clicks")
    made.broker.join("clicks", timeout=50)


def test_a_second_process_is_refused_with_the_number_of_the_first(bench: Callable[..., Bench]) -> None:
    one, other = bench(Calls()), bench(Calls())
    one.broker.claim()
    with pytest.raises(DatabaseInUse, match=rf"process {os.getpid()} .*SQLITE_PATH"):
        other.broker.claim()
    one.broker.close()
    other.broker.claim()


def test_a_process_that_only_sends_needs_no_claim(bench: Callable[..., Bench]) -> None:
    consuming, sending = bench(Calls()), bench(Calls())
    consuming.broker.claim()
    sending.actor.send(n=1)
    assert stored() == 1


def test_leases_of_a_dead_process_are_void_at_the_next_start(bench: Callable[..., Bench]) -> None:
    calls = Calls()
    made = bench(calls)
    made.actor.send(n=1)
    queue.lease("clicks", "process-0", 1, now() + timedelta(hours=1))
    made.drain()
    assert calls.seen == [1]


def test_postgresql_without_a_broker_is_refused(settings_env: SettingsEnv) -> None:
    with pytest.raises(SettingsError, match="RABBITMQ_URL: is not set"):
        SqliteBroker(settings_env(DATABASE_URL="postgresql://user@localhost/name"), middleware=[])


def test_published_bodies_are_committed_when_their_futures_are_done(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    bodies = [encode_message("process_click", {"n": n}) for n in range(200)]
    futures = [made.broker.publisher.publish("clicks", body, 60.0) for body in bodies]
    for future in futures:
        assert future.result(60) is None
    assert [bytes(body) for (body,) in fetch("select body from queue_message order by id")] == bodies


def test_the_publisher_refuses_when_the_queue_is_full(settings_env: SettingsEnv, bench: Callable[..., Bench]) -> None:
    settings_env(EMBEDDED_QUEUE_MAX="1")
    made = bench(Calls())
    body = encode_message("process_click", {})
    assert made.broker.publisher.publish("clicks", body, 60.0).result(60) is None
    with pytest.raises(ConnectionClosed, match="holds 1 messages"):
        made.broker.publisher.publish("clicks", body, 60.0).result(60)


def test_the_publisher_fails_what_came_too_late(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    body = encode_message("process_click", {})
    with pytest.raises(ConnectionClosed, match="too slow"):
        made.broker.publisher.publish("clicks", body, 0.0).result(60)
    assert stored() == 0


def test_the_publisher_survives_a_database_that_cannot_be_written(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench(Calls())
    body = encode_message("process_click", {})
    execute("alter table queue_message rename to away")
    with pytest.raises(ConnectionClosed, match="cannot be written"):
        made.broker.publisher.publish("clicks", body, 60.0).result(60)
    execute("alter table away rename to queue_message")
    assert made.broker.publisher.publish("clicks", body, 60.0).result(60) is None


def test_a_body_that_is_no_message_is_refused_by_the_publisher(bench: Callable[..., Bench]) -> None:
    with pytest.raises(ValueError):
        bench(Calls()).broker.publisher.publish("clicks", b"{}", 60.0)


def test_a_closed_publisher_takes_nothing(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    made.broker.close()
    with pytest.raises(ConnectionClosed):
        made.broker.publisher.publish("clicks", encode_message("process_click", {}), 60.0).result(1)


CHILD = """
import dramatiq
from dramatiq import Actor, Worker
from config.settings import get_settings
from models.database import connect, db, execute
from worker.embedded import SqliteBroker

connect(get_settings())
broker = SqliteBroker(get_settings(), middleware=[])

def first(n):
    with db.atomic():
        execute("insert into step values (1, %s) on conflict do nothing", (n,))
        following.send(n=n)

def second(n):
    execute("insert into step values (2, %s) on conflict do nothing", (n,))

options = {"broker": broker, "priority": 0, "options": {}}
Actor(first, actor_name="first", queue_name="one", **options)
following = Actor(second, actor_name="second", queue_name="two", **options)
worker = Worker(broker, worker_threads=2, worker_timeout=50)
worker.queue_prefetch = 8
worker.start()
print("started", flush=True)
worker.workers[0].join()
"""


def test_killing_the_process_at_any_moment_loses_nothing(sqlite_database: Any, migrated_sqlite_url: str) -> None:
    execute("create table step (step integer, n integer, primary key (step, n))")
    sent = _more_work(0)
    chance = random.Random(7)
    for _ in range(12):
        with _child(migrated_sqlite_url):
            time.sleep(chance.uniform(0.0, 0.12))
        if stored() < 100:  # it was so fast that the next kill could miss it
            sent = _more_work(sent)
    with _child(migrated_sqlite_url):
        eventually(lambda: stored() == 0, seconds=180)
    assert fetch("select step, count(*) from step group by step order by step") == [(1, sent), (2, sent)]
    assert letters() == []


def _more_work(sent: int) -> int:
    """Six hundred first steps after so many; how many there have been then."""
    for n in range(sent, sent + 600):
        body = dramatiq.Message("one", "first", (), {"n": n}, {}).encode()
        queue.put("one", body, new_id())
    return sent + 600


@contextmanager
def _child(url: str) -> Iterator[None]:
    """A worker process that has started; killed at the end."""
    environment = {**os.environ, **REQUIRED, "DATABASE_URL": url}
    with subprocess.Popen([sys.executable, "-c", CHILD], env=environment, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            # the log shares this pipe, and its lines may run into this word
            assert any(b"started" in line for line in iter(child.stdout.readline, b""))
            yield
        finally:
            child.kill()


def test_a_thread_leaves_no_connection_behind(bench: Callable[..., Bench]) -> None:
    made = bench(Calls())
    made.broker.publisher.publish("clicks", encode_message("process_click", {}), 60.0).result(60)
    made.broker.close()
    assert not connections.db.is_closed()
