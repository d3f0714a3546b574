"""Voluum over HTTP: log in, list and read campaigns, replace them whole; both of its ways to say no."""

from __future__ import annotations

import hmac
from collections import deque
from datetime import datetime, timedelta
from random import Random
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import Meta

from sandbox.fields import changed
from sandbox.strangers import Strangers
from sandbox.tenant import UnknownObject
from sandbox.voluum.campaigns import DOMAINS, Campaigns, domain
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

FOREIGN = "foreign."
LIMIT_TEXT = "NUMBER_OF_REQUEST_FOR_IP_EXCEEDED"

Count = Annotated[int, Meta(ge=1)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Unset keys: any are good. `calls_per_token`: then the token is forgotten. `strict_domains`: a campaign may only
    be put on a listed one. `per_second` calls are answered, the others are told in an odd text with `limit_status`.
    """

    access_id: str | None = None
    access_key: str | None = None
    token_seconds: Count = 14_400
    calls_per_token: Count | None = None
    strict_domains: bool = False
    domains: tuple[str, ...] = tuple(map(domain, range(DOMAINS)))
    per_second: Count = 15
    limit_status: Annotated[int, Meta(ge=200, le=599)] = 403


class Voluum:
    """A write to a domain whose first label is `foreign` is refused: it is not in the account."""

    name = "voluum"

    def __init__(self, world: World) -> None:
        self._world = world
        self.reset()

    def reset(self) -> None:
        self.settings = Settings()
        self.strangers = Strangers()
        self._campaigns = Campaigns(self._world.clock)
        self._campaigns.seed(self._world.random("voluum campaigns"), "s")
        self._tokens: dict[str, tuple[datetime, int]] = {}
        self._random = self._world.random("voluum tokens")
        self._recent: deque[datetime] = deque()

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return {"campaigns": self._campaigns.seed(Random(f"voluum {seed}"), size)}

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """`settings`, `token` (forgotten, whatever the changes), or a campaign, made if it is new."""
        if object_id == "settings":
            self.settings = changed(self.settings, changes)
            return msgspec.to_builtins(self.settings)  # type: ignore[no-any-return]
        if object_id == "token":
            self._tokens.clear()
            return {}
        return self._campaigns.edit(object_id, changes)

    def state(self) -> dict[str, Any]:
        return {"settings": msgspec.to_builtins(self.settings), "campaigns": list(self._campaigns.rows.values())}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        raise UnknownObject(f"voluum has no list {name}")

    def answer(self, request: Request, path: str) -> Answer:
        if self._too_many():
            return Answer(self.settings.limit_status, LIMIT_TEXT.encode(), "text/plain")
        if (request.method, path) == ("POST", "/auth/access/session"):
            return self._log_in(request)
        token = request.headers.get("cwauth-token", "")
        alive = self._use(token)
        if (request.method, path) == ("GET", "/auth/session"):
            return json_answer({"alive": alive})
        if not alive:
            return _coded(401, "SESSION_EXPIRED" if token else "NO_SESSION", "UNAUTHORIZED")
        return self._authorised(request, path)

    def _too_many(self) -> bool:
        now = self._world.clock.now()
        while self._recent and self._recent[0] <= now - timedelta(seconds=1):
            self._recent.popleft()
        if len(self._recent) >= self.settings.per_second:
            return True
        self._recent.append(now)
        return False

    def _log_in(self, request: Request) -> Answer:
        keys = _dictionary(request.body)
        wanted = (self.settings.access_id, self.settings.access_key)
        if not all(map(_fits, (keys.get("accessId"), keys.get("accessKey")), wanted)):
            return _coded(401, "BAD_CREDENTIALS", "UNAUTHORIZED")
        token = f"vt-{self._random.getrandbits(128):032x}"
        ends_at = self._world.clock.now() + timedelta(seconds=self.settings.token_seconds)
        self._tokens[token] = (ends_at, self.settings.calls_per_token or -1)
        stamp = ends_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        body = {"token": token, "expirationTimestamp": stamp, "inaugural": False}
        return json_answer(body, effect={"session": len(self._tokens)})

    def _use(self, token: str) -> bool:
        """Whether the token is good, for this call."""
        ends_at, left = self._tokens.get(token, (None, 0))
        if ends_at is None or ends_at <= self._world.clock.now() or left == 0:
            return False
        self._tokens[token] = (ends_at, left - 1)
        return True

    def _authorised(self, request: Request, path: str) -> Answer:
        if (request.method, path) == ("GET", "/campaign"):
            return json_answer({"campaigns": list(self._campaigns.rows.values())})
        if (request.method, path) == ("GET", "/tracker-domain"):
            return json_answer({"domains": [{"name": name} for name in self.settings.domains]})
        campaign_id = path.removeprefix("/campaign/")
        if campaign_id not in self._campaigns.rows or request.method not in ("GET", "PUT"):
            return _coded(404, "ENTITY_NOT_FOUND", "NOT_FOUND")
        return self._read(campaign_id) if request.method == "GET" else self._replace(campaign_id, request)

    def _read(self, campaign_id: str) -> Answer:
        answer = json_answer(self._campaigns.rows[campaign_id])
        self._slip_in(campaign_id, self.strangers.after_reading(campaign_id))
        return answer

    def _replace(self, campaign_id: str, request: Request) -> Answer:
        wanted = _dictionary(request.body)
        if wrong := self._mistake(campaign_id, wanted):
            return json_answer({"errors": [dict(zip(("field", "message"), wrong, strict=True))]}, 400)
        written = self._campaigns.write(campaign_id, wanted)
        answer = json_answer(written, effect={"campaign": campaign_id, "domain": written["preferredTrackingDomain"]})
        self._slip_in(campaign_id, self.strangers.after_writing(campaign_id))
        return answer

    def _mistake(self, campaign_id: str, wanted: dict[str, Any]) -> tuple[str, str] | None:
        host, name = wanted.get("preferredTrackingDomain"), wanted.get("name")
        if not isinstance(name, str) or not name:
            return "name", "Name must not be empty"
        if self._campaigns.name_is_taken(campaign_id, name):
            return "namePostfix", "Name must be unique"
        known = isinstance(host, str) and not host.startswith(FOREIGN)
        if not known or (self.settings.strict_domains and host not in self.settings.domains):
            return "preferredTrackingDomain", "Domain does not exist in the account"
        return None

    def _slip_in(self, campaign_id: str, edits: list[dict[str, Any]]) -> None:
        for changes in edits:
            self._campaigns.edit(campaign_id, changes)


def _fits(given: Any, wanted: str | None) -> bool:
    if not isinstance(given, str) or not given:
        return False
    return wanted is None or hmac.compare_digest(given.encode(), wanted.encode())


def _dictionary(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _coded(status: int, code: str, word: str) -> Answer:
    error = {"code": code, "messages": [], "webRequestId": "req-1"}
    return json_answer({"error": error, "status": word}, status)
