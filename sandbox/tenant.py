"""What every imitated service offers to the sandbox; a new one is a module with this shape."""

from __future__ import annotations

from typing import Any, Protocol

from sandbox.wire import Answer, Request


class UnknownObject(LookupError):
    """There is no such object in the service."""


class Tenant(Protocol):
    """One outside service; `name` is also its path prefix. Called from one thread only."""

    name: str

    def answer(self, request: Request, path: str) -> Answer:
        """Act on a request; `path` is what follows the prefix."""
        ...

    def reset(self) -> None:
        """Back to the state of a fresh start."""
        ...

    def seed(self, seed: int, size: str) -> dict[str, int]:
        """Load a data set of size s, m or l; the count of objects by kind."""
        ...

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Change an object as a stranger would, and show it; raises UnknownObject or BadField."""
        ...

    def state(self) -> dict[str, Any]:
        """The current objects."""
        ...

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        """A named list beside the state, such as the ledger; raises UnknownObject or BadField."""
        ...
