"""The relay on real servers: what is committed gets out, what is confirmed is deleted, whatever breaks in between."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pika
import psycopg2
import pytest

from config.clock import now
from config.errors import SettingsError
from config.ids import new_id
from models import database as connections
from models import outbox
from models.database import db, execute, fetch
from models.envelope import decode, encode_message
from tests.conftest import REQUIRED, SettingsEnv
from tests.eventually import eventually
from worker.broker import HardenedRabbitmqBroker
from worker.outbox import BATCH, PROBE, Relay, run, run_rounds
from worker.publisher import PublishFailed

QUEUE = "jobs"


@pytest.fixture
def broker(postgres_database: Any, settings_env: SettingsEnv, rabbitmq_url: str) -> Iterator[HardenedRabbitmqBroker]:
    """A relay's broker on a fresh virtual host, beside a fresh database."""
    made = HardenedRabbitmqBroker(settings_env(RABBITMQ_URL=rabbitmq_url), "relay", [])
    yield made
    made.close()


@pytest.fixture
def relay(broker: HardenedRabbitmqBroker, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """A relay whose bulk queues are never full and whose first round waits for its connection, however long."""
    monkeypatch.setattr("worker.outbox.CONFIRM_SECONDS", 60.0)
    return Relay(broker.publisher, lambda queue: 0)


@pytest.fixture
def arrived(rabbitmq_url: str) -> Iterator[Callable[[], list[int]]]:
    """Take what is in the queue; the numbers in its messages."""
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        yield lambda: [body["kwargs"]["n"] for body in _drain(connection)]


def _drain(connection: pika.BlockingConnection) -> list[dict[str, Any]]:
    channel, found = connection.channel(), []
    while (got := channel.basic_get(QUEUE, auto_ack=True))[0] is not None:
        found.append(decode(got[2]))
    channel.close()
    return found


def put(n: int, **more: Any) -> int | None:
    message_id = new_id()
    body = encode_message("refresh_campaign", {"n": n}, message_id=message_id)
    return outbox.put("refresh_campaign", QUEUE, body, message_id, **more)


def waiting() -> int:
    return int(fetch("select count(*) from outbox")[0][0])


@contextmanager
def running(*relays: Relay) -> Iterator[None]:
    """Relays at work in threads of their own."""
    stop = threading.Event()
    threads = [threading.Thread(target=run_rounds, args=(relay, stop)) for relay in relays]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


class Scripted:
    """A publisher that fails as told; what it confirms is remembered."""

    def __init__(self, fails: Callable[[str], bool]) -> None:
        self.fails = fails
        self.tried: list[str] = []

    def publish(self, queue: str, body: bytes, deadline: float) -> Future[None]:
        self.tried.append(queue)
        future: Future[None] = Future()
        if self.fails(queue):
            future.set_exception(PublishFailed("no"))
        else:
            future.set_result(None)
        return future


def test_a_committed_message_is_published_and_its_row_is_gone(relay: Relay, arrived: Callable[[], list[int]]) -> None:
    put(1)
    relay.round()
    assert arrived() == [1]
    assert waiting() == 0


def test_a_rolled_back_message_is_never_published(relay: Relay, arrived: Callable[[], list[int]]) -> None:
    put(0)
    with db.atomic() as transaction:
        put(1)
        transaction.rollback()
    relay.round()
    assert arrived() == [0]


def test_a_crash_right_after_the_commit_costs_only_time(relay: Relay, arrived: Callable[[], list[int]]) -> None:
    put(1)  # whoever wrote it is gone before publishing
    with running(relay):
        eventually(lambda: waiting() == 0)
    assert arrived() == [1]


def test_a_crash_after_the_confirm_repeats_the_message_under_its_old_id(
    relay: Relay, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(ids: object) -> int:
        raise KeyboardInterrupt

    put(1)
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "remove", crash)
        with pytest.raises(KeyboardInterrupt):
            relay.round()
    assert waiting() == 1
    relay.round()
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        ids = [body["message_id"] for body in _drain(connection)]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert waiting() == 0


def test_two_relays_share_the_work(
    relay: Relay, broker: HardenedRabbitmqBroker, arrived: Callable[[], list[int]]
) -> None:
    with db.atomic():
        for n in range(1500):
            put(n)
    with running(relay, Relay(broker.publisher, lambda queue: 0)):
        eventually(lambda: waiting() == 0)
    assert sorted(arrived()) == list(range(1500))


def test_a_row_that_another_relay_holds_is_passed_over(
    relay: Relay, migrated_postgres_url: str, arrived: Callable[[], list[int]]
) -> None:
    held, _ = put(1), put(2)
    other = psycopg2.connect(migrated_postgres_url)
    try:
        other.cursor().execute("select id from outbox where id = %s for update", (held,))
        relay.round()
        assert arrived() == [2]
        other.rollback()
    finally:
        other.close()
    relay.round()
    assert arrived() == [1]


def test_a_slow_transaction_with_a_lower_id_is_not_overlooked(
    relay: Relay, migrated_postgres_url: str, arrived: Callable[[], list[int]]
) -> None:
    slow = psycopg2.connect(migrated_postgres_url)
    try:
        slow.cursor().execute(
            "insert into outbox (message_id, task, queue, body, available_at, created_at) "
            "values (%s, 'refresh_campaign', %s, %s, now(), now())",
            (str(new_id()), QUEUE, encode_message("refresh_campaign", {"n": 1})),
        )
        put(2)
        relay.round()
        assert arrived() == [2]
        slow.commit()
    finally:
        slow.close()
    relay.round()
    assert arrived() == [1]


def test_a_message_waits_for_its_time(relay: Relay, arrived: Callable[[], list[int]]) -> None:
    put(0)
    put(1, available_at=now() + timedelta(hours=1), dedupe_key="later")
    relay.round()
    assert arrived() == [0]
    outbox.move("later", now() - timedelta(seconds=1))
    relay.round()
    assert arrived() == [1]


def test_a_cancelled_message_is_never_published(relay: Relay, arrived: Callable[[], list[int]]) -> None:
    put(0)
    put(1, dedupe_key="never")
    assert outbox.cancel("never")
    relay.round()
    assert arrived() == [0]


def test_older_messages_go_first(relay: Relay, arrived: Callable[[], list[int]]) -> None:
    at = now() - timedelta(minutes=1)
    for n in (2, 1, 0):
        put(n, available_at=at + timedelta(seconds=n))
    relay.round()
    assert arrived() == [0, 1, 2]


@pytest.mark.usefixtures("postgres_database")
def test_a_refused_message_is_tried_again_later_and_later() -> None:
    put(1)
    relay = Relay(Scripted(lambda queue: True), lambda queue: 0)
    waits = []
    for _ in range(7):
        with db.atomic():  # in which the database's clock stands still
            execute("update outbox set available_at = now()")
            relay.round()
            waits.append(float(fetch("select extract(epoch from available_at - now()) from outbox")[0][0]))
    assert waits == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.usefixtures("postgres_database")
def test_a_full_queue_does_not_hold_up_the_others() -> None:
    for _ in range(BATCH):
        put(0)
    other = new_id()
    outbox.put("give_up", "retry", encode_message("give_up", {}, message_id=other), other)
    publisher = Scripted(lambda queue: queue == QUEUE)
    relay = Relay(publisher, lambda queue: 0)
    relay.round()
    relay.round()
    assert "retry" in publisher.tried


@pytest.mark.usefixtures("postgres_database")
def test_while_nothing_is_confirmed_only_a_few_rows_are_tried() -> None:
    for _ in range(3 * PROBE):
        put(0)
    publisher = Scripted(lambda queue: True)
    relay = Relay(publisher, lambda queue: 0)
    relay.round()
    execute("update outbox set available_at = now()")
    publisher.tried.clear()
    relay.round()
    assert len(publisher.tried) == PROBE
    publisher.fails = lambda queue: False
    relay.round()
    assert relay.round() is False
    execute("update outbox set available_at = now()")
    relay.round()
    assert waiting() == 0


def test_the_broker_may_be_away_between_two_steps_of_a_chain(
    relay: Relay, rabbitmq_server: Any, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second step is a row beside the work of the first, so it waits for the broker instead of being lost."""
    put(1)
    relay.round()
    monkeypatch.setattr("worker.outbox.CONFIRM_SECONDS", 2.0)
    with running(relay):
        rabbitmq_server.kill()
        with db.atomic():
            put(2)
        time.sleep(0.5)
        assert waiting() == 1
        rabbitmq_server.start()
        eventually(lambda: waiting() == 0, seconds=180)
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        numbers = [body["kwargs"]["n"] for body in _drain(connection)]
    assert sorted(set(numbers)) == [1, 2]


def test_a_database_that_is_away_for_a_moment_is_awaited(relay: Relay, arrived: Callable[[], list[int]]) -> None:
    with running(relay):
        put(1)
        eventually(lambda: waiting() == 0)
        fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        connections.ensure_connection()
        put(2)
        eventually(lambda: waiting() == 0)
    assert arrived() == [1, 2]


def bulk(key: str, count: int) -> None:
    for _ in range(count):
        put(0, fair_key=key)


@pytest.mark.usefixtures("postgres_database")
def test_bulk_messages_of_many_senders_take_turns() -> None:
    bulk("big", 600)
    bulk("small", 5)
    publisher = Scripted(lambda queue: False)
    Relay(publisher, lambda queue: 0).round()
    left = dict(fetch("select fair_key, count(*) from outbox group by fair_key"))
    assert left == {"big": 400}


@pytest.mark.usefixtures("postgres_database")
def test_bulk_messages_wait_while_their_queue_is_full() -> None:
    bulk("big", 3)
    put(1)
    Relay(Scripted(lambda queue: False), lambda queue: 5000).round()
    assert fetch("select count(*) from outbox where fair_key is not null")[0][0] == 3
    assert waiting() == 3


@pytest.mark.usefixtures("postgres_database")
def test_more_senders_than_fit_into_a_turn_are_all_served() -> None:
    with db.atomic():
        for n in range(BATCH + 20):
            put(0, fair_key=f"service-{n:04}")
    relay = Relay(Scripted(lambda queue: False), lambda queue: 0)
    while waiting():
        relay.round()


@pytest.mark.usefixtures("postgres_database")
def test_a_delayed_bulk_message_waits_for_its_time() -> None:
    put(0, fair_key="big", available_at=now() + timedelta(hours=1))
    Relay(Scripted(lambda queue: False), lambda queue: 0).round()
    assert waiting() == 1


@pytest.mark.usefixtures("postgres_database")
def test_the_backlog_is_measured() -> None:
    assert outbox.backlog() == (0, 0.0)
    put(0, available_at=now() - timedelta(minutes=5))
    put(0, available_at=now() + timedelta(minutes=5))
    count, age = outbox.backlog()
    assert count == 1
    assert 299 < age < 400


RELAY = """
from config.settings import get_settings
from worker.outbox import run
raise SystemExit(run(get_settings()))
"""


@contextmanager
def relay_process(database_url: str, broker_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """The relay as it runs in production."""
    environment = {**os.environ, **REQUIRED, "DATABASE_URL": database_url, "RABBITMQ_URL": broker_url}
    with subprocess.Popen([sys.executable, "-c", RELAY], env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_process_publishes_and_ends_within_seconds_of_a_signal(
    postgres_database: Any, migrated_postgres_url: str, rabbitmq_url: str, arrived: Callable[[], list[int]]
) -> None:
    put(1)
    with relay_process(migrated_postgres_url, rabbitmq_url) as process:
        eventually(lambda: waiting() == 0)
        process.terminate()
        assert process.wait(30) == 0
    assert arrived() == [1]


def test_the_process_files_dead_letters(
    postgres_database: Any, migrated_postgres_url: str, rabbitmq_url: str, broker: HardenedRabbitmqBroker
) -> None:
    # no other queue exists yet, as on the day of installation
    broker.publisher.publish("jobs.XQ", encode_message("refresh_campaign", {}), 60.0).result(60)
    with relay_process(migrated_postgres_url, rabbitmq_url):
        eventually(lambda: fetch("select count(*) from dead_letter")[0][0] == 1)
    assert fetch("select task, queue from dead_letter") == [("refresh_campaign", "jobs")]


def test_the_embedded_mode_has_no_relay(settings_env: SettingsEnv) -> None:
    with pytest.raises(SettingsError, match="RABBITMQ_URL"):
        run(settings_env())
