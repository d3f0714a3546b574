"""From a request to a click message: every fact is fixed here, before the click is handed over."""

from __future__ import annotations

from typing import Any

from config.clock import monotonic, now
from config.ids import new_id
from config.settings import Settings
from core.ads.actors import actor_net
from core.ads.bots import is_bot
from core.ads.clicks import LIMITS, ClickMessage, Flag, clip
from core.ads.hosts import page_host
from core.ads.links import Link, view_ms
from web.address import TrustedProxies, client_address

_FOUND = [
    ("Content-Length", "0"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer-when-downgrade"),
    ("X-Robots-Tag", "noindex,nofollow"),
]


class Visit:
    """One request on its way: what is known so far, and where the visitor goes if nothing more becomes known."""

    __slots__ = (
        "body", "click_id", "clicked_at", "environ", "h", "headers", "link", "location", "owed", "started", "token",
        "u", "url", "visitor_id",
    )  # fmt: skip

    def __init__(self, environ: dict[str, Any], token: str, fallback: str) -> None:
        self.started = monotonic()
        self.click_id = new_id()
        self.clicked_at = now()
        self.environ = environ
        self.token = token
        self.u = self.h = self.visitor_id = ""
        self.url = self.location = fallback
        self.headers = _FOUND.copy()
        self.link: Link | None = None
        self.body: bytes | None = None
        self.owed = False

    def query(self) -> str:
        """The raw query string."""
        return _utf8(self.environ.get("QUERY_STRING", ""))

    def header(self, name: str, limit: int) -> str:
        """A request header in WSGI's spelling, cut to `limit` bytes; empty if absent."""
        value = self.environ.get(name)
        return clip(_utf8(value), limit) if value else ""


def _utf8(text: str) -> str:
    """WSGI hands bytes over as Latin-1."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")


class ClickMessages:
    """Builds click messages by the installation's rules for addresses."""

    def __init__(self, settings: Settings) -> None:
        self._trusted = TrustedProxies(settings.trusted_proxies)
        self._max_hops = settings.proxy_max_hops
        self._v6_prefix = settings.ipv6_actor_prefix

    def message(self, visit: Visit, link: Link | None) -> ClickMessage:
        """The message of a visit; without a valid link its view time is 0."""
        environ = visit.environ
        ip = client_address(
            environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", ""), self._trusted, self._max_hops
        )
        referer = visit.header("HTTP_REFERER", LIMITS["referer"])
        user_agent = visit.header("HTTP_USER_AGENT", LIMITS["user_agent"])
        return ClickMessage(
            click_id=visit.click_id,
            clicked_at=visit.clicked_at,
            token=clip(visit.token, LIMITS["token"]),
            u=clip(visit.u, LIMITS["u"]),
            h=clip(visit.h, LIMITS["h"]),
            url=clip(visit.url, LIMITS["url"]),
            ip=ip,
            actor_net=actor_net(ip, self._v6_prefix),
            visitor_id=visit.visitor_id,
            referer=referer,
            user_agent=user_agent,
            accept_language=visit.header("HTTP_ACCEPT_LANGUAGE", LIMITS["accept_language"]),
            flags=_flags(environ, user_agent, referer, visit.h),
            view_ms=view_ms(link, visit.clicked_at) if link is not None else 0,
            redirect_host=visit.header("HTTP_HOST", LIMITS["redirect_host"]),
        )


def _flags(environ: dict[str, Any], user_agent: str, referer: str, host: str) -> int:
    """What only the request shows; plain numbers, because adding members of an IntFlag is slow."""
    flags = _BOT if is_bot(user_agent) else 0
    if not referer or (host and page_host(referer) != host):
        flags += _REFERER
    if environ.get("HTTP_SEC_FETCH_MODE") != "navigate":
        flags += _SEC_FETCH
    return flags


_BOT = int(Flag.BOT_USER_AGENT)
_REFERER = int(Flag.REFERER)
_SEC_FETCH = int(Flag.SEC_FETCH)
