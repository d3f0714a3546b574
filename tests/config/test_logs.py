"""Logs of every process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import orjson
import pytest
import structlog

from config.logs import configure, redact
from tests.conftest import SettingsEnv

Configure = Callable[[], None]


@pytest.fixture
def configure_json(settings_env: SettingsEnv) -> Iterator[Configure]:
    """To be called in the test, whose own stderr it then writes to."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield lambda: configure(settings_env(LOG_FORMAT="json", LOG_LEVEL="INFO"))
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET https://a.example/x?token=abc&b=1 failed", "GET https://a.example/x?*** failed"),
        ("amqp://user:pass@broker:5672/", "amqp://***@broker:5672/"),
        ("https://api.telegram.org/bot123:ABC/sendMessage", "https://api.telegram.org/bot***/sendMessage"),
        ("sent to jane.doe@example.org", "sent to ***"),
        ("call +44 7700 900123 now", "call *** now"),
        ("from 203.0.113.77", "from 203.0.113.0/24"),
        ("from 203.0.113.0/24", "from 203.0.113.0/24"),
        ("listening at 0.0.0.0:8001", "listening at 0.0.0.0:8001"),
        ("from 2001:db8:1:2::77", "from 2001:db8:1::/48"),
        ("at 09:51:16", "at 09:51:16"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("password='hunter2'", "password='***'"),
        ("0197a3c4-7c00-7000-8000-000000000001", "0197a3c4-7c00-7000-8000-000000000001"),
    ],
)
def test_text_is_redacted(text: str, clean: str) -> None:
    assert redact(text) == clean


def test_an_event_is_one_line_of_json_without_secrets(
    configure_json: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_json()
    structlog.get_logger("signalbox").info("url_opened", url="https://a.example/?key=1", rows=3)

    line = orjson.loads(capsys.readouterr().err)
    assert line["event"] == "url_opened"
    assert line["rows"] == 3
    assert line["url"] == "https://a.example/?***"
    assert line["level"] == "info"
    assert line["ts"].endswith("Z")


def test_exception_texts_are_redacted(configure_json: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure_json()
    try:
        raise ValueError("no such user jane@example.org")
    except ValueError:
        structlog.get_logger("signalbox").exception("lookup_failed")

    text = capsys.readouterr().err
    assert "ValueError" in text
    assert "jane" not in text


def test_records_of_libraries_look_the_same(configure_json: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure_json()
    logging.getLogger("library").warning("lost %s", "203.0.113.9")

    assert orjson.loads(capsys.readouterr().err)["event"] == "lost 203.0.113.0/24"


def test_a_library_that_repeats_itself_is_written_once(
    configure_json: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_json()
    for attempt in range(5):
        logging.getLogger("library").warning("cannot connect, attempt %d", attempt)

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_consumers_that_lose_the_broker_together_write_one_line(
    configure_json: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_json()
    for queue in ("clicks", "clicks.DQ", "jobs"):
        logging.getLogger(f"dramatiq.worker.ConsumerThread({queue})").info("Restarting consumer in 3.00 seconds.")

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_warning_of_ours_is_written_once_unless_it_says_something_new(
    configure_json: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_json()
    for job in (1, 1, 2, 2, 1):
        structlog.get_logger("signalbox").warning("database_gone", job=job)

    assert [orjson.loads(line)["job"] for line in capsys.readouterr().err.splitlines()] == [1, 2]


def test_news_of_ours_is_always_written(configure_json: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure_json()
    for _ in range(3):
        structlog.get_logger("signalbox").info("task_ended", rows=0)

    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_repeated_warning_is_written_again_after_ten_seconds(
    configure_json: Configure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_json()
    for second in (0.0, 9.0, 10.0):
        monkeypatch.setattr("config.logs.monotonic", lambda second=second: second)
        structlog.get_logger("signalbox").warning("database_gone")

    assert len(capsys.readouterr().err.splitlines()) == 2


def test_arguments_of_tasks_are_never_written(configure_json: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure_json()
    logging.getLogger("dramatiq.worker.WorkerThread").error("Failed to process message %s", "pay(card=4111)")

    assert capsys.readouterr().err == ""
