"""The page behind the link of a confirmation mail: looking changes nothing, only its button confirms the payout."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

import falcon
import structlog

from config.clock import now
from config.settings import Settings
from core.ads import payout_methods, payouts
from core.ads.payouts import Confirmed, Offered
from models.database import DATABASE_DOWN, drop_connection, ensure_connection
from models.fields import decimal_text
from web.address import TrustedProxies, client_address
from web.pages import answer, facts, paragraphs
from worker.ads.payouts import confirm

RETRY_SECONDS = 30
_LONGEST_TOKEN = 200
log = structlog.get_logger(__name__)


class Confirmation:
    """`/payouts/confirm/<token>`: mail scanners open links, so GET and HEAD only show, and POST confirms."""

    def __init__(self, settings: Settings) -> None:
        self._own_host = urlsplit(settings.web_url).netloc
        self._trusted = TrustedProxies(settings.trusted_proxies)
        self._hops = settings.proxy_max_hops

    def on_get(self, request: falcon.Request, response: falcon.Response, token: str) -> None:
        """What would be confirmed, and the button."""
        try:
            ensure_connection()
            found = payouts.offered(token) if len(token) <= _LONGEST_TOKEN else None
        except DATABASE_DOWN:
            return _down(response)
        if found is None:
            return _unknown(response)
        return _over(response) if found.expires_at <= now() else _show(response, found)

    on_head = on_get

    def on_post(self, request: falcon.Request, response: falcon.Response, token: str) -> None:
        """Confirm, once; the token in the address is the proof, other sites are turned away besides."""
        if not self._from_here(request):
            return _foreign(response)
        try:
            ensure_connection()
            result = confirm(token, self._client(request)) if len(token) <= _LONGEST_TOKEN else Confirmed.UNKNOWN
        except DATABASE_DOWN:
            return _down(response)
        log.info("payout_confirmation", result=result.value)
        return _ENDS[result](response)

    def _from_here(self, request: falcon.Request) -> bool:
        """False when the browser says that another site sent the form; a private Origin says nothing."""
        if site := request.get_header("Sec-Fetch-Site"):
            return site in ("same-origin", "none")
        origin = request.get_header("Origin")
        return origin in (None, "null") or urlsplit(origin).netloc in (self._own_host, request.netloc)

    def _client(self, request: falcon.Request) -> str:
        forwarded = request.get_header("X-Forwarded-For") or ""
        return client_address(request.remote_addr, forwarded, self._trusted, self._hops)


def _show(response: falcon.Response, found: Offered) -> None:
    method = payout_methods.find(found.method).title
    pairs = {
        "Paid by": method,
        "To": found.destination,
        "Confirm before": f"{found.expires_at:%d %B %Y, %H:%M} UTC".lstrip("0"),
        "Request": str(found.public_id),
    }
    body = (
        f'<p class="amount">{escape(decimal_text(found.amount))} {escape(found.currency)}</p>\n{facts(pairs)}\n'
        '<form method="post">\n<button type="submit">Confirm this payout</button>\n</form>\n'
        '<p class="note">Nothing happens until you press the button. If you did not ask for this payout, close this '
        "page and tell your manager; the request then ends by itself and the money stays on your balance.</p>"
    )
    answer(response, falcon.HTTP_200, "Confirm your payout", body)


def _confirmed(response: falcon.Response) -> None:
    texts = ("Thank you. We check the request now and write to you as soon as the money is on its way.",
             "You can close this page.")  # fmt: skip
    answer(response, falcon.HTTP_200, "Your payout is confirmed", paragraphs(*texts))


def _already(response: falcon.Response) -> None:
    texts = ("This payout was confirmed before. There is nothing left to do here.",)
    answer(response, falcon.HTTP_200, "Already confirmed", paragraphs(*texts))


def _over(response: falcon.Response) -> None:
    texts = ("This payout was not confirmed in time, so the request has ended. The money is on your balance.",
             "You can ask for a new payout at any time.")  # fmt: skip
    answer(response, falcon.HTTP_410, "The time has run out", paragraphs(*texts))


def _unknown(response: falcon.Response) -> None:
    texts = ("It may have been used already, the request may have ended, or a part of the address is missing.",
             "Open the link in the mail again, or look at the payouts of your account.")  # fmt: skip
    answer(response, falcon.HTTP_404, "This link opens nothing", paragraphs(*texts))


def _foreign(response: falcon.Response) -> None:
    texts = ("Another site sent this form. Nothing was confirmed. Open the link in the mail and use the button there.",)
    answer(response, falcon.HTTP_403, "Not from here", paragraphs(*texts))


def _down(response: falcon.Response) -> None:
    drop_connection()
    response.set_header("Retry-After", str(RETRY_SECONDS))
    texts = (
        "We cannot reach our database. Nothing was changed; the link stays valid.",
        "Please try again in a minute.",
    )
    answer(response, falcon.HTTP_503, "Please come back in a minute", paragraphs(*texts))


_ENDS = {
    Confirmed.CONFIRMED: _confirmed,
    Confirmed.ALREADY: _already,
    Confirmed.EXPIRED: _over,
    Confirmed.UNKNOWN: _unknown,
}
