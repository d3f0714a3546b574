"""Where a visitor goes, and what of the visit becomes a click; knows links and rules, but no server and no broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from prometheus_client import Counter

from config.clock import monotonic
from config.settings import Settings
from core.ads.clicks import encode
from core.ads.destination import compose, location, safe_destination
from core.ads.links import InvalidLink, Keyring, read_query, read_token
from web import metrics
from web.alarm import Alarm
from web.click import ClickMessages, Visit
from web.link_table import LinkTable
from web.sampler import Sampler
from web.tickets import Path
from web.visitor import is_prefetch, new_visitor, read_visitor, set_cookie

SKEW_MS = 5000
"""Clocks this far apart are worth a look; from a minute on clicks are refused."""
log = structlog.get_logger(__name__)


class Guide:
    """Leads one visit through `open` and `aim`, then `end`; no step raises, whatever the request holds."""

    def __init__(self, settings: Settings, table: LinkTable, alarm: Alarm) -> None:
        self._keyring = Keyring.parse(settings.link_keys.get_secret_value())
        self._table = table
        self._alarm = alarm
        self._fallback = location(settings.fallback_url)
        self._partner_param = settings.partner_param
        self._messages = ClickMessages(settings)
        self._samples = Sampler()

    def open(self, environ: dict[str, Any], token: str) -> Visit:
        """Read the request, given as a WSGI environment; the visit so far leads to the signed destination, if any."""
        visit = Visit(environ, token, self._fallback)
        _guarded(self._identify, visit)
        _guarded(self._read, visit)
        return visit

    def must_ask(self, visit: Visit) -> bool:
        """True if `aim` may have to wait for the database."""
        return visit.link is not None and not self._table.holds(visit.link.offer_id, visit.link.informer_id)

    def aim(self, visit: Visit) -> None:
        """Find the destination, and encode the click if there is one; a fault of one does not spoil the other."""
        if visit.link is not None:
            _guarded(self._aim, visit)
            if visit.owed:
                _guarded(self._encode, visit)

    def end(self, visit: Visit, path: Path) -> None:
        """Count how the click of this visit was handed over; NONE is an alarm if one was owed."""
        if not visit.owed:
            return
        if path is Path.NONE:
            metrics.NOT_ACCEPTED.inc()
            log.error("click_not_accepted", click_id=str(visit.click_id))
            self._alarm.sound()
        else:
            metrics.INTAKE[path].observe(monotonic() - visit.started)

    def _identify(self, visit: Visit) -> None:
        visitor = read_visitor(visit.environ.get("HTTP_COOKIE", ""))
        if visitor is None:
            visitor = new_visitor()
            visit.headers.append(("Set-Cookie", set_cookie(visitor)))
        visit.visitor_id = visitor

    def _read(self, visit: Visit) -> None:
        ignored = _ignored(visit.environ)
        visit.owed = ignored is None
        try:
            visit.u, visit.h = read_query(visit.query())
            link = read_token(visit.token, visit.u, visit.h, self._keyring)
        except InvalidLink:
            self._refuse(visit)
            return
        visit.link = link
        if link.test:
            ignored, visit.owed = metrics.TEST, False
        if ignored is not None:
            ignored.inc()
        if visit.u:
            self._send_to(visit, safe_destination(visit.u))

    def _refuse(self, visit: Visit) -> None:
        """No valid link, so no click is owed; a sample travels on, so that forgeries show in the records."""
        metrics.BAD_TOKEN.inc()
        counts, visit.owed = visit.owed, False
        if counts:
            message = self._messages.message(visit, None)
            if self._samples.takes(message.actor_net):
                visit.body = encode(message)

    def _aim(self, visit: Visit) -> None:
        """From the signed link or the table, never from a free parameter."""
        link = visit.link
        assert link is not None, "only visits with a valid link are led on"
        offer = self._table.offer(link.offer_id)
        destination = safe_destination(visit.u or (offer.url if offer else ""))
        if destination is not None:
            informer = self._table.informer(link.informer_id)
            facts = offer.facts if offer else None
            destination = compose(destination, visit.h, facts, informer, partner_param=self._partner_param)
            self._send_to(visit, destination)

    def _encode(self, visit: Visit) -> None:
        message = self._messages.message(visit, visit.link)
        if message.view_ms < -SKEW_MS:
            metrics.SKEWED.inc()
        visit.body = encode(message)

    def _send_to(self, visit: Visit, url: str | None) -> None:
        if url is None:
            return
        header = location(url)
        if header.isascii() and header.isprintable():
            visit.url, visit.location = url, header


def _guarded(step: Callable[[Visit], None], visit: Visit) -> None:
    try:
        step(visit)
    except Exception:
        # whatever is wrong with us, the visitor is sent on to what is known by now
        metrics.REDIRECT_ERRORS.inc()
        log.exception("redirect_failed", click_id=str(visit.click_id))


def _ignored(environ: dict[str, Any]) -> Counter | None:
    """The counter of requests that are no click, None for a click."""
    if environ["REQUEST_METHOD"] == "HEAD":
        return metrics.HEAD
    return metrics.PREFETCH if is_prefetch(environ) else None
