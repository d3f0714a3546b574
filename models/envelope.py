"""The body of a message, wire-compatible with the queue library's own, built and read by task name alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from config import catalog
from config.clock import now
from config.ids import new_id

WARN_BYTES = 64 * 1024
MAX_BYTES = 1024 * 1024


class BadEnvelope(ValueError):
    """The bytes are not a message; the text names the field and never repeats its value."""


def encode_message(
    task: str, kwargs: dict[str, Any], *, message_id: UUID | None = None, options: dict[str, Any] | None = None
) -> bytes:
    """The bytes of one order to run `task` with these arguments."""
    row = catalog.find(task)
    return orjson.dumps({
        "queue_name": row.queue,
        "actor_name": row.name,
        "args": (),
        "kwargs": kwargs,
        "options": options or {},
        "message_id": str(message_id or new_id()),
        "message_timestamp": int(now().timestamp() * 1000),
    })  # fmt: skip


def encode_around(task: str, argument: str, value: bytes) -> bytes:
    """The bytes of one order to run `task` with one argument, whose JSON is ready already and is not looked at."""
    return b"%b%b%b%d%b%b%b" % (
        _opening(task, argument),
        value,
        b'},"message_timestamp":',
        int(now().timestamp() * 1000),
        b',"message_id":"',
        str(new_id()).encode(),
        b'"}',
    )


@lru_cache(maxsize=64)
def _opening(task: str, argument: str) -> bytes:
    row = catalog.find(task)
    opening = {"queue_name": row.queue, "actor_name": row.name, "args": (), "options": {}, "kwargs": {argument: 0}}
    return orjson.dumps(opening).removesuffix(b"0}}")


_SHAPE = {
    "queue_name": str,
    "actor_name": str,
    "args": list,
    "kwargs": dict,
    "options": dict,
    "message_id": str,
    "message_timestamp": int,
}


def decode(body: bytes) -> dict[str, Any]:
    """The message of these bytes, its fields of the right kinds; raises BadEnvelope."""
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadEnvelope("the message is not JSON") from error
    if not isinstance(message, dict):
        raise BadEnvelope("the message is not a JSON object")
    for name, kind in _SHAPE.items():
        if not isinstance(message.get(name), kind):
            raise BadEnvelope(f"the message field {name} is missing or not a {kind.__name__}")
    return {name: message[name] for name in _SHAPE}
