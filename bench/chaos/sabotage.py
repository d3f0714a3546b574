"""Runs a command of the product that dies in a chosen window, or with one of its promises taken out.

`python -m bench.chaos.sabotage [--crash WINDOW:NTH] [--break NAME] worker --lane clicks`. Random kills rarely hit a
window of microseconds; here the process kills itself, as hard as kill -9, when it passes the window for the nth time.
Nothing of this is in the product: the functions on both sides of each window are wrapped from outside.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec


class Window:
    """Counts passages, and ends the process at the chosen one."""

    def __init__(self, nth: int) -> None:
        self._left = nth
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _wrap(
    owner: Any, name: str, *, before: Callable[[], None] | None = None, after: Callable[[], None] | None = None
) -> None:
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            before()
        result = original(*args, **kwargs)
        if after:
            after()
        return result

    setattr(owner, name, wrapped)


def _fetched(window: Window) -> None:
    """A message has arrived and nothing is done yet."""
    from worker.consumers import BoundConsumer

    _wrap(BoundConsumer, "_own", after=window)


def _deciding(window: Window) -> None:
    """Inside the deciding transaction, everything written, nothing committed."""
    from core.ads import recording

    _wrap(recording, "store", after=window)


def _decided(window: Window) -> None:
    """The decision is committed, AdLoad was not asked yet."""
    from core.ads import admission

    _wrap(admission, "_charge", before=window)


def _charged(window: Window) -> None:
    """AdLoad has answered, its answer is not recorded."""
    from core.ads import charging

    _wrap(charging, "_result", before=window)


def _recorded(window: Window) -> None:
    """Everything is committed, the message is not acknowledged."""
    from worker.consumers import BoundConsumer

    _wrap(BoundConsumer, "ack", before=window)


def _acknowledged(window: Window) -> None:
    """The acknowledgement is handed to the connection."""
    from worker.consumers import BoundConsumer

    _wrap(BoundConsumer, "ack", after=window)


WINDOWS: dict[str, Callable[[Window], None]] = {
    "fetched": _fetched,
    "deciding": _deciding,
    "decided": _decided,
    "charged": _charged,
    "recorded": _recorded,
    "acknowledged": _acknowledged,
}


def _ack_first() -> None:
    """Acknowledge a message before it is worked on."""
    from dramatiq.brokers.rabbitmq import _RabbitmqConsumer

    from worker.consumers import BoundConsumer

    patched: Any = BoundConsumer
    own = patched._own

    def owned(consumer: Any, message: Any) -> Any:
        message = own(consumer, message)
        _RabbitmqConsumer.ack(consumer, message)
        return message

    patched._own = owned


def _new_ids() -> None:
    """Give each delivery of a click an id of its own."""
    from config.ids import new_id
    from core.ads import admission

    patched: Any = admission
    admit = patched.admit

    def admitted(clicks: Any, *args: Any, **kwargs: Any) -> Any:
        return admit([msgspec.structs.replace(click, click_id=new_id()) for click in clicks], *args, **kwargs)

    patched.admit = admitted


BREAKS: dict[str, Callable[[], None]] = {"ack_first": _ack_first, "new_ids": _new_ids}


def main() -> None:
    """Prepare the sabotage, then be the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos.sabotage")
    parser.add_argument("--crash", default="")
    parser.add_argument("--break", dest="breakage", choices=tuple(BREAKS), default=None)
    options, words = parser.parse_known_args()
    if options.breakage:
        BREAKS[options.breakage]()
    if options.crash:
        window, _, nth = options.crash.partition(":")
        WINDOWS[window](Window(int(nth)))
    from cli.main import run

    sys.exit(run(words))


if __name__ == "__main__":
    main()
