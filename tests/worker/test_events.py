"""What subscribers of the event exchange get: each change once committed, as a persistent JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import dramatiq
import orjson
import pika
import pytest
from dramatiq import Worker
from dramatiq.errors import ConnectionClosed
from structlog.testing import capture_logs

from core.ads import clicks as messages
from core.ads.admission import admit
from models.database import db, disconnect, fetch
from tests.conftest import SettingsEnv
from tests.core.ads import stage
from tests.eventually import eventually
from tests.runtime.conftest import be_patient
from worker import actor as actors
from worker import events
from worker.ads import clicks
from worker.broker import HardenedRabbitmqBroker, load_actors, make_broker
from worker.failures import BadMessage
from worker.outbox import Relay
from worker.process import await_threads


@pytest.fixture
def broker(
    postgres_database: Any, rabbitmq_url: str, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HardenedRabbitmqBroker]:
    be_patient(monkeypatch)
    made = bound(settings_env, rabbitmq_url)
    yield from ended(made)


@pytest.fixture
def embedded(sqlite_database: Any, settings_env: SettingsEnv) -> Iterator[Any]:
    load_actors()
    yield from ended(make_broker(settings_env(), "worker"))


def bound(settings_env: SettingsEnv, url: str) -> HardenedRabbitmqBroker:
    load_actors()
    made = make_broker(settings_env(RABBITMQ_URL=url), "worker")
    assert isinstance(made, HardenedRabbitmqBroker)
    return made


def ended(broker: Any) -> Iterator[Any]:
    encoder = dramatiq.get_encoder()
    yield broker
    broker.close()
    dramatiq.set_encoder(encoder)
    actors._current.clear()
    disconnect()


class Subscriber:
    """A queue bound to the exchange, as an ad server would have one."""

    def __init__(self, url: str, pattern: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._channel.exchange_declare(events.EXCHANGE, exchange_type="topic", durable=True)
        self.queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self.queue, events.EXCHANGE, pattern)
        self.properties: list[Any] = []

    def read(self) -> list[dict[str, Any]]:
        """What has come by now."""
        found = []
        while (got := self._channel.basic_get(self.queue, auto_ack=True))[0]:
            self.properties.append(got[1])
            found.append({"key": got[0].routing_key} | orjson.loads(got[2]))
        return found

    def wait(self) -> list[dict[str, Any]]:
        """What comes next."""
        found: list[dict[str, Any]] = eventually(self.read)
        return found

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def subscriber(rabbitmq_url: str) -> Iterator[Subscriber]:
    made = Subscriber(rabbitmq_url, "#")
    yield made
    made.close()


def test_a_bound_queue_gets_exactly_the_documents_and_they_are_persistent(
    broker: HardenedRabbitmqBroker, subscriber: Subscriber
) -> None:
    documents = [events.document("campaign.stop", {"campaign_id": number}) for number in range(3)]
    for each in documents:
        events.publish_event(key="campaign.stop", document=each)
    assert subscriber.read() == [{"key": "campaign.stop"} | each for each in documents]
    assert {properties.delivery_mode for properties in subscriber.properties} == {2}
    assert UUID(documents[0]["id"]).version == 7
    assert (documents[0]["schema"], set(documents[0])) == ("signalbox.campaign.stop/1", {"id", "schema", "at", "data"})


def test_a_queue_gets_the_keys_it_is_bound_to(broker: HardenedRabbitmqBroker, rabbitmq_url: str) -> None:
    informers = Subscriber(rabbitmq_url, "informer.*")
    for key in ("campaign.start", "informer.update"):
        events.publish_event(key=key, document=events.document(key, {}))
    assert [each["key"] for each in informers.wait()] == ["informer.update"]
    informers.close()


def test_an_event_without_subscribers_is_published_all_the_same(broker: HardenedRabbitmqBroker) -> None:
    events.publish_event(key="campaign.start", document=events.document("campaign.start", {}))


def test_an_event_follows_the_commit_of_its_change_through_outbox_and_worker(
    broker: HardenedRabbitmqBroker, subscriber: Subscriber
) -> None:
    with db.atomic():
        events.announce("campaign.update", campaign_id=7)
        assert subscriber.read() == []
    worker = Worker(broker, queues={"jobs"}, worker_threads=1, worker_timeout=100)
    worker.start()
    await_threads(worker)
    found = subscriber.wait()
    worker.stop(5000)
    assert [(each["key"], each["data"]) for each in found] == [("campaign.update", {"campaign_id": 7})]


def test_a_change_that_is_rolled_back_tells_nobody(broker: HardenedRabbitmqBroker) -> None:
    with db.atomic() as transaction:
        events.announce("campaign.update", campaign_id=7)
        transaction.rollback()
    Relay(broker.publisher, lambda queue: 0).round()
    assert fetch("select count(*) from outbox") == [(0,)]
    assert broker.get_queue_message_counts("jobs") == (0, 0, 0)


def test_while_the_broker_is_away_the_run_fails_and_the_same_document_goes_out_later(
    postgres_database: Any, rabbitmq_url: str, settings_env: SettingsEnv, subscriber: Subscriber
) -> None:
    told = events.document("campaign.start", {"campaign_id": 1})
    nowhere = bound(settings_env, "amqp://guest:guest@127.0.0.1:1/")
    nowhere.patience = replace(nowhere.patience, confirm=0.2, attempts=1)
    with pytest.raises(ConnectionClosed):
        events.publish_event(key="campaign.start", document=told)
    nowhere.close()
    for _ in ended(bound(settings_env, rabbitmq_url)):
        events.publish_event(key="campaign.start", document=told)
    assert [each["id"] for each in subscriber.read()] == [told["id"]]
    assert events.publish_event.options["max_retries"] == 5


def test_the_embedded_mode_logs_the_event(embedded: Any) -> None:
    with capture_logs() as logged:
        events.publish_event(key="campaign.stop", document=events.document("campaign.stop", {"campaign_id": 3}))
    [line] = [line for line in logged if line["event"] == "event_published"]
    assert (line["log_level"], line["key"], line["data"]) == ("info", "campaign.stop", {"campaign_id": 3})


def test_an_unknown_key_is_refused_before_anything_is_sent(embedded: Any) -> None:
    with pytest.raises(ValueError, match=r"campaign\.start"):
        events.announce("campaign.ended")
    with pytest.raises(BadMessage):
        events.publish_event(key="campaign.ended", document={})
    assert fetch("select count(*) from queue_message") == [(0,)]


def test_clicks_that_count_are_told_in_one_document_without_anything_about_the_visitor(
    broker: HardenedRabbitmqBroker, subscriber: Subscriber, settings_env: SettingsEnv
) -> None:
    settings_env(CLICK_EVENTS="true")
    here = stage.build()
    made = [here.click(number, at=number * stage.SECOND) for number in range(5)]
    clicks.process_clicks(clicks=[messages.payload(click) for click in made])
    [told] = subscriber.wait()
    assert told["key"] == "action.click"
    assert [each["click_id"] for each in told["data"]["clicks"]] == [str(click.click_id) for click in made[:3]]
    assert told["data"]["clicks"][0] | {"click_id": "", "clicked_at": ""} == {
        "click_id": "", "clicked_at": "", "offer": str(here.offers[0].guid), "campaign_id": here.campaign.id,
        "informer_id": here.informer.id, "unique": True, "social": False, "advertiser_cost": 50_000,
        "partner_cost": 30_000,
    }  # fmt: skip
    assert stage.IP not in repr(told)


def test_clicks_that_adload_confirms_are_told_once(embedded: Any, settings_env: SettingsEnv) -> None:
    settings_env(CLICK_EVENTS="true")
    click = stage.build().click()
    adload = stage.Answering()
    told = [admit([click], adload).done, admit([click], adload).done]
    assert [[each["partner_cost"] for each in done] for done in told] == [[30_000], []]


def test_by_default_nobody_is_told_of_clicks(embedded: Any) -> None:
    with capture_logs() as logged:
        clicks.process_clicks(clicks=[messages.payload(stage.build().click())])
    assert [line for line in logged if line["event"] == "event_published"] == []
