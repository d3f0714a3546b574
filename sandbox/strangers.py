"""Edits by strangers that wait for the product to read or to write an object, and then slip in."""

from __future__ import annotations

from typing import Any, Literal, Protocol, runtime_checkable

When = Literal["now", "between_get_and_put", "between_put_and_get"]


@runtime_checkable
class Postponing(Protocol):
    """A tenant whose objects can be edited at a chosen moment."""

    strangers: Strangers


class Strangers:
    """Edits in waiting, each for the next reading or writing of its object."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, When, dict[str, Any]]] = []

    def add(self, object_id: str, changes: dict[str, Any], when: When) -> None:
        """Let this edit wait."""
        self._waiting.append((object_id, when, changes))

    def after_reading(self, object_id: str) -> list[dict[str, Any]]:
        """The edits that come between this reading and a write; each is handed out once."""
        return self._due(object_id, "between_get_and_put")

    def after_writing(self, object_id: str) -> list[dict[str, Any]]:
        """The edits that come between this write and the reading that checks it; each is handed out once."""
        return self._due(object_id, "between_put_and_get")

    def _due(self, object_id: str, when: When) -> list[dict[str, Any]]:
        due = [changes for waiting, moment, changes in self._waiting if (waiting, moment) == (object_id, when)]
        self._waiting = [item for item in self._waiting if item[:2] != (object_id, when)]
        return due
