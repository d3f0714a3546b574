"""What to change at Voluum and Affise for a new domain, and what an object read back says about it; changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from core.domains.hosts import comparable, host_of, replace_host
from core.domains.platform_fields import affise_values, mentioning

CAMPAIGN_FIELD = "preferredTrackingDomain"
CAMPAIGN_MAY_DIFFER = frozenset({CAMPAIGN_FIELD, "url", "impressionUrl", "updatedTime"})
OFFER_FIELDS = ("url", "trafficback_url")

Raw = Mapping[str, Any]


class Found(StrEnum):
    """What an object shows just before it is written."""

    READY = "ready"
    """As planned; write it."""
    DONE = "done"
    """It has the new value already; nothing to write."""
    CONFLICT = "conflict"
    """Neither the old nor the new value; never overwritten."""
    MOVED = "moved"
    """Still to be changed, but somebody edited it since the plan; plan it again from what was read."""
    GONE = "gone"
    """Deleted since the plan; nothing to write."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one object at a platform; `updated_at` is the object's own word for its last edit."""

    object_type: str
    object_id: str
    title: str
    field: str
    before: str
    after: str
    updated_at: str | None

    def undone(self) -> Change:
        """The change that takes this one back."""
        return replace(self, before=self.after, after=self.before, updated_at=None)


@dataclass(frozen=True, slots=True)
class Mention:
    """A field that names a former domain and is reported only."""

    object_type: str
    object_id: str
    title: str
    field: str
    text: str


def campaign_changes(campaigns: Iterable[Raw], former: Collection[str], new: str) -> list[Change]:
    """The campaigns that are still on a former domain of the pipeline; deleted ones stay as they are."""
    return [change for raw in campaigns if (change := campaign_change(raw, former, new))]


def campaign_change(raw: Raw, former: Collection[str], new: str) -> Change | None:
    """What to change in this campaign; None when it is deleted or on no former domain."""
    seen = raw.get(CAMPAIGN_FIELD)
    if raw.get("deleted") is True or not isinstance(seen, str) or not _among(seen, former) or _same(seen, new):
        return None
    return Change("campaign", str(raw.get("id")), _text(raw, "name"), CAMPAIGN_FIELD, seen, new, _when(raw))


def read_campaign(raw: Raw, change: Change, former: Collection[str]) -> Found:
    """What the campaign shows now, against the plan."""
    seen = raw.get(CAMPAIGN_FIELD)
    if raw.get("deleted") is True:
        return Found.GONE
    if isinstance(seen, str) and _same(seen, change.after):
        return Found.DONE
    if not isinstance(seen, str) or not _among(seen, {*former, change.before}):
        return Found.CONFLICT
    moved = seen != change.before or _when(raw) != change.updated_at
    return Found.MOVED if moved else Found.READY


def edited_campaign(raw: Raw, new: str) -> dict[str, Any]:
    """The object to write: the one that was read, with the new domain and every other key as it was."""
    return {**raw, CAMPAIGN_FIELD: new}


def campaign_surprises(before: Raw, after: Raw) -> list[str]:
    """Keys that differ after a write although they may not; any of them stops the step."""
    return sorted(_differing(before, after) - CAMPAIGN_MAY_DIFFER)


def campaign_shows(raw: Raw, domain: str) -> bool:
    """Whether the campaign, read back, is on this domain."""
    seen = raw.get(CAMPAIGN_FIELD)
    return isinstance(seen, str) and _same(seen, domain)


def campaign_mentions(campaigns: Iterable[Raw], former: Collection[str]) -> list[Mention]:
    """Where campaigns name a former domain outside the field that is changed and those derived from it."""
    return [mention for raw in campaigns if raw.get("deleted") is not True for mention in _named(raw, former)]


def offer_changes(offers: Iterable[Raw], former: Collection[str], new: str) -> list[Change]:
    """The URLs of offers whose host is a former domain; only the host is exchanged."""
    return [change for raw in offers for name in OFFER_FIELDS if (change := offer_change(raw, name, former, new))]


def offer_change(raw: Raw, name: str, former: Collection[str], new: str) -> Change | None:
    """What to change in this field of the offer; None when its host is no former domain."""
    url = raw.get(name)
    host = _host_among(url, former)
    if host is None or _same(host, new):
        return None
    return _offer_change(raw, name, replace_host(str(url), host, new))


def trafficback_changes(offers: Iterable[Raw], former: Collection[str], target: str) -> list[Change]:
    """For a pipeline without a domain: the whole `url` becomes the target. A person must agree to these."""
    return [_offer_change(raw, "url", target) for raw in offers if _host_among(raw.get("url"), former)]


def read_offer(raw: Raw, change: Change) -> Found:
    """What the field of the offer shows now, against the plan."""
    seen = raw.get(change.field)
    if seen == change.after:
        return Found.DONE
    return Found.READY if seen == change.before else Found.CONFLICT


def offer_surprises(before: Raw, after: Raw, changed: Collection[str]) -> list[str]:
    """Fields with URLs that differ after a write although they were not sent."""
    was, became = affise_values(before), affise_values(after)
    return sorted(
        name for name in was.keys() | became.keys() if name not in changed and was.get(name) != became.get(name)
    )


def offer_mentions(offers: Iterable[Raw], former: Collection[str]) -> list[Mention]:
    """Where offers name a former domain in fields that are not changed."""
    return [
        Mention("offer", str(raw.get("id")), _text(raw, "title"), name, text)
        for raw in offers
        for name, text in mentioning(affise_values(raw), former).items()
        if name not in OFFER_FIELDS or not _host_among(text, former)
    ]


def fingerprint(changes: Iterable[Change]) -> str:
    """What an approval is bound to: SHA-256 over the changes, whatever their order."""
    rows = sorted([item.object_type, item.object_id, item.field, item.before, item.after] for item in changes)
    return hashlib.sha256(orjson.dumps(rows)).hexdigest()


def _offer_change(raw: Raw, name: str, after: str) -> Change:
    when = raw.get("updated_at")
    return Change(
        "offer",
        str(raw.get("id")),
        _text(raw, "title"),
        name,
        str(raw[name]),
        after,
        when if isinstance(when, str) else None,
    )


def _named(raw: Raw, former: Collection[str]) -> Iterator[Mention]:
    rest = {name: value for name, value in raw.items() if name not in CAMPAIGN_MAY_DIFFER}
    for name, text in mentioning(rest, former).items():
        yield Mention("campaign", str(raw.get("id")), _text(raw, "name"), name, text)


def _differing(before: Raw, after: Raw) -> set[str]:
    missing = object()
    return {name for name in before.keys() | after.keys() if before.get(name, missing) != after.get(name, missing)}


def _host_among(url: Any, names: Collection[str]) -> str | None:
    host = host_of(url) if isinstance(url, str) else None
    return host if host and _among(host, names) else None


def _among(host: str, names: Collection[str]) -> bool:
    return any(_same(host, name) for name in names)


def _same(host: str, name: str) -> bool:
    return comparable(host) == comparable(name)


def _text(raw: Raw, name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def _when(raw: Raw) -> str | None:
    value = raw.get("updatedTime")
    return value if isinstance(value, str) else None
