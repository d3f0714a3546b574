"""The application of `signalbox web`: health for whoever supervises it, and a first page."""

from __future__ import annotations

from importlib.metadata import version

import falcon
import structlog

from config.clock import now
from config.settings import Settings
from models.database import DATABASE_DOWN, drop_connection, ensure_connection, fetch
from web.impressions import Impressions
from web.payouts import Confirmation
from web.safety import SafetyAnswers
from web.telegram import Telegram
from worker.failures import trace_of

log = structlog.get_logger(__name__)


def make_app(settings: Settings) -> falcon.App[falcon.Request, falcon.Response]:
    """The WSGI application; it needs the database handle connected, and answers without a database all the same."""
    app = falcon.App()
    app.add_route("/", Index(settings))
    app.add_route("/healthz", Health())
    app.add_route("/readyz", Readiness())
    app.add_route("/impressions", Impressions(settings))
    app.add_route("/payouts/confirm/{token}", Confirmation(settings))
    app.add_route("/callbacks/domain-safety/{request_id}", SafetyAnswers(settings))
    app.add_route("/telegram", Telegram(settings))
    app.add_error_handler(Exception, _failed)
    return app


class Health:
    """This process answers."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """200 as long as the process lives."""
        _say(response, {"status": "ok"})


class Readiness:
    """This process can do its work."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """200 if the database answers, else 503."""
        if _database_answers():
            _say(response, {"status": "ready"})
        else:
            response.status = falcon.HTTP_503
            _say(response, {"status": "database not reachable"})


class Index:
    """What runs here."""

    def __init__(self, settings: Settings) -> None:
        self._facts = {
            "product": "signalbox",
            "version": version("signalbox"),
            "mode": "embedded" if settings.embedded else "production",
            "redirect": settings.public_url,
            "pages": ["/healthz", "/readyz"],
        }

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Name, version, mode and time."""
        _say(response, {**self._facts, "time": now().isoformat()})


def _failed(request: falcon.Request, response: falcon.Response, error: Exception, params: object) -> None:
    """Falcon's own report of a bug names the address, and addresses of ours may hold a secret."""
    log.error("request_failed", error=type(error).__name__, trace=trace_of(error))
    raise falcon.HTTPInternalServerError


def _say(response: falcon.Response, facts: dict[str, object]) -> None:
    response.media = facts
    response.cache_control = ["no-store"]


def _database_answers() -> bool:
    try:
        ensure_connection()
        fetch("select 1")
    except DATABASE_DOWN:
        drop_connection()
        return False
    return True
