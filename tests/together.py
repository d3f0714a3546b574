"""Several things at the same moment, each in a thread and on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from models.database import disconnect, ensure_connection


def outcomes(*works: Callable[[], Any]) -> list[Any]:
    """What each of them returned or raised."""
    start, found = Barrier(len(works)), list[Any]()

    def run(work: Callable[[], Any]) -> None:
        try:
            ensure_connection()
            start.wait(60)
            found.append(work())
        except BaseException as error:  # noqa: BLE001  whoever asked looks at it
            found.append(error)
        finally:
            disconnect()

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def together(*works: Callable[[], Any]) -> list[Any]:
    """What each of them returned; the first error is raised here."""
    found = outcomes(*works)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return found
