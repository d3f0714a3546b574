"""Messages as JSON; whatever a foreign or broken sender put into the options cannot steer a worker."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import structlog
from dramatiq import Encoder, Message

from models.envelope import MAX_BYTES, WARN_BYTES, BadEnvelope, decode

log = structlog.get_logger(__name__)

# how a task is run is the catalog's business: a message may only say what happened to it so far
_TEXTS = {"traceback": 4096, "traceparent": 64, "dedupe_key": 512, "follows": 64}
_COUNTS = {"attempt": 1_000_000, "retries": 1_000_000, "eta": 10**15, "requeue_timestamp": 10**15}
LONGEST_NAME = 200


class JsonEncoder(Encoder):
    """The library's own wire format, read strictly: fields of the right kinds, a UUID, known options only."""

    def encode(self, data: dict[str, Any]) -> bytes:
        """The bytes of a message."""
        return orjson.dumps(data)

    def decode(self, data: bytes) -> dict[str, Any]:
        """The message of these bytes; raises BadEnvelope, which the library turns into its DecodeError."""
        message = decode(data)
        if not _is_uuid(message["message_id"]):
            raise BadEnvelope("the message field message_id is not a UUID")
        if "\0" in message["actor_name"] or len(message["actor_name"]) > LONGEST_NAME:
            raise BadEnvelope("the message field actor_name is no name of a task")
        message["options"] = {name: value for name, value in message["options"].items() if _is_known(name, value)}
        return message


class MessageTooLarge(ValueError):
    """The message is larger than any message may be; pass ids instead of data."""


def encoded(message: Message[Any]) -> bytes:
    """The bytes of a message to be sent; raises MessageTooLarge above 1 MiB."""
    body = message.encode()
    if len(body) > MAX_BYTES:
        raise MessageTooLarge(f"a message for {message.actor_name} has {len(body)} bytes; pass ids instead of data")
    if len(body) > WARN_BYTES:
        log.warning("message_was_large", task=message.actor_name, bytes=len(body))
    return body


def _is_known(name: str, value: Any) -> bool:
    if type(value) is str:
        return len(value) <= _TEXTS.get(name, -1) and "\0" not in value
    return type(value) in (int, float) and 0 <= value <= _COUNTS.get(name, -1)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
