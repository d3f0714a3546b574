"""What goes over the wire, and what of it is believed."""

from __future__ import annotations

from typing import Any

import dramatiq
import orjson
import pytest

from config.ids import new_id
from models.envelope import MAX_BYTES, BadEnvelope
from worker.encoder import JsonEncoder, MessageTooLarge, encoded


def fields(**changes: Any) -> dict[str, Any]:
    """A good message with some fields changed."""
    good = {
        "queue_name": "jobs", "actor_name": "greet", "args": [], "kwargs": {"name": "ada"}, "options": {},
        "message_id": str(new_id()), "message_timestamp": 1,
    }  # fmt: skip
    return good | changes


def test_the_library_reads_what_we_write_and_the_reverse() -> None:
    ours, theirs = JsonEncoder(), dramatiq.JSONEncoder()
    message = fields(options={"retries": 1})

    assert theirs.decode(ours.encode(message)) == message
    assert ours.decode(theirs.encode(message)) == message


def test_known_options_are_kept() -> None:
    options = {"attempt": 2, "retries": 1, "eta": 5, "traceback": "x", "traceparent": "00-a-b-01", "dedupe_key": "k"}

    assert JsonEncoder().decode(orjson.dumps(fields(options=options)))["options"] == options


@pytest.mark.parametrize(
    "options",
    [
        {"throws": "x"}, {"max_retries": 99}, {"time_limit": 1}, {"pipe_target": {}}, {"retries": "1"}, {"retries": -1},
        {"retries": True}, {"attempt": 2**62}, {"eta": "soon"}, {"eta": 1e300}, {"dedupe_key": "a\0b"},
        {"traceback": "x" * 10_000},
    ],
)  # fmt: skip
def test_options_that_could_steer_a_worker_are_dropped(options: dict[str, Any]) -> None:
    assert JsonEncoder().decode(orjson.dumps(fields(options=options)))["options"] == {}


@pytest.mark.parametrize(
    "changes", [{"message_id": "7"}, {"message_id": 7}, {"actor_name": "a\0"}, {"actor_name": "a" * 999}, {"args": {}}]
)
def test_fields_of_the_wrong_kind_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadEnvelope):
        JsonEncoder().decode(orjson.dumps(fields(**changes)))


def test_fields_of_a_newer_version_are_ignored() -> None:
    assert "colour" not in JsonEncoder().decode(orjson.dumps(fields(colour="red")))


def test_a_message_above_one_mebibyte_is_refused_before_it_is_sent() -> None:
    dramatiq.set_encoder(JsonEncoder())
    message: dramatiq.Message[Any] = dramatiq.Message("jobs", "greet", (), {"name": "x" * MAX_BYTES}, {})

    with pytest.raises(MessageTooLarge, match="pass ids"):
        encoded(message)
