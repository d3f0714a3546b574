"""Runs look-ups side by side on threads that close their connections when they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def each(
    items: Iterable[_Item], work: Callable[[_Item], _Result], *, threads: int, leave: Callable[[], None]
) -> dict[_Item, _Result]:
    """The result of every item; each thread calls `leave` at its end. The first exception of any is raised."""
    waiting: SimpleQueue[_Item] = SimpleQueue()
    for item in items:
        waiting.put(item)
    results: dict[_Item, _Result] = {}
    failures: list[BaseException] = []

    def run() -> None:
        try:
            while not failures:
                item = waiting.get_nowait()
                results[item] = work(item)
        except Empty:
            pass
        except BaseException as failure:  # noqa: BLE001  it is raised in the caller's thread
            failures.append(failure)
        finally:
            leave()

    _join([Thread(target=run, name="reputation") for _ in range(min(threads, waiting.qsize()))])
    if failures:
        raise failures[0]
    return results


def _join(running: list[Thread]) -> None:
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
