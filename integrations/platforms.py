"""What the clients of the tracking platforms share: room for whole lists, and patience with our own limiter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from integrations.errors import Malformed, OutcomeUnknown, RateLimited, Unavailable
from integrations.http import Client

LIST_BYTES = 32 << 20
PATIENCE, LIST_PATIENCE = 3.0, 20.0
"""Seconds to wait for our own limiter in all, for a call and for a page of a list."""
BREAKER_SECONDS = 30.0
"""How long a platform is left alone at most: its own retries are rare, and it must be noticed soon when it is back."""

_Result = TypeVar("_Result")


def sharing(client: Client, **changes: Any) -> Client:
    """The same service with other options and the same breaker and limiter; the limiter only if `rate` is the same."""
    twin = replace(client, **changes)
    twin.breaker = client.breaker
    if "rate" not in changes:
        twin.limiter = client.limiter
    return twin


def for_lists(client: Client) -> Client:
    """The same service with room for a list of everything, which may come compressed."""
    return sharing(client, max_body=LIST_BYTES, compressed=True)


def patiently(
    call: Callable[[], _Result], left: float = PATIENCE, sleep: Callable[[float], None] = time.sleep
) -> _Result:
    """Run a call, waiting out our own limiter for `left` seconds; a longer wait is raised as RateLimited."""
    while True:
        try:
            return call()
        except RateLimited as limited:
            wait = limited.retry_after + 0.001
            if limited.sent or wait > left:
                raise
        left -= wait
        sleep(wait)


@contextmanager
def uncertain() -> Iterator[None]:
    """A write: even a 503 may come from something in front of the service that had passed the write on."""
    try:
        yield
    except Unavailable as error:
        if not error.sent or isinstance(error, RateLimited):
            raise
        unknown = OutcomeUnknown(error.detail, timed_out=error.timed_out)
        unknown.service, unknown.request_id = error.service, error.request_id
        raise unknown from None


def listed(document: Any, name: str, service: str) -> list[dict[str, Any]]:
    """The objects under a key of an answer; raises Malformed when they are not there."""
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Malformed(f"{service}: no list of {name} in the answer")
    return found
