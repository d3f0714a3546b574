"""The `signalbox sandbox` process: start, print the addresses as one JSON line, serve until told to stop."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from threading import Event

import orjson

from sandbox.server import Sandbox


def run(
    port: int = 8700,
    seed: int = 1,
    journal: Path | None = None,
    target: str = "http://127.0.0.1:8000",
    latency_ms: float = 0,
) -> None:
    """Serve until SIGINT or SIGTERM; raises OSError when the port is taken."""
    told_to_stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told_to_stop.set())
    with Sandbox(port, seed, journal, latency_ms, target) as sandbox:
        sys.stdout.write(orjson.dumps(sandbox.addresses()).decode() + "\n")
        sys.stdout.flush()
        told_to_stop.wait()
