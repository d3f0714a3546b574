"""Web Risk: one address per request, an empty object when nothing is known of it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl

from sandbox.reputation.door import Door, Refusal
from sandbox.reputation.listings import Listings
from sandbox.wire import Answer, Request, json_answer

KINDS = frozenset({"MALWARE", "SOCIAL_ENGINEERING", "UNWANTED_SOFTWARE", "SOCIAL_ENGINEERING_EXTENDED_COVERAGE"})


class WebRisk(Door):
    """Always answers in JSON; a hit holds for `hit_seconds`, which may be negative."""

    name = "webrisk"

    def reset(self) -> None:
        super().reset()
        self._listings = Listings(self._world)

    def wants_protobuf(self, request: Request) -> bool:
        return False

    def serve(self, request: Request, path: str) -> Answer:
        if request.method != "GET" or path != "/v1/uris:search":
            raise Refusal(404, "not found")
        pairs = parse_qsl(request.query, keep_blank_values=True)
        uris = [value for name, value in pairs if name == "uri"]
        kinds = [value for name, value in pairs if name == "threatTypes"]
        if len(uris) != 1 or not uris[0]:
            raise Refusal(400, "uri: exactly one is required")
        if not kinds or not KINDS.issuperset(kinds):
            raise Refusal(400, "threatTypes: unknown or missing")
        return json_answer(self._found(uris[0], set(kinds)))

    def _found(self, uri: str, kinds: set[str]) -> dict[str, object]:
        listings = self._listings.of(uri, self.settings.unsafe_percent)
        threats = [name for one in listings for name in one.threats if name in kinds]
        if not threats:
            return {}
        if self.settings.spoil == "unknown_enum":
            threats = ["NEW_THREAT"]
        until = self._world.clock.now() + timedelta(seconds=self.settings.hit_seconds)
        return {"threat": {"threatTypes": threats, "expireTime": f"{until:%Y-%m-%dT%H:%M:%S.%f}789Z"}}
