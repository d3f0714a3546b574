"""Search Console over HTTP: a token for a signed grant, the properties, inspections that are NEUTRAL, quotas."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Meta

from sandbox.fields import BadField, changed, read
from sandbox.gsc.grants import Refused, check
from sandbox.tenant import UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

OURS = frozenset({"siteOwner", "siteFullUser", "siteRestrictedUser", "SITE_OWNER", "SITE_FULL_USER"})
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
Count = Annotated[int, Meta(ge=0)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sites` by address with the permission level. Without `public_key` (PEM) any signature of a grant is good."""

    sites: dict[str, str] = msgspec.field(default_factory=lambda: {"sc-domain:sandbox.test": "siteOwner"})
    public_key: str | None = None
    token_seconds: Annotated[int, Meta(ge=1)] = 3600
    inspections_per_minute: Count = 600
    inspections_per_day: Count = 2000
    quota_reason: str = "quotaExceeded"


class Inspect(msgspec.Struct, frozen=True, rename="camel"):
    """Which page of which property."""

    inspection_url: str
    site_url: str


class SearchConsole:
    """The report on security issues has no interface, so nothing here says anything about safety."""

    name = "gsc"

    def __init__(self, world: World) -> None:
        self._world = world
        self.reset()

    def reset(self) -> None:
        self.settings = Settings()
        self._tokens: dict[str, datetime] = {}
        self._inspected: dict[str, deque[datetime]] = defaultdict(deque)
        self._random = self._world.random("gsc tokens")

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return {}

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """`settings`, or `token`: every token is forgotten, whatever the changes."""
        if object_id == "token":
            self._tokens.clear()
            return {}
        if object_id != "settings":
            raise UnknownObject(f"gsc has no object {object_id}")
        self.settings = changed(self.settings, changes)
        return msgspec.to_builtins(self.settings)  # type: ignore[no-any-return]

    def state(self) -> dict[str, Any]:
        return {"settings": msgspec.to_builtins(self.settings), "tokens": len(self._tokens)}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        raise UnknownObject(f"gsc has no list {name}")

    def answer(self, request: Request, path: str) -> Answer:
        if (request.method, path) == ("POST", "/token"):
            return self._token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, self._world.clock.now()) <= self._world.clock.now():
            return _error(401, "UNAUTHENTICATED", "authError")
        if (request.method, path) == ("GET", "/webmasters/v3/sites"):
            entries = [{"siteUrl": url, "permissionLevel": level} for url, level in self.settings.sites.items()]
            return json_answer({"siteEntry": entries} if entries else {})
        if (request.method, path) == ("POST", "/v1/urlInspection/index:inspect"):
            return self._inspect(request)
        return _error(404, "NOT_FOUND", "notFound")

    def _token(self, request: Request) -> Answer:
        fields = dict(parse_qsl(request.body.decode("latin-1")))
        now = self._world.clock.now()
        try:
            if fields.get("grant_type") != GRANT:
                raise Refused("unsupported_grant_type")
            check(fields.get("assertion", ""), self.settings.public_key, now)
        except Refused as refused:
            return json_answer({"error": "invalid_grant", "error_description": str(refused)}, 400)
        token = f"ya29.{self._random.getrandbits(160):040x}"
        self._tokens[token] = now + timedelta(seconds=self.settings.token_seconds)
        body = {"access_token": token, "expires_in": self.settings.token_seconds, "token_type": "Bearer"}
        return json_answer(body, effect={"token": len(self._tokens)})

    def _inspect(self, request: Request) -> Answer:
        try:
            wanted = read(request.body, Inspect)
        except BadField:
            return _error(400, "INVALID_ARGUMENT", "badRequest")
        if self.settings.sites.get(wanted.site_url) not in OURS or not _covers(wanted.site_url, wanted.inspection_url):
            return _error(403, "PERMISSION_DENIED", "forbidden")
        if self._exhausted(wanted.site_url):
            return _error(403, "PERMISSION_DENIED", self.settings.quota_reason)
        index = {"verdict": "NEUTRAL", "robotsTxtState": "DISALLOWED", "pageFetchState": "SUCCESSFUL"}
        index["lastCrawlTime"] = (self._world.clock.now() - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json_answer({"inspectionResult": {"indexStatusResult": index}})

    def _exhausted(self, site: str) -> bool:
        now, past = self._world.clock.now(), self._inspected[site]
        while past and past[0] <= now - timedelta(days=1):
            past.popleft()
        lately = sum(at > now - timedelta(minutes=1) for at in past)
        if len(past) >= self.settings.inspections_per_day or lately >= self.settings.inspections_per_minute:
            return True
        past.append(now)
        return False


def _covers(site: str, url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if site.startswith("sc-domain:"):
        domain = site.removeprefix("sc-domain:")
        return host == domain or host.endswith("." + domain)
    return url.startswith(site)


def _error(status: int, word: str, reason: str) -> Answer:
    errors = [{"domain": "global", "reason": reason, "message": reason}]
    return json_answer({"error": {"code": status, "message": reason, "errors": errors, "status": word}}, status)
