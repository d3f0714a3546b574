"""The private servers behave like real ones and never outlive whoever asked for them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import psutil
import psycopg2
import pytest
from pika.exceptions import AMQPError

from bench.environment import Postgres, Rabbit, postgres
from bench.servers.kept import Kept, ServerFailed, until

PERSISTENT = pika.BasicProperties(delivery_mode=2)
OWNER = """
import sys, time
from bench.servers.kept import Kept
kept = Kept("test")
print(kept.directory, kept.start(["sh", "-c", "setsid sleep 600 & exec sleep 600"], {}, 15), flush=True)
time.sleep(600)
"""


def connect(url: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(url))


def publish(url: str, body: bytes) -> None:
    with connect(url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("orders", durable=True)
        channel.basic_publish("", "orders", body, PERSISTENT, mandatory=True)


def take(url: str) -> bytes | None:
    with connect(url) as connection:
        body: bytes | None = connection.channel().basic_get("orders", auto_ack=True)[2]
        return body


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def hears(connection: pika.BlockingConnection, enough: Callable[[], bool]) -> None:
    """Listen to the broker until it has said enough."""
    deadline = time.monotonic() + 60
    while not enough() and time.monotonic() < deadline:
        connection.process_data_events(0.1)


def wait_until_gone(pids: list[int], directory: Path) -> None:
    deadline = time.monotonic() + 60
    while directory.exists() or any(map(psutil.pid_exists, pids)):
        assert time.monotonic() < deadline, "something stayed behind"
        time.sleep(0.02)


def test_a_confirmed_message_comes_back(rabbitmq_url: str) -> None:
    publish(rabbitmq_url, b"set the points")

    assert take(rabbitmq_url) == b"set the points"


def test_two_virtual_hosts_share_no_queue(rabbitmq_server: Rabbit, rabbitmq_url: str) -> None:
    publish(rabbitmq_url, b"mine")
    other = rabbitmq_server.fresh_vhost()

    with pytest.raises(AMQPError):
        take(other)


def test_a_confirmed_message_survives_a_killed_broker(rabbitmq_server: Rabbit, rabbitmq_url: str) -> None:
    publish(rabbitmq_url, b"kept")
    rabbitmq_server.kill9()
    rabbitmq_server.start()

    assert take(rabbitmq_url) == b"kept"


def test_the_memory_alarm_blocks_a_publisher_until_it_is_cleared(rabbitmq_server: Rabbit, rabbitmq_url: str) -> None:
    blocked: list[bool] = []
    with connect(rabbitmq_url) as connection:
        connection.add_on_connection_blocked_callback(lambda *_: blocked.append(True))
        connection.add_on_connection_unblocked_callback(lambda *_: blocked.append(False))
        rabbitmq_server.set_alarm()
        channel = connection.channel()
        channel.basic_publish("", "nowhere", b"")
        hears(connection, lambda: bool(blocked))
        rabbitmq_server.set_alarm(False)
        hears(connection, lambda: len(blocked) > 1)

    assert blocked == [True, False]


def test_a_policy_limits_a_queue(rabbitmq_server: Rabbit, rabbitmq_url: str) -> None:
    definition = '[{<<"max-length">>, 1}, {<<"overflow">>, <<"reject-publish">>}]'
    rabbitmq_server.set_policy(rabbitmq_url, "short", "orders", definition)
    publish(rabbitmq_url, b"first")

    with pytest.raises(pika.exceptions.NackError):
        publish(rabbitmq_url, b"second")


def test_a_wrong_expression_is_reported(rabbitmq_server: Rabbit) -> None:
    with pytest.raises(ServerFailed, match="badmatch"):
        rabbitmq_server.evaluate("1 = 2")


def test_the_broker_listens_on_loopback_only(rabbitmq_server: Rabbit) -> None:
    listening = [
        each.laddr.ip for each in psutil.Process(rabbitmq_server.pid).net_connections() if each.status == "LISTEN"
    ]

    assert set(listening) == {"127.0.0.1"}


def test_fresh_databases_share_no_table(databases: Postgres, postgres_url: str) -> None:
    rows(postgres_url, "create table mine ()")
    other = databases.fresh_database()

    assert rows(other, "select to_regclass('mine')") == [(None,)]


def test_a_committed_row_survives_a_killed_server(postgres_server: Postgres, postgres_url: str) -> None:
    rows(postgres_url, "create table kept as select 1 as one")
    postgres_server.kill9()
    postgres_server.start()

    assert rows(postgres_url, "select one from kept") == [(1,)]


def test_every_way_to_stop_the_server_keeps_its_data(postgres_server: Postgres, postgres_url: str) -> None:
    rows(postgres_url, "create table kept as select 1 as one")
    for mode in ("smart", "fast", "immediate"):
        postgres_server.stop(mode)
        postgres_server.start()

    assert rows(postgres_url, "select one from kept") == [(1,)]


@pytest.fixture(scope="module")
def durable() -> Iterator[Postgres]:
    """A server as benches get it; the tests' own need not outlive the machine."""
    with postgres() as server:
        yield server


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_the_server_is_as_durable_as_in_production(durable: Postgres, setting: str) -> None:
    assert rows(durable.url, f"show {setting}") == [("on",)]


def test_nothing_stays_when_the_owner_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        directory, pid = owner.stdout.readline().split()
        keeper = psutil.Process(int(pid)).parent()
        assert keeper
        # the shell may still be about to start its daemon
        until(lambda: len(keeper.children(recursive=True)) == 2, 30, lambda: AssertionError("no daemon"))
        family = [keeper.pid, *(child.pid for child in keeper.children(recursive=True))]
        owner.send_signal(signal.SIGKILL)

    wait_until_gone(family, Path(directory))


def test_closing_ends_daemons_and_removes_the_directory() -> None:
    kept = Kept("test")
    pid = kept.start(["sh", "-c", "setsid sleep 600 & exec sleep 600"], {}, signal.SIGTERM)
    family = [child.pid for child in psutil.Process(kept.keeper_pid).children(recursive=True)]
    kept.close()

    assert pid in family
    wait_until_gone(family, kept.directory)


def test_a_server_that_does_not_start_shows_its_output() -> None:
    kept = Kept("test")
    try:
        with pytest.raises(ServerFailed, match="no such thing"):
            kept.run(["sh", "-c", "echo no such thing; exit 1"])
    finally:
        kept.close()
