"""Offers and informers in memory, so that a visitor can be sent on with every database down."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from config.clock import monotonic
from core.ads.destination import InformerFacts, OfferFacts
from models import link_version
from models.database import DATABASE_DOWN, disconnect, drop_connection, ensure_connection
from models.link_version import InformerRow, OfferRow
from web.background import Background

POLL_SECONDS = 1.0
MISS_SECONDS = 0.05
NEGATIVE_SECONDS = 5.0
PENDING_MAX = 1000
log = structlog.get_logger(__name__)

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Offer:
    """Where an offer leads, and what its address is decorated with."""

    url: str
    facts: OfferFacts


class _Question:
    """A row that somebody waits for, asked for once however many wait."""

    __slots__ = ("answered",)

    def __init__(self) -> None:
        self.answered = threading.Event()


class LinkTable:
    """The whole table in two dictionaries, replaced when `link_version` changes; one thread speaks to the database."""

    def __init__(self) -> None:
        self.loaded = False  # once true, the table also answers for rows that it does not hold
        self._offers: dict[int, Offer] = {}
        self._informers: dict[int, InformerFacts] = {}
        self._absent_until: dict[Key, float] = {}
        self._questions: dict[Key, _Question] = {}
        self._version: int | None = None
        self._reachable = False
        self._lock = threading.Lock()
        self._thread = Background("link-table", self._run)

    def start(self) -> None:
        """Load once, if the database answers, and keep up with it from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._thread.stop()

    def holds(self, offer_id: int, informer_id: int) -> bool:
        """True if both are in memory."""
        return offer_id in self._offers and informer_id in self._informers

    def offer(self, offer_id: int) -> Offer | None:
        """The offer; None if there is none, or none to be had within 50 ms."""
        found = self._offers.get(offer_id)
        if found is None and self._ask(("offer", offer_id)):
            found = self._offers.get(offer_id)
        return found

    def informer(self, informer_id: int) -> InformerFacts | None:
        """The informer; None if there is none, or none to be had within 50 ms."""
        found = self._informers.get(informer_id)
        if found is None and self._ask(("informer", informer_id)):
            found = self._informers.get(informer_id)
        return found

    def _ask(self, key: Key) -> bool:
        """Wait for the row to be looked up; False if that is pointless or took too long."""
        if not self._reachable:
            return False
        with self._lock:
            # looked at under the lock, or whoever was held up on his way here asks anew for what was just answered
            if self._absent_until.get(key, 0.0) > monotonic():
                return False
            question = self._questions.get(key)
            if question is None:
                if len(self._questions) >= PENDING_MAX:
                    return False
                question = self._questions[key] = _Question()
        self._thread.wake()
        if question.answered.wait(MISS_SECONDS):
            return True
        # the database hangs: nobody else waits for it until it has answered again
        self._reachable = False
        return False

    def _run(self) -> None:
        polled_at = float("-inf")
        while not self._thread.stopping:
            if monotonic() - polled_at >= POLL_SECONDS:
                if self._attempt(self._refresh):
                    self.loaded = True
                polled_at = monotonic()
            self._answer_all()
            self._thread.sleep(max(0.0, polled_at + POLL_SECONDS - monotonic()))
        disconnect()

    def _attempt(self, work: Callable[[], None]) -> bool:
        """Do the work; False if the database is down, which every later visitor then knows."""
        try:
            ensure_connection()
            work()
        except DATABASE_DOWN as error:
            if self._reachable or not self.loaded:
                log.warning("link_table_not_refreshed", error=type(error).__name__)
            self._reachable = False
            drop_connection()
            return False
        self._reachable = True
        return True

    def _refresh(self) -> None:
        version = link_version.current()
        if version == self._version:
            return
        offers, informers = link_version.load()
        self._offers = {row.offer_id: _offer(row) for row in offers}
        self._informers = {row.informer_id: _informer(row) for row in informers}
        self._absent_until = {}
        self._version = version
        # a table of a million offers would otherwise be walked by the garbage collector again and again
        gc.freeze()
        log.info("link_table_loaded", version=version, offers=len(offers), informers=len(informers))

    def _answer_all(self) -> None:
        while self._questions:
            key = next(iter(self._questions))
            self._attempt(lambda key=key: self._look_up(key))  # type: ignore[misc]
            with self._lock:
                self._questions.pop(key).answered.set()

    def _look_up(self, key: Key) -> None:
        kind, row_id = key
        if kind == "offer":
            offer = link_version.find_offer(row_id)
            if offer is not None:
                self._offers[row_id] = _offer(offer)
                return
        else:
            informer = link_version.find_informer(row_id)
            if informer is not None:
                self._informers[row_id] = _informer(informer)
                return
        self._absent_until[key] = monotonic() + NEGATIVE_SECONDS


def _offer(row: OfferRow) -> Offer:
    return Offer(
        row.url,
        OfferFacts(
            offer_id=row.offer_id,
            offer_guid=row.offer_guid,
            offer_title=row.offer_title,
            campaign_id=row.campaign_id,
            campaign_guid=row.campaign_guid,
            campaign_title=row.campaign_title,
            partner_marker=row.partner_marker,
            hide_site=row.hide_site,
            utm=bool(row.settings.get("utm")),
            translit=bool(row.settings.get("translit")),
        ),
    )


def _informer(row: InformerRow) -> InformerFacts:
    return InformerFacts(row.informer_id, row.informer_guid, row.site_host)
