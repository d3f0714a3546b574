"""The whole redirect on real servers: a click arrives once, whichever of broker and database is away."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pika
import pytest
from pydantic import SecretStr

from bench.environment import Rabbit
from config.clock import now
from config.settings import Settings, get_settings
from core.ads.admission import admit_bodies
from core.ads.links import issue_click_link
from core.ads.local_adload import LocalAdLoad
from models import partitions, queue
from models.ads import Click
from models.database import connect, db, drop_connection
from tests.conftest import SettingsEnv
from tests.eventually import eventually
from tests.web.fakes import clicks_of
from tests.web.rows import DESTINATION, world
from tests.web.visits import CHROME, Answer
from web.breaker import State
from web.redirect import Redirect, make_app
from worker.publisher import ConfirmPublisher, PublisherState

IP = "203.0.113.7"
# a visitor's budget is 150 ms; this only tells a bounded wait from a hang on a loaded machine
BUDGET = 15.0
# pika leaves sockets of its loop to the garbage collector; it runs here, so that no other test is blamed
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
NOWHERE = "amqp://127.0.0.1:1/%2F"


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor who waits for the first way that his click is given, however long a loaded machine takes for it."""
    for limit in ("intake.PATIENCE", "gate.PATIENCE", "gate.CONFIRM_DEADLINE", "gate.SLOW_SECONDS"):
        monkeypatch.setattr(f"web.{limit}", 60.0)
    monkeypatch.setattr("web.inline.STATEMENT_MS", 60_000)
    monkeypatch.setattr("web.breaker.SLOW_SECONDS", 60.0)


class Site:
    """A running redirect with one offer in a real database."""

    def __init__(self, settings: Settings) -> None:
        today = datetime.now(UTC).date()
        partitions.keep_ahead(today, today)
        self.offer_id, self.informer_id = world()
        self.app: Redirect = make_app(settings)
        eventually(lambda: self.app._intake.table.loaded)

    def click(self, ip: str = IP) -> tuple[str, float]:
        """One visit: where it led, and after how many seconds."""
        url = issue_click_link(self.offer_id, self.informer_id, ip, "https://news.example/", now(), base_url="")
        parts = urlsplit(url)
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REMOTE_ADDR": ip,
            "HTTP_USER_AGENT": CHROME,
        }
        answers: list[Answer] = []
        started = time.monotonic()
        self.app(environ, lambda status, headers: answers.append(Answer(status, headers)))
        return answers[0]["Location"], time.monotonic() - started

    def broker_is(self, state: PublisherState) -> bool:
        """How the publishing connection stands; until the first attempt is over clicks wait for it, or are spooled."""
        publisher = self.app._intake.gate._publisher
        return isinstance(publisher, ConfirmPublisher) and publisher.state is state

    @property
    def state(self) -> State:
        """How the breaker stands."""
        return self.app._intake.breaker.state


@contextmanager
def site(settings: Settings) -> Iterator[Site]:
    running = Site(settings)
    try:
        yield running
    finally:
        running.app.close()
        del running
        gc.collect()


def test_with_a_healthy_broker_the_click_is_one_message_in_the_queue(
    settings_env: SettingsEnv, database: Any, rabbitmq_url: str, unhurried: None
) -> None:
    with site(settings_env(RABBITMQ_URL=rabbitmq_url)) as here:
        eventually(lambda: here.broker_is(PublisherState.UP))
        location, _ = here.click()
        messages = _consumed(rabbitmq_url)
        assert location.startswith(DESTINATION)
        assert [(message["actor_name"], message["queue_name"]) for message in messages] == [("process_click", "clicks")]
        assert _admitted(messages) == _rows() == 1


def test_check_6_with_the_broker_away_the_click_is_decided_here_by_the_same_rules(
    settings_env: SettingsEnv, database: Any, unhurried: None
) -> None:
    with site(settings_env(RABBITMQ_URL=NOWHERE)) as here:
        eventually(lambda: here.broker_is(PublisherState.DOWN))
        location, seconds = here.click()
        assert location.startswith(DESTINATION)
        assert seconds < BUDGET
        assert _rows() == 1
        assert Click.get().state == "done"


def test_check_6_a_silent_broker_holds_no_visitor_up(settings_env: SettingsEnv, database: Any, tmp_path: Path) -> None:
    with _blackhole() as url, site(settings_env(RABBITMQ_URL=url)) as here:
        waits = [here.click(f"203.0.113.{host}")[1] for host in range(20)]
        assert max(waits) < BUDGET
        eventually(lambda: _rows() + len(_spooled(tmp_path)) >= 20)


def test_check_7_broker_and_database_away_the_click_is_on_disk_and_counted_once_after_recovery(
    settings_env: SettingsEnv, database: Any, rabbitmq_url: str, tmp_path: Path, unhurried: None
) -> None:
    settings = settings_env(RABBITMQ_URL=NOWHERE)
    with site(settings) as here:
        eventually(lambda: here.broker_is(PublisherState.DOWN))
        with _database_away(settings):
            location, seconds = here.click()
        assert location.startswith(DESTINATION)
        assert seconds < BUDGET
        assert len(_spooled(tmp_path)) == 1
    with site(settings_env(RABBITMQ_URL=rabbitmq_url)):
        eventually(lambda: not list((tmp_path / "spool").iterdir()))
        messages = _consumed(rabbitmq_url)
        assert _admitted(messages + messages) == 1
        assert _rows() == 1


def test_a_broker_that_refuses_for_a_full_queue_leaves_the_click_to_us(
    settings_env: SettingsEnv, sqlite_database: Any, rabbitmq_server: Rabbit, rabbitmq_url: str, unhurried: None
) -> None:
    with site(settings_env(RABBITMQ_URL=rabbitmq_url)) as here:
        eventually(lambda: here.broker_is(PublisherState.UP))
        here.click("203.0.113.1")
        rabbitmq_server.set_policy(
            rabbitmq_url, "full", "^clicks$", '[{<<"max-length">>, 1}, {<<"overflow">>, <<"reject-publish">>}]'
        )
        eventually(lambda: here.click("203.0.113.2")[0].startswith(DESTINATION) and _rows() >= 1)


def test_an_alarm_of_the_broker_opens_the_breaker_and_its_end_closes_it(
    settings_env: SettingsEnv, sqlite_database: Any, rabbitmq_server: Rabbit, rabbitmq_url: str, tmp_path: Path
) -> None:
    with site(settings_env(RABBITMQ_URL=rabbitmq_url)) as here:
        eventually(lambda: here.broker_is(PublisherState.UP))
        here.click("203.0.113.1")
        rabbitmq_server.set_alarm()
        try:
            waits = [here.click(f"203.0.113.{host}")[1] for host in range(2, 22)]
            eventually(lambda: here.state is State.OPEN)
        finally:
            rabbitmq_server.set_alarm(False)
        assert max(waits) < BUDGET
        eventually(lambda: bool(here.click("203.0.113.99")) and here.state is State.CLOSED, 120)
        eventually(lambda: not _spooled(tmp_path))
        # what was published, decided here or drained from the disk, together and each once
        _admitted(_consumed(rabbitmq_url))
        assert Click.select().where(Click.ip != "203.0.113.99").count() == 21


def test_embedded_the_click_is_a_committed_row_of_the_queue(
    settings_env: SettingsEnv, sqlite_database: Any, unhurried: None
) -> None:
    with site(get_settings()) as here:
        location, _ = here.click()
        assert location.startswith(DESTINATION)
        assert queue.count("clicks") == 1


def _consumed(url: str) -> list[dict[str, Any]]:
    messages = []
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        while (got := channel.basic_get("clicks", auto_ack=True))[0] is not None:
            messages.append(orjson.loads(got[2]))
    return messages


def _admitted(messages: list[dict[str, Any]]) -> int:
    """Do the worker's part; the number of different clicks."""
    bodies = [click for message in messages for click in clicks_of(message)]
    for body in bodies:
        admit_bodies([body], LocalAdLoad())
    return len({body["click_id"] for body in bodies})


def _rows() -> int:
    return int(Click.select().count())


def _spooled(folder: Path) -> list[bytes]:
    while True:
        with suppress(FileNotFoundError):  # whoever hands files over renames and deletes them
            return [line for path in (folder / "spool").glob("*.jsonl") for line in path.read_bytes().splitlines()]


@contextmanager
def _blackhole() -> Iterator[str]:
    """A listener that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"amqp://127.0.0.1:{listener.getsockname()[1]}/%2F"


@contextmanager
def _database_away(settings: Settings) -> Iterator[None]:
    """New and existing connections fail, as after a crash of the database."""
    real = db.obj
    drop_connection()
    connect(settings.model_copy(update={"database_url": SecretStr(
        "postgresql://nobody@127.0.0.1:1/none"
    )}))  # fmt: skip
    try:
        yield
    finally:
        db.initialize(real)
