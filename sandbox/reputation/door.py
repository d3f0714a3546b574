"""What both services share: settings by edit, the key, the quota, and errors in Google's shape."""

from __future__ import annotations

import hmac
from collections import deque
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sandbox.fields import changed
from sandbox.reputation.messages import PROTOBUF, status_protobuf
from sandbox.tenant import UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

_NAMES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`unsafe_percent` of the known hosts are listed; `quota` is requests a minute; durations take turns.

    `spoil` answers with half a number or with a threat that nobody knows; `format` overrides the Accept header.
    """

    key: str | None = None
    disabled: bool = False
    quota: Annotated[int, Meta(ge=0)] | None = None
    unsafe_percent: Annotated[int, Meta(ge=0, le=100)] = 0
    cache_seconds: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1)] = (300, 120, 600)
    hit_seconds: int = 300
    format: Literal["accept", "json", "protobuf"] = "accept"
    spoil: Literal["", "cut", "unknown_enum"] = ""


class Refusal(Exception):
    """The request ends with this status."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Door:
    """The part of a tenant that is not about listings."""

    name = ""

    def __init__(self, world: World) -> None:
        self._world = world
        self.reset()

    def reset(self) -> None:
        self.settings = Settings()
        self._recent: deque[datetime] = deque()
        self._requests = 0

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return {}

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        if object_id != "settings":
            raise UnknownObject(f"{self.name} has no {object_id}; edit settings")
        self.settings = changed(self.settings, changes)
        return self.state()["settings"]  # type: ignore[no-any-return]

    def state(self) -> dict[str, Any]:
        return {"settings": msgspec.to_builtins(self.settings), "requests": self._requests}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        raise UnknownObject(f"{self.name} has no list {name}")

    def answer(self, request: Request, path: str) -> Answer:
        self._requests += 1
        try:
            self._admit(request)
            return self.serve(request, path)
        except Refusal as refusal:
            return self._refused(refusal, request)

    def serve(self, request: Request, path: str) -> Answer:
        """The answer to an admitted request; raises Refusal."""
        raise NotImplementedError

    def wants_protobuf(self, request: Request) -> bool:
        if self.settings.format != "accept":
            return self.settings.format == "protobuf"
        return PROTOBUF in request.headers.get("accept", "")

    def _admit(self, request: Request) -> None:
        wanted, given = self.settings.key, request.headers.get("x-goog-api-key", "")
        if wanted is not None and not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refusal(400, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID")
        if self.settings.disabled:
            raise Refusal(403, "The API is disabled in this project.", "SERVICE_DISABLED")
        if not self._within_quota():
            raise Refusal(429, "Quota exceeded.", "RATE_LIMIT_EXCEEDED")

    def _within_quota(self) -> bool:
        if self.settings.quota is None:
            return True
        now = self._world.clock.now()
        while self._recent and self._recent[0] <= now - timedelta(minutes=1):
            self._recent.popleft()
        if len(self._recent) >= self.settings.quota:
            return False
        self._recent.append(now)
        return True

    def _refused(self, refusal: Refusal, request: Request) -> Answer:
        text, status = str(refusal), refusal.status
        if self.wants_protobuf(request):
            return Answer(status, status_protobuf(status, text, refusal.reason), PROTOBUF)
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": refusal.reason}]
        error = {"code": status, "message": text, "status": _NAMES.get(status, "UNKNOWN")}
        return json_answer({"error": error | ({"details": details} if refusal.reason else {})}, status)
