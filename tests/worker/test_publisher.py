"""The publishing connection where the broker is not to be found, or our own code fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pika
import pytest

from config.clock import monotonic
from tests.eventually import eventually
from worker.orders import NotConnected, PublisherState, PublishFailed
from worker.publisher import ConfirmPublisher
from worker.roles import Role, apply
from worker.wire import Wire


def parameters(url: str, role: Role = "worker") -> list[pika.connection.Parameters]:
    """How a process of this role connects."""
    made = pika.URLParameters(url)
    apply(made, role)
    return [made]


@pytest.fixture
def publisher(rabbitmq_url: str) -> Iterator[ConfirmPublisher]:
    made = ConfirmPublisher(parameters(rabbitmq_url))
    yield made
    made.close()


@pytest.fixture
def nowhere() -> list[pika.connection.Parameters]:
    return parameters("amqp://guest:guest@127.0.0.1:1/", "redirect")


def test_a_patient_publisher_fails_at_the_deadline_when_nobody_answers(
    nowhere: list[pika.connection.Parameters],
) -> None:
    made = ConfirmPublisher(nowhere)
    started = monotonic()

    with pytest.raises(PublishFailed):
        made.publish("jobs", b"x", 0.3).result(60)

    assert monotonic() - started >= 0.3
    made.close()


def test_an_impatient_publisher_fails_at_once_while_the_broker_is_known_to_be_away(
    nowhere: list[pika.connection.Parameters],
) -> None:
    down = threading.Event()
    made = ConfirmPublisher(nowhere, waits=False)
    made.on_state_change.append(lambda state: down.set() if state is PublisherState.DOWN else None)
    made.start()
    assert down.wait(60)

    with pytest.raises(NotConnected):
        made.publish("jobs", b"x", 60).result(0)

    made.close()


def test_a_closed_publisher_takes_nothing(publisher: ConfirmPublisher) -> None:
    publisher.publish("jobs", b"x", 60).result(60)
    publisher.close()

    with pytest.raises(PublishFailed):
        publisher.publish("jobs", b"x", 5).result(0)


def test_closing_waits_for_the_confirms_under_way(publisher: ConfirmPublisher) -> None:
    futures = [publisher.publish("jobs", b"x", 60) for _ in range(2000)]

    publisher.close(60)

    assert [future.exception(0) for future in futures] == [None] * 2000


def test_a_publisher_that_never_published_leaves_nothing_behind(rabbitmq_url: str) -> None:
    threads = set(threading.enumerate())

    ConfirmPublisher(parameters(rabbitmq_url)).close()

    assert set(threading.enumerate()) <= threads


def test_many_threads_share_one_connection(publisher: ConfirmPublisher) -> None:
    failures: list[BaseException | None] = []

    def publish() -> None:
        failures.extend(publisher.publish("jobs", b"x", 60).exception(61) for _ in range(100))

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert failures == [None] * 800


def test_a_bug_on_the_io_thread_fails_what_waits_and_the_next_publish_works(
    publisher: ConfirmPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish("jobs", b"x", 60).result(60)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with monkeypatch.context() as broken:
        _until_idle(publisher)
        broken.setattr(Wire, "send", None)
        with pytest.raises(PublishFailed):
            publisher.publish("jobs", b"x", 60).result(60)
        eventually(lambda: "publisher" not in {thread.name for thread in threading.enumerate()})

    publisher.publish("jobs", b"x", 60).result(60)


def _until_idle(publisher: ConfirmPublisher) -> None:
    """Until the io thread has done all that it was called for: a bug in the middle of reading is a lost connection."""
    idle = threading.Event()
    publisher._loop.add_callback_threadsafe(idle.set)
    assert idle.wait(60)


def test_a_callback_may_publish_the_next_message(publisher: ConfirmPublisher) -> None:
    done = threading.Event()

    def again(_: object) -> None:
        publisher.publish("jobs", b"second", 60).add_done_callback(lambda _: done.set())

    publisher.publish("jobs", b"first", 60).add_done_callback(again)

    assert done.wait(60)


@pytest.mark.parametrize("role", ["redirect", "worker"])
def test_closing_in_the_middle_of_a_handshake_ends_quietly(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[object] = []
    monkeypatch.setattr(threading, "excepthook", broken.append)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = ConfirmPublisher(parameters(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/", role))
        made.start()
        visitor, _ = silent.accept()
        visitor.recv(8)
        made.close()
        visitor.close()
    assert broken == []
