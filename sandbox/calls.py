"""What the sandbox sends by itself: receipts and callbacks to the product, later and from tasks of its loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from config.checks import is_near

SECONDS = 5.0
TRIES = 5
PAUSE_SECONDS = 0.2


class Call(NamedTuple):
    """One POST; `url` must lead to this machine."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class Calls:
    """`make` is asked for the call when its time has come, so that signatures are fresh; `told` gets the status.

    A call that nobody answers, or that ends in 5xx, is made anew a few times.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, delay_ms: float, make: Callable[[], Call], told: Callable[[int | None], None]) -> None:
        """Call after a delay; only from the thread of the loop."""
        task = asyncio.get_running_loop().create_task(_run(delay_ms / 1000, make, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Nothing of what was planned happens."""
        for task in list(self._tasks):
            task.cancel()


async def _run(seconds: float, make: Callable[[], Call], told: Callable[[int | None], None]) -> None:
    await asyncio.sleep(seconds)
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(PAUSE_SECONDS)
        status = await _posted(make())
        told(status)
        if status is not None and status < 500:
            return


async def _posted(call: Call) -> int | None:
    """The status of the answer; None without one."""
    if not is_near(call.url):
        return None
    try:
        return await asyncio.wait_for(_exchange(call), SECONDS)
    except (OSError, TimeoutError, ValueError, IndexError):
        return None


async def _exchange(call: Call) -> int:
    parts = urlsplit(call.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        lines = [f"POST {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"Content-Length: {len(call.body)}", *(f"{name}: {value}" for name, value in call.headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + call.body)
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
