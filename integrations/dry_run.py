"""What a dry run is made of: the log line of a write that did not go out, and the memory of what it would have left."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import structlog

log = structlog.get_logger(__name__)


def note(service: str, what: str, **ids: object) -> None:
    """Log a write that is answered as done; `ids` are no secrets and no personal data."""
    log.info("dry_run_write", service=service, what=what, **ids)


class Overlay:
    """What a write would have left of an object: shown to the next who reads it, and then forgotten.

    So whoever reads back sees it, and nobody else is misled: other processes, and whoever comes later, see what is
    there. It is not shown when the object has changed since.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def keep(self, key: str, real: Mapping[str, Any], changes: Mapping[str, Any]) -> list[str]:
        """Remember a write to an object that really reads like `real`; the fields that it would have changed."""
        with self._lock:
            self._kept[key] = real, deepcopy(dict(changes))
        return sorted(name for name in changes if real.get(name) != changes[name])

    def over(self, key: str, real: dict[str, Any]) -> dict[str, Any]:
        """The object with what would have been written just before."""
        with self._lock:
            before, changes = self._kept.pop(key, ({}, {}))
        return real | changes if before == real else real
