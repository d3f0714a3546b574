"""Requests to a redirect whose broker, database and disk a test holds in its hands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from config.clock import now
from config.settings import Settings
from core.ads.destination import InformerFacts, OfferFacts
from core.ads.links import issue_click_link
from tests.web.fakes import Database, FakePublisher
from web.intake import Intake
from web.link_table import Offer
from web.redirect import Redirect

CLIENT = "203.0.113.7"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
OFFER_URL = "https://shop.example/product?id=7"
OFFER, INFORMER = 7, 3


class Answer:
    """Status and headers of one response."""

    def __init__(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status = int(status.split(maxsplit=1)[0])
        self.headers = headers

    def __getitem__(self, name: str) -> str:
        return next(value for key, value in self.headers if key == name)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.headers)


class Visits:
    """A redirect and what it did."""

    def __init__(self, settings: Settings, publisher: FakePublisher, database: Database) -> None:
        self.publisher = publisher
        self.database = database
        self.intake = Intake(settings, publisher, database.process)
        self.table = self.intake.table
        self.app = Redirect(settings, self.intake)

    def visit(self, url: str, method: str = "GET", peer: str = CLIENT, **environ: str) -> Answer:
        """Send one request, as a browser at `peer` would."""
        parts = urlsplit(url)
        request = {
            "REQUEST_METHOD": method,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REMOTE_ADDR": peer,
            "HTTP_USER_AGENT": CHROME,
            "HTTP_HOST": "r.example",
            **environ,
        }
        answers: list[Answer] = []
        body = self.app(request, lambda status, headers: answers.append(Answer(status, headers)))
        assert b"".join(body) == b""
        return answers[0]

    @property
    def clicks(self) -> list[dict[str, Any]]:
        """The clicks handed to the broker."""
        return self.publisher.clicks()


def know(table: Any, url: str = OFFER_URL) -> None:
    """Fill a link table with one offer and one informer, without a database."""
    facts = OfferFacts(OFFER, "offer-guid", "Shoes", 1, "campaign-guid", "Spring sale")
    table._offers = {OFFER: Offer(url, facts)}
    table._informers = {INFORMER: InformerFacts(INFORMER, "informer-guid", "news.example")}
    table.loaded = True


def link(destination: str | None = None, *, page: str = "https://news.example/page", **options: Any) -> str:
    """A signed link for our one offer."""
    return issue_click_link(OFFER, INFORMER, CLIENT, page, now(), destination=destination, base_url="", **options)


@contextmanager
def redirect(
    settings: Settings, publisher: FakePublisher | None = None, database: Database | None = None
) -> Iterator[Visits]:
    """A redirect that knows one offer; its fallback thread runs, its link table is as the test leaves it."""
    visits = Visits(settings, publisher or FakePublisher(), database or Database())
    know(visits.table)
    visits.intake.fallback.start()
    try:
        yield visits
    finally:
        visits.intake.stop()
