"""Safe Browsing version 5: hashes by prefix, and addresses by name for clients that disclose them."""

from __future__ import annotations

from base64 import b64decode
from urllib.parse import parse_qsl

from sandbox.reputation.door import Door, Refusal
from sandbox.reputation.listings import Listing, Listings
from sandbox.reputation.messages import PROTOBUF, hashes_json, hashes_protobuf, urls_json, urls_protobuf
from sandbox.wire import Answer, Request, json_answer

MOST_PREFIXES = 1000
MOST_URLS = 50


class SafeBrowsing(Door):
    """Answers in protobuf to whoever accepts it, otherwise in JSON."""

    name = "gsb"

    def reset(self) -> None:
        super().reset()
        self._listings = Listings(self._world)
        self._turn = 0

    def serve(self, request: Request, path: str) -> Answer:
        if request.method != "GET":
            raise Refusal(404, "not found")
        if path == "/v5/hashes:search":
            return self._hashes(request)
        if path == "/v5/urls:search":
            return self._urls(request)
        raise Refusal(404, "not found")

    def _hashes(self, request: Request) -> Answer:
        prefixes = _prefixes(_values(request, "hashPrefixes", MOST_PREFIXES))
        share = self.settings.unsafe_percent
        found = [self._spoiled(one) for prefix in prefixes for one in self._listings.under(prefix, share)]
        seconds = self._seconds()
        if self.wants_protobuf(request):
            return self._protobuf(hashes_protobuf(found, seconds))
        return json_answer(hashes_json(found, seconds))

    def _urls(self, request: Request) -> Answer:
        share = self.settings.unsafe_percent
        urls = _values(request, "urls", MOST_URLS)
        found = {url: [name for one in self._listings.of(url, share) for name in one.threats] for url in urls}
        listed, seconds = {url: names for url, names in found.items() if names}, self._seconds()
        if self.wants_protobuf(request):
            return self._protobuf(urls_protobuf(listed, seconds))
        return json_answer(urls_json(listed, seconds))

    def _seconds(self) -> int:
        choices = self.settings.cache_seconds
        self._turn += 1
        return choices[(self._turn - 1) % len(choices)]

    def _spoiled(self, one: Listing) -> Listing:
        return one._replace(threats=["NEW_THREAT"]) if self.settings.spoil == "unknown_enum" else one

    def _protobuf(self, body: bytes) -> Answer:
        return Answer(200, body[:-1] if self.settings.spoil == "cut" else body, PROTOBUF)


def _values(request: Request, name: str, most: int) -> list[str]:
    """In a query a bare plus sign is a space, as it is for the real service."""
    found = [value for key, value in parse_qsl(request.query, keep_blank_values=True) if key == name]
    if not found or len(found) > most:
        raise Refusal(400, f"{name}: between 1 and {most} are allowed")
    return found


def _prefixes(values: list[str]) -> list[bytes]:
    try:
        found = [b64decode(value.replace("-", "+").replace("_", "/"), validate=True) for value in values]
    except ValueError:
        raise Refusal(400, "hashPrefixes: not base64") from None
    if any(len(prefix) != 4 for prefix in found):
        raise Refusal(400, "hashPrefixes: must be exactly 4 bytes long")
    return found
