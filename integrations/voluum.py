"""Voluum: campaigns are read and written as whole objects, behind a session that is kept alive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from config import clock
from config.settings import Settings
from integrations.errors import Conflict, Malformed, Rejected, Unauthorized
from integrations.http import Client, Effect, Reply
from integrations.limiter import Pace
from integrations.platforms import BREAKER_SECONDS, for_lists, listed, patiently, uncertain
from integrations.reach import reach
from integrations.voluum_session import Session

RATE, BURST = 5.0, 10  # together never more than the 15 that Voluum allows in any second
LIMIT_WAIT = 10.0
LIMIT_TEXT = b"NUMBER_OF_REQUEST_FOR_IP_EXCEEDED"
LONGEST_CODE, LONGEST_DETAIL = 100, 500


@dataclass(slots=True)
class Voluum:
    """One account. Objects are raw dictionaries: keys that we do not know must survive a write.

    The rate limit is kept per process, unless `pace` is one that processes share.
    """

    dry_run: ClassVar[bool] = False

    url: str
    access_id: str = field(repr=False)
    access_key: str = field(repr=False)
    timeout: tuple[float, float] = (5.0, 30.0)
    deadline: float = 60.0
    rate: float | None = RATE
    pace: Pace | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    clock: Callable[[], float] = clock.monotonic
    client: Client = field(init=False, repr=False)
    _lists: Client = field(init=False, repr=False)
    _session: Session = field(init=False, repr=False)
    _secrets: tuple[str, ...] = field(init=False, repr=False)
    _tokens: tuple[str, ...] = field(init=False, default=(), repr=False)
    _writer: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.client = Client(
            "voluum",
            self.url,
            timeout=self.timeout,
            deadline=self.deadline,
            secrets=[secret for secret in (self.access_key, self.access_id) if secret],
            ca_bundle=self.ca_bundle,
            default_wait=LIMIT_WAIT,
            rate=self.rate,
            burst=BURST,
            overload_text=LIMIT_TEXT,
            longest_pause=BREAKER_SECONDS,
            clock=self.clock,
        )
        self.client.limiter = self.pace or self.client.limiter
        self._secrets = tuple(self.client.secrets)
        self._lists = for_lists(self.client)
        self._session = Session(self.client, self.access_id, self.access_key, self._hide)

    @classmethod
    def from_settings(cls, settings: Settings, pace: Pace | None = None) -> Voluum | None:
        """The account as the environment describes it; None when none is described."""
        key = settings.voluum_access_key.get_secret_value() if settings.voluum_access_key else ""
        if not settings.voluum_access_id or not key:
            return None
        limits = reach(settings, settings.voluum_timeout)
        return cls(settings.voluum_base_url, settings.voluum_access_id, key, pace=pace, **limits)

    def campaigns(self) -> list[dict[str, Any]]:
        """All campaigns of the account, deleted ones too."""
        return listed(self._ask(self._lists, "GET", "/campaign").json, "campaigns", "voluum")

    def campaign(self, campaign_id: str) -> dict[str, Any]:
        """The whole object; raises Rejected when there is none."""
        return _object(self._ask(self.client, "GET", _path(campaign_id)).json, campaign_id)

    def replace_campaign(
        self, campaign_id: str, raw: dict[str, Any], *, before_write: Callable[[], None] = lambda: None
    ) -> None:
        """Replace the whole object by an edited copy of what was read; read it again to see the effect.

        Raises Conflict, with nothing written, when somebody changed it since; OutcomeUnknown when the answer got lost.
        `before_write` is called right before each attempt to write, and nothing is written when it raises.
        """
        with self._writer:
            if self.campaign(campaign_id).get("updatedTime") != raw.get("updatedTime"):
                raise Conflict("edited_since", "the campaign was changed after it was read")
            with uncertain():
                self._ask(self.client, "PUT", _path(campaign_id), effect=Effect.ONCE, json=raw, first=before_write)

    def tracker_domains(self) -> list[str]:
        """The tracking domains that exist in the account; not every account may list them."""
        rows = listed(self._ask(self.client, "GET", "/tracker-domain").json, "domains", "voluum")
        return [row["name"] for row in rows if isinstance(row.get("name"), str)]

    def probe(self) -> str:
        """Whether the session lives, after at most one fresh login; raises an outcome when it does not."""
        for _ in range(2):
            token = self._session.token()
            if self._alive(token):
                return "voluum: session alive"
            self._session.forget(token)
        raise Unauthorized("session_not_alive", "a fresh session is not alive")

    def _alive(self, token: str) -> bool:
        try:
            answer = self._call(self.client, "GET", "/auth/session", token).json
        except Unauthorized:
            return False
        return isinstance(answer, dict) and answer.get("alive") is True

    def _ask(self, client: Client, method: str, path: str, **options: Any) -> Reply:
        return self._session.ask(lambda token: self._call(client, method, path, token, **options))

    def _call(
        self,
        client: Client,
        method: str,
        path: str,
        token: str,
        *,
        effect: Effect = Effect.READ,
        json: Any = None,
        first: Callable[[], None] = lambda: None,
    ) -> Reply:
        headers = {"cwauth-token": token}

        def attempt() -> Reply:
            first()
            return client.call(method, path, effect=effect, json=json, headers=headers)

        try:
            return patiently(attempt)
        except Rejected as error:
            raise _explained(error) from None

    def _hide(self, token: str) -> None:
        """From now on; the token before it may still be in flight."""
        self._tokens = (*self._tokens[-1:], token)
        self.client.secrets = self._lists.secrets = (*self._secrets, *self._tokens)


def _path(campaign_id: str) -> str:
    return "/campaign/" + quote(campaign_id, safe="")


def _object(document: Any, campaign_id: str) -> dict[str, Any]:
    if not isinstance(document, dict) or document.get("id") != campaign_id:
        raise Malformed("voluum: not the campaign that was asked for")
    return document


def _explained(error: Rejected) -> Rejected:
    """The refusal with Voluum's code and words; 403 speaks of this object, not of our key."""
    code, detail = _reason(error.detail)
    kind = Rejected if error.status == 403 else type(error)
    told = kind(code or error.code, detail[:LONGEST_DETAIL], status=error.status)
    told.service, told.request_id = error.service, error.request_id
    return told


def _reason(text: str) -> tuple[str, str]:
    """The code and the messages of either shape of error; the text itself when it has neither."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "", text
    if not isinstance(document, dict):
        return "", text
    one, many = document.get("error"), document.get("errors")
    if isinstance(one, dict):
        return str(one.get("code") or "")[:LONGEST_CODE], "; ".join(map(str, _list(one.get("messages"))))
    found = [item for item in _list(many) if isinstance(item, dict)]
    return "", "; ".join(f"{item.get('field')}: {item.get('message')}" for item in found) or text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
