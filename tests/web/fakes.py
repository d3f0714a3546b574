"""A broker that does what a test tells it, and the pieces of a gate around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import orjson

from core.ads.spool import Spool
from web.breaker import Breaker
from web.fallback import Fallback
from web.gate import Gate
from web.inline import Inline
from web.spooling import Spooling


class BrokerRefused(Exception):
    """What a publish raises when the broker is not there."""


class FakePublisher:
    """Keeps every message; `confirms` decides what becomes of it: True, False (refused), None (silence)."""

    def __init__(self, confirms: bool | None = True) -> None:
        self.confirms = confirms
        self.messages: list[dict[str, Any]] = []
        self.futures: list[Future[None]] = []
        self._lock = threading.Lock()

    def publish(self, queue: str, body: bytes, deadline: float) -> Future[None]:
        future: Future[None] = Future()
        with self._lock:
            self.messages.append({"queue": queue, **orjson.loads(body)})
            self.futures.append(future)
        if self.confirms is False:
            raise BrokerRefused("connection refused")
        if self.confirms:
            future.set_result(None)
        return future

    def clicks(self) -> list[dict[str, Any]]:
        """All clicks published so far, whichever message they travelled in."""
        return [click for message in self.messages for click in clicks_of(message)]


def clicks_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The clicks of one message."""
    kwargs = message["kwargs"]
    return kwargs["clicks"] if message["actor_name"] == "process_clicks" else [kwargs["click"]]


@dataclass
class Database:
    """Where inline processing ends up; `down` makes it fail."""

    down: bool = False
    groups: list[list[bytes]] = field(default_factory=list)

    def process(self, bodies: Sequence[bytes]) -> None:
        if self.down:
            raise ConnectionError("database down")
        self.groups.append(list(bodies))


class Around:
    """A gate with everything around it, by default more patient than any machine is slow; leave the block to stop."""

    def __init__(
        self,
        publisher: Any,
        spool: Spool | None,
        process: Callable[[Sequence[bytes]], None],
        *,
        patience: float = 60.0,
        waiting_max: int = 16,
    ) -> None:
        self.breaker = Breaker()
        self.spool = spool
        self.fallback = Fallback(Inline(process), Spooling(spool), waiting_max=waiting_max)
        self.gate = Gate(publisher, self.fallback, self.breaker, patience=patience)

    def __enter__(self) -> Around:
        self.fallback.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.fallback.stop()
        if self.spool:
            self.spool.close()


def body(number: int = 1) -> bytes:
    """A click for which only its identity matters."""
    return orjson.dumps({"click_id": number})


def new_spool(folder: FilePath) -> Spool:
    """A spool in a folder of its own."""
    spool = Spool(folder / "spool")
    spool.prepare()
    return spool


def spooled(spool: Spool) -> list[int]:
    """The identities of all clicks in the spool's files."""
    lines = [line for path in sorted(spool.directory.glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    return [orjson.loads(line)["click_id"] for line in lines]
