"""The redirect: a click link in, the click made safe, the visitor sent on; a bare WSGI callable, the hottest path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from prometheus_client import Counter

from config.clock import monotonic
from config.settings import Settings
from core.ads.clicks import encode
from core.ads.destination import compose, location, safe_destination
from core.ads.links import InvalidLink, Keyring, Link, read_query, read_token
from web import metrics
from web.click import ClickMessages, Visit
from web.inline import admission
from web.intake import Intake
from web.sampler import Sampler
from web.tickets import Path
from web.visitor import is_prefetch, new_visitor, read_visitor, set_cookie

StartResponse = Callable[[str, list[tuple[str, str]]], object]
log = structlog.get_logger(__name__)

_FOUND = [
    ("Content-Length", "0"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer-when-downgrade"),
    ("X-Robots-Tag", "noindex,nofollow"),
]


def make_app(settings: Settings, broker: Any = None) -> Redirect:
    """The running redirect of this process, through `broker` or one of its own; works with everything down.

    Close it when no request is being served any more.
    """
    from worker.broker import make_broker

    publisher = (broker or make_broker(settings, "redirect")).publisher
    intake = Intake(settings, publisher, admission(settings))
    intake.start()
    return Redirect(settings, intake)


class Redirect:
    """The WSGI application in front of an intake, which it closes."""

    def __init__(self, settings: Settings, intake: Intake) -> None:
        self._keyring = Keyring.parse(settings.link_keys.get_secret_value())
        self._table = intake.table
        self._hand_over = intake.gate.hand_over
        self.close = intake.stop
        self._fallback = location(settings.fallback_url)
        self._partner_param = settings.partner_param
        self._clicks = ClickMessages(settings)
        self._samples = Sampler()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _answer(start_response, "405 Method Not Allowed", ("Allow", "GET, HEAD"))
        if path.startswith("/r/"):
            return self._redirect(environ, start_response, path[3:])
        return self._page(path, start_response)

    def _page(self, path: str, start_response: StartResponse) -> list[bytes]:
        if path == "/healthz":
            return _answer(start_response, "200 OK")
        if path == "/readyz":
            return _answer(start_response, "200 OK" if self._table.loaded else "503 Service Unavailable")
        return _answer(start_response, "404 Not Found")

    def _redirect(self, environ: dict[str, Any], start_response: StartResponse, token: str) -> list[bytes]:
        visit = Visit(environ, token, self._fallback)
        headers = _FOUND.copy()
        try:
            self._identify(visit, headers)
            self._follow(visit)
        except Exception:
            # whatever went wrong, the visitor is sent on
            metrics.REDIRECT_ERRORS.inc()
            log.exception("redirect_failed", click_id=str(visit.click_id))
        if visit.owed:
            metrics.NOT_ACCEPTED.inc()
            log.error("click_not_accepted", click_id=str(visit.click_id))
        headers.append(("Location", visit.location))
        start_response("302 Found", headers)
        return []

    def _identify(self, visit: Visit, headers: list[tuple[str, str]]) -> None:
        visitor = read_visitor(visit.environ.get("HTTP_COOKIE", ""))
        if visitor is None:
            visitor = new_visitor()
            headers.append(("Set-Cookie", set_cookie(visitor)))
        visit.visitor_id = visitor

    def _follow(self, visit: Visit) -> None:
        ignored = _ignored(visit.environ)
        visit.owed = ignored is None
        link = self._read(visit)
        if link is None:
            self._refuse(visit)
            return
        self._aim(visit, link)
        if link.test:
            ignored, visit.owed = metrics.TEST, False
        if ignored is None:
            self._accept(visit, link)
        else:
            ignored.inc()

    def _read(self, visit: Visit) -> Link | None:
        try:
            visit.u, visit.h = read_query(visit.query())
            return read_token(visit.token, visit.u, visit.h, self._keyring)
        except InvalidLink:
            return None

    def _refuse(self, visit: Visit) -> None:
        """No valid link, so no click is owed; a sample travels on, so that the forgery shows in the records."""
        metrics.BAD_TOKEN.inc()
        counts, visit.owed = visit.owed, False
        if counts:
            message = self._clicks.message(visit, None)
            if self._samples.takes(message.actor_net):
                self._hand_over(encode(message))

    def _aim(self, visit: Visit, link: Link) -> None:
        """Where the visitor goes, from the signed link or the table, never from a free parameter."""
        if visit.u:
            self._send_to(visit, safe_destination(visit.u))
        offer = self._table.offer(link.offer_id)
        destination = safe_destination(visit.u or (offer.url if offer else ""))
        if destination is not None:
            facts = offer.facts if offer else None
            informer = self._table.informer(link.informer_id)
            destination = compose(destination, visit.h, facts, informer, partner_param=self._partner_param)
        self._send_to(visit, destination)

    def _send_to(self, visit: Visit, url: str | None) -> None:
        if url is None:
            return
        header = location(url)
        if header.isascii() and header.isprintable():
            visit.url, visit.location = url, header

    def _accept(self, visit: Visit, link: Link) -> None:
        path = self._hand_over(encode(self._clicks.message(visit, link)))
        if path is not Path.NONE:
            visit.owed = False
            metrics.INTAKE[path].observe(monotonic() - visit.started)


def _ignored(environ: dict[str, Any]) -> Counter | None:
    """The counter of requests that are no click, None for a click."""
    if environ["REQUEST_METHOD"] == "HEAD":
        return metrics.HEAD
    return metrics.PREFETCH if is_prefetch(environ) else None


def _answer(start_response: StartResponse, status: str, *headers: tuple[str, str]) -> list[bytes]:
    start_response(status, [("Content-Length", "0"), ("Cache-Control", "no-store"), *headers])
    return []
