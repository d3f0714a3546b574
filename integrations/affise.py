"""Affise: offers are listed page by page and edited by naming exactly the fields that change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

import structlog

from config import clock
from config.settings import Settings
from integrations.errors import (
    Malformed,
    OutcomeUnknown,
    OutsideError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
)
from integrations.http import Client, Effect, Reply
from integrations.limiter import Pace
from integrations.platforms import (
    BREAKER_SECONDS,
    LIST_PATIENCE,
    PATIENCE,
    for_lists,
    listed,
    patiently,
    sharing,
    uncertain,
)
from integrations.reach import reach
from integrations.reading import Reading

READ_RATE, READ_BURST = 2.0, 10
WRITE_RATE, WRITE_BURST = 1.0, 5
LIMIT_WAIT = 60.0
PAGE = 100
MOST_PAGES = 10_000
MOST_PASSES = 3
STATUSES = ("active", "stopped")
EDITABLE = frozenset({"url", "trafficback_url"})
KEY_TEXTS = ("token is necessary", "auth denied")
LONGEST_DETAIL = 500

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Affise:
    """One tenant. Offers are raw dictionaries. `transient_texts`: refusals of Affise that mean "try again".

    The rate limits of reading and writing are kept per process, unless `paces` are some that processes share.
    """

    dry_run: ClassVar[bool] = False

    url: str
    key: str = field(repr=False)
    transient_texts: Sequence[str] = ()
    timeout: tuple[float, float] = (5.0, 30.0)
    deadline: float = 60.0
    rates: tuple[float | None, float | None] = (READ_RATE, WRITE_RATE)
    paces: tuple[Pace, Pace] | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    clock: Callable[[], float] = clock.monotonic
    client: Client = field(init=False, repr=False)
    _lists: Client = field(init=False, repr=False)
    _writes: Client = field(init=False, repr=False)
    _reading: Reading[Sequence[dict[str, Any]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.client = Client(
            "affise",
            self.url,
            timeout=self.timeout,
            deadline=self.deadline,
            headers={"API-Key": self.key},
            secrets=(self.key,) if self.key else (),
            ca_bundle=self.ca_bundle,
            default_wait=LIMIT_WAIT,
            rate=self.rates[0],
            burst=READ_BURST,
            longest_pause=BREAKER_SECONDS,
            clock=self.clock,
        )
        self._writes = sharing(self.client, rate=self.rates[1], burst=WRITE_BURST)
        if self.paces:
            self.client.limiter, self._writes.limiter = self.paces
        self._lists = for_lists(self.client)
        self._reading = Reading(lambda: list(self._listed(STATUSES)))

    @classmethod
    def from_settings(cls, settings: Settings, paces: tuple[Pace, Pace] | None = None) -> Affise | None:
        """The tenant as the environment describes it; None when none is described."""
        key = settings.affise_api_key.get_secret_value() if settings.affise_api_key else ""
        texts = tuple(text.strip() for text in settings.affise_transient_texts.split(";") if text.strip())
        if not settings.affise_base_url or not key:
            return None
        limits = reach(settings, settings.affise_timeout)
        return cls(settings.affise_base_url, key, texts, paces=paces, **limits)

    def offers(self, statuses: Sequence[str] = STATUSES) -> Sequence[dict[str, Any]]:
        """Every offer once, by id; those who ask at the same time share one list and must not change it."""
        return self._reading.get() if statuses == STATUSES else list(self._listed(statuses))

    def _listed(self, statuses: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Pages shift while offers change, so a list that moved is read again.

        After the third reading the list is left as it is; an offer missed then is found by the next check.
        """
        seen: set[int] = set()
        for _ in range(MOST_PASSES):
            totals: set[int | None] = set()
            met: set[int] = set()
            for page, total in self._pages(statuses):
                totals.add(total)
                yield from _unseen(page, seen, met)
            if totals in ({None}, {len(met)}):
                return
        log.warning("offers_kept_changing", service="affise", offers=len(seen))

    def offer(self, offer_id: int) -> dict[str, Any]:
        """The whole offer; raises Rejected when there is none."""
        found = self._read(self.client, f"/3.0/offer/{int(offer_id)}").get("offer")
        if not isinstance(found, dict) or found.get("id") != int(offer_id):
            raise Malformed("affise: not the offer that was asked for")
        return found

    def edit_offer(
        self, offer_id: int, changes: Mapping[str, str], *, before_write: Callable[[], None] = lambda: None
    ) -> None:
        """Change these fields and no other; read the offer again to see the effect.

        Raises ValueError for fields that are not ours to change, OutcomeUnknown when the answer got lost.
        `before_write` is called right before each attempt to write, and nothing is written when it raises.
        """
        check_editable(changes)
        path = f"/3.0/admin/offer/{int(offer_id)}"
        with uncertain():
            self._ask(self._writes, "POST", path, effect=Effect.ONCE, form=changes, first=before_write)

    def domains(self) -> list[str]:
        """The tracking domains that exist in the tenant."""
        rows = listed(self._read(self.client, "/3.0/admin/domains"), "domains", "affise")
        return [row["url"] for row in rows if isinstance(row.get("url"), str)]

    def probe(self) -> str:
        """Who we are, in words; raises an outcome when the key is refused or Affise is away."""
        self._read(self.client, "/3.1/user/me")
        return "affise: key accepted"

    def _pages(self, statuses: Sequence[str]) -> Iterator[tuple[list[dict[str, Any]], int | None]]:
        """Each page with the count of offers that Affise claims on it; None when it claims nothing."""
        page: Any = 1
        for _ in range(MOST_PAGES):
            query = [("page", str(page)), ("limit", str(PAGE)), ("sort[id]", "asc")]
            query += [("status[]", status) for status in statuses]
            document = self._read(self._lists, "/3.0/offers?" + urlencode(query, safe="[]"))
            about = document.get("pagination")
            pagination = about if isinstance(about, dict) else {}
            total = pagination.get("total_count")
            yield listed(document, "offers", "affise"), total if isinstance(total, int) else None
            before, page = page, pagination.get("next_page")
            if not isinstance(page, int) or page <= before:
                return

    def _read(self, client: Client, path: str) -> dict[str, Any]:
        return self._ask(client, "GET", path)

    def _ask(
        self,
        client: Client,
        method: str,
        path: str,
        *,
        effect: Effect = Effect.READ,
        form: Any = None,
        first: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        def attempt() -> Reply:
            first()
            return client.call(method, path, effect=effect, form=form)

        try:
            # a page that is given up costs all pages before it
            document = patiently(attempt, LIST_PATIENCE if client is self._lists else PATIENCE).json
        except RateLimited as limited:
            self._hold(limited)
            raise
        if isinstance(document, dict) and document.get("status") == 1:
            return document
        raise self._failure(document, effect)

    def _hold(self, limited: RateLimited) -> None:
        """Reads and writes have limits of their own, but Affise meant both."""
        if limited.sent:
            for client in (self.client, self._writes):
                client.limiter.hold(limited.retry_after)

    def _failure(self, document: Any, effect: Effect) -> OutsideError:
        """What an answer with HTTP 200 says that is no success."""
        if not isinstance(document, dict) or document.get("status") != 2:
            problem = "affise: no status in the answer"
            return OutcomeUnknown(problem) if effect is Effect.ONCE else Malformed(problem)
        said = document.get("message") or document.get("error") or ""
        text = self.client.redact(str(said))[:LONGEST_DETAIL]
        if any(known.lower() in text.lower() for known in self.transient_texts):
            return Unavailable(f"affise: {text}", sent=True)
        kind = Unauthorized if any(known in text.lower() for known in KEY_TEXTS) else Rejected
        return kind("status_2", text, status=200)


def check_editable(changes: Mapping[str, str]) -> None:
    """Raise ValueError for fields that are not ours to change."""
    if not changes or not EDITABLE.issuperset(changes):
        raise ValueError(f"an offer is edited in {' and '.join(sorted(EDITABLE))} only; leave the rest out")


def _unseen(page: list[dict[str, Any]], seen: set[int], met: set[int]) -> Iterator[dict[str, Any]]:
    """Those that no reading showed before; `met` gathers the ids of this one."""
    for offer in page:
        offer_id = offer.get("id")
        if type(offer_id) is not int:
            raise Malformed("affise: an offer without an id")
        met.add(offer_id)
        if offer_id not in seen:
            seen.add(offer_id)
            yield offer
