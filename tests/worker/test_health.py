"""What `doctor` says about the broker."""

from __future__ import annotations

import pika
import pytest

from config.catalog import QUEUES
from config.settings import Settings
from tests.conftest import SettingsEnv
from worker.broker import HardenedRabbitmqBroker
from worker.health import broker_findings
from worker.roles import connect


@pytest.fixture
def settings(settings_env: SettingsEnv, rabbitmq_url: str) -> Settings:
    return settings_env(RABBITMQ_URL=rabbitmq_url)


def declared(settings: Settings) -> HardenedRabbitmqBroker:
    """A broker whose queues exist."""
    broker = HardenedRabbitmqBroker(settings, "relay", [])
    for queue in QUEUES:
        broker.declare_queue(queue)
    broker.declare_queue(QUEUES[0], ensure=True)
    return broker


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_queues_as_we_declare_them_are_fine(settings_env: SettingsEnv, rabbitmq_url: str, kind: str) -> None:
    settings = settings_env(RABBITMQ_URL=rabbitmq_url, QUEUE_TYPE=kind)
    declared(settings).close()

    assert {state for state, _, _ in broker_findings(settings)} == {"ok"}


def test_queues_that_are_not_there_yet_are_a_warning(settings: Settings) -> None:
    states = [state for state, what, _ in broker_findings(settings) if "not there yet" in what]

    assert states == ["!"] * len(QUEUES)


def test_a_queue_with_other_arguments_is_named_with_the_command_that_helps(settings: Settings) -> None:
    broker = declared(settings)
    with connect(broker.parameters) as connection:
        channel = connection.channel()
        channel.queue_delete("jobs.XQ")
        channel.queue_declare("jobs.XQ", durable=True)
    broker.close()

    (found,) = [each for each in broker_findings(settings) if each[0] == "x"]
    assert "jobs.XQ" in found[1]
    assert "rabbitmqctl delete_queue jobs.XQ" in found[2]


def test_publishing_goes_on_when_a_queue_has_other_arguments(settings: Settings) -> None:
    with pika.BlockingConnection(pika.URLParameters(settings.rabbitmq_url.get_secret_value())) as other:  # type: ignore[union-attr]
        other.channel().queue_declare("jobs", durable=True)
    broker = HardenedRabbitmqBroker(settings, "worker", [])

    broker.publish("jobs", b"first")
    broker.publish("jobs", b"second")

    assert broker.channel.queue_declare("jobs", passive=True).method.message_count == 2
    broker.close()


def test_a_broker_that_does_not_answer_is_said_in_one_line(settings_env: SettingsEnv) -> None:
    (found,) = broker_findings(settings_env(RABBITMQ_URL="amqp://guest:guest@127.0.0.1:1/"))

    assert found[0] == "x"
    assert "does not answer" in found[1]
