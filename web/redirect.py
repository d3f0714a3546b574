"""The redirect as an application without a framework: for WSGI servers, and for Granian's RSGI in production."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

from config.settings import Settings
from web.guide import Guide
from web.inline import admission
from web.intake import Intake
from web.publishing import make_publisher
from web.rsgi import Rsgi, environ_of
from web.tickets import Path

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Reply = tuple[int, list[tuple[str, str]]]
_REASONS = {200: "200 OK", 404: "404 Not Found", 405: "405 Method Not Allowed", 503: "503 Service Unavailable"}
_METHODS = ("GET", "HEAD")


def make_app(settings: Settings) -> Redirect:
    """The running redirect of this process, with a publisher of its own; works with everything down.

    Needs the database handle pointed somewhere. Close it when no request is being served any more.
    """
    publisher = make_publisher(settings)
    intake = Intake(settings, publisher, admission(settings))
    intake.start()
    return Redirect(settings, intake, publisher.close)


class Redirect:
    """Click links are answered with 302 whatever happens; also two pages for whoever supervises the process."""

    def __init__(self, settings: Settings, intake: Intake, last: Callable[[], object] = lambda: None) -> None:
        self._guide = Guide(settings, intake.table, intake.alarm)
        self._intake = intake
        self._threads = settings.redirect_threads
        self._rsgi: Rsgi | None = None
        self._last = last

    def close(self) -> None:
        """Stop what runs behind the application, the publisher last."""
        self._intake.stop()
        self._last()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        """WSGI: one thread per request, which waits for its click to be safe."""
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith("/r/") or environ["REQUEST_METHOD"] not in _METHODS:
            status, headers = self.page(environ["REQUEST_METHOD"], path)
            start_response(_REASONS[status], headers)
            return []
        visit = self._guide.open(environ, path[3:])
        self._guide.aim(visit)
        self._guide.end(visit, self._intake.gate.hand_over(visit.body) if visit.body else Path.NONE)
        visit.headers.append(("Location", visit.location))
        start_response("302 Found", visit.headers)
        return []

    def page(self, method: str, path: str) -> Reply:
        """The answer to anything but a click link."""
        headers = [("Content-Length", "0"), ("Cache-Control", "no-store")]
        if method not in _METHODS:
            return 405, [*headers, ("Allow", "GET, HEAD")]
        if path == "/healthz":
            return 200, headers
        if path == "/readyz":
            return (200 if self._intake.table.loaded else 503), headers
        return 404, headers

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        self._rsgi = Rsgi(self._guide, self._intake, loop, self._threads)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """RSGI: one thread for all requests, which never waits."""
        path: str = scope.path
        if not path.startswith("/r/") or scope.method not in _METHODS:
            protocol.response_empty(*self.page(scope.method, path))
            return
        assert self._rsgi is not None, "the server calls __rsgi_init__ first"
        visit = await self._rsgi.lead(environ_of(scope), path[3:])
        visit.headers.append(("Location", visit.location))
        protocol.response_empty(302, visit.headers)
