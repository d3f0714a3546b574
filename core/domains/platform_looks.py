"""What the platforms show now: the domain in every field that follows a pipeline, and the pages behind campaigns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.clock import now
from core.domains import pauses, platforms
from core.domains.hosts import comparable, host_of
from core.domains.platform_fields import texts
from core.domains.platform_plan import CAMPAIGN_FIELD, OFFER_FIELDS
from models.domain_states import Step
from models.observations import Observation

Raw = Mapping[str, Any]
MOST_PAGES = 20
LONGEST_PAGE = 2000


@dataclass(frozen=True, slots=True)
class Look:
    """A complete reading of a platform: what each field shows, and the pages of objects by their id.

    `whole` is by (offer, field) the whole address and the offer's own word for its last edit.
    """

    platform: str
    fields: tuple[Observation, ...]
    pages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    whole: Mapping[tuple[str, str], tuple[str, str | None]] = field(default_factory=dict)


def look(platform: str) -> Look | None:
    """Read a platform; None if it is not to be called, or no account is set. Raises an outcome."""
    if pauses.wait(platform) is not None:
        return None
    return _voluum() if platform == Step.VOLUUM else _affise()


def _voluum() -> Look | None:
    account = platforms.voluum()
    if account is None:
        return None
    at = now()
    campaigns = [raw for raw in account.campaigns() if raw.get("deleted") is not True]
    fields = [
        Observation(platform="voluum", object_type="campaign", object_id=str(raw.get("id")), field=CAMPAIGN_FIELD,
                    domain=comparable(raw[CAMPAIGN_FIELD]), seen_at=at)
        for raw in campaigns if isinstance(raw.get(CAMPAIGN_FIELD), str)
    ]  # fmt: skip
    return Look("voluum", tuple(fields), {str(raw.get("id")): tuple(_pages(raw)) for raw in campaigns})


def _affise() -> Look | None:
    account = platforms.affise()
    if account is None:
        return None
    at, offers = now(), list(account.offers())
    fields = [
        Observation(platform="affise", object_type="offer", object_id=str(raw.get("id")), field=name, domain=host,
                    seen_at=at)
        for raw in offers for name in OFFER_FIELDS if (host := _host(raw.get(name)))
    ]  # fmt: skip
    whole = {
        (str(raw.get("id")), name): (str(raw.get(name)), _text(raw.get("updated_at")))
        for raw in offers for name in OFFER_FIELDS
    }  # fmt: skip
    return Look("affise", tuple(fields), whole=whole)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _host(value: Any) -> str | None:
    return host_of(value) if isinstance(value, str) else None


def _pages(raw: Raw) -> Iterator[str]:
    """Addresses that a campaign names, without what differs from click to click."""
    for _, text in texts(raw):
        page = text.partition("#")[0].partition("?")[0]
        if text.startswith(("http://", "https://")) and len(page) <= LONGEST_PAGE and _is_page(page):
            yield page


def _is_page(page: str) -> bool:
    return host_of(page) is not None and not any(letter in page for letter in "{}[]<> \x00")


def pages_behind(
    found: Look, owners: Mapping[str, int], tracking: Collection[str]
) -> list[tuple[int, str]]:  # fmt: skip
    """(pipeline, page) of the objects that belong to pipelines: only pages, never tracking domains."""
    kept: dict[int, dict[str, None]] = {}
    for object_id, pages in found.pages.items():
        if object_id in owners:
            kept.setdefault(owners[object_id], {}).update(dict.fromkeys(_foreign(pages, tracking)))
    return [(number, page) for number, pages in sorted(kept.items()) for page in sorted(pages)[:MOST_PAGES]]


def _foreign(pages: Iterable[str], tracking: Collection[str]) -> list[str]:
    return [page for page in pages if host_of(page) not in tracking]
