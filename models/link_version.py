"""What the redirect must know of offers and informers, and the number that says when it changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

from models.database import execute, fetch
from models.engine import db, is_postgres, statement_timeout_ms

LOAD_MS = 10_000
MISS_MS = 50

_OFFERS = """
select o.id, o.guid, o.title, o.url, c.id, c.guid, c.title, c.partner_marker, c.hide_site, c.settings
from offer o join campaign c on c.id = o.campaign_id
"""
_INFORMERS = "select i.id, i.guid, s.host from informer i join site s on s.id = i.site_id"


class OfferRow(NamedTuple):
    """An offer and its campaign."""

    offer_id: int
    offer_guid: str
    offer_title: str
    url: str
    campaign_id: int
    campaign_guid: str
    campaign_title: str
    partner_marker: bool
    hide_site: bool
    settings: dict[str, Any]


class InformerRow(NamedTuple):
    """An informer and the host of its site."""

    informer_id: int
    informer_guid: str
    site_host: str


def bump() -> None:
    """Make every redirect process reload; call it in the transaction that changes an offer, campaign or informer."""
    execute("update link_version set version = version + 1 where id = 1")


def current() -> int:
    """The number of the last committed change."""
    with _limited(MISS_MS):
        return int(fetch("select version from link_version where id = 1")[0][0])


def load() -> tuple[list[OfferRow], list[InformerRow]]:
    """Everything; ended offers too, because old links still resolve."""
    with _limited(LOAD_MS):
        return [_offer(row) for row in fetch(_OFFERS)], [_informer(row) for row in fetch(_INFORMERS)]


def find_offer(offer_id: int) -> OfferRow | None:
    """One offer, within 50 ms."""
    with _limited(MISS_MS):
        rows = fetch(_OFFERS + "where o.id = %s", (offer_id,))
    return _offer(rows[0]) if rows else None


def find_informer(informer_id: int) -> InformerRow | None:
    """One informer, within 50 ms."""
    with _limited(MISS_MS):
        rows = fetch(_INFORMERS + " where i.id = %s", (informer_id,))
    return _informer(rows[0]) if rows else None


@contextmanager
def _limited(milliseconds: int) -> Iterator[None]:
    """A read with a time limit of its own; SQLite has none, and a transaction there would take the write lock."""
    if not is_postgres():
        yield
        return
    token = statement_timeout_ms.set(milliseconds)
    try:
        with db.atomic():
            yield
    finally:
        statement_timeout_ms.reset(token)


def _offer(row: tuple[Any, ...]) -> OfferRow:
    offer_id, guid, title, url, campaign_id, campaign_guid, campaign_title, marker, hide, settings = row
    if isinstance(settings, str):
        settings = orjson.loads(settings)
    return OfferRow(
        offer_id, str(guid), title, url, campaign_id, str(campaign_guid), campaign_title, bool(marker), bool(hide),
        settings,
    )  # fmt: skip


def _informer(row: tuple[Any, ...]) -> InformerRow:
    return InformerRow(row[0], str(row[1]), row[2])
