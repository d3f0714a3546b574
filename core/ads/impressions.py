"""Impressions that ad servers report in numbered batches: each batch is added once, whatever happens on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec
import orjson
from msgspec import Meta

from config.clock import now
from config.settings import get_settings
from core.ads import days, periods
from models import click_writes, conflicts, dirty_days, impressions, partitions
from models.impressions import BatchRow, BlockView, Impression

MOST_ROWS = 50_000
MOST_COUNT = 10**12
"""Per row and batch; a sum of such counts stays far inside the column."""
MOST_ID = 2**63 - 1
NAMED_IDS = 10
Id = Annotated[int, Meta(ge=1, le=MOST_ID)]
Count = Annotated[int, Meta(ge=0, le=MOST_COUNT)]
Key = tuple[int, ...]


class BadBatch(ValueError):
    """A batch that cannot be taken: which field, what is wrong, what to do."""

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{field}: {problem}; {fix}")
        self.field, self.problem, self.fix = field, problem, fix


class BatchConflict(ValueError):
    """A batch whose id belongs to one of another content; nothing was added."""

    def __init__(self, batch_id: UUID) -> None:
        super().__init__(f"batch {batch_id} is known with other content; give every batch an id of its own")
        self.batch_id = batch_id


class ImpressionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One offer in one informer."""

    informer_id: Id
    offer_id: Id
    requested: Count
    seen: Count
    is_social: bool = False


class BlockViewRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Loads of one informer."""

    informer_id: Id
    requested: Count
    seen: Count


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch as it is sent; a key may come several times, its counts are added up."""

    batch_id: UUID
    day: date
    impressions: list[ImpressionRow] = []
    block_views: list[BlockViewRow] = []


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch with one row per key, in the order of the keys."""

    batch_id: UUID
    server: str
    day: date
    impressions: tuple[Impression, ...]
    block_views: tuple[BlockView, ...]

    def row(self) -> BatchRow:
        """What is kept of it; the digest covers all but the id."""
        rows = [list(row) for row in self.impressions], [list(row) for row in self.block_views]
        content = orjson.dumps([self.server, self.day, *rows])
        counts = len(self.impressions), len(self.block_views)
        return BatchRow(self.batch_id, self.server, self.day, *counts, sha256(content).hexdigest())


def decode(body: bytes, server: str) -> Batch:
    """The batch of a JSON document; raises BadBatch naming the field."""
    try:
        document = msgspec.json.decode(body, type=Document)
    except msgspec.ValidationError as error:
        raise _bad(str(error), msgspec.json.decode(body)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadBatch("body", "not a JSON document", "send one JSON object") from None
    return make(document, server)


def _bad(text: str, body: object) -> BadBatch:
    field, problem = fault(text)
    name, inside, _ = field.partition("[...]")
    if inside and isinstance(body, dict):
        field = field.replace("[...]", f"[{_first_bad(name, body[name])}]", 1)
    return BadBatch(field or "body", problem, "correct it and send the batch again")


def fault(text: str) -> tuple[str, str]:
    """Field and problem from the decoder's text, which names types and limits and never repeats a value."""
    problem, _, path = text.rpartition(" - at `$")
    if problem and path != "`":
        return path.strip(".`"), problem
    return (text.split("`")[1] if text.startswith("Object ") and "`" in text else ""), problem or text


def _first_bad(name: str, rows: list[object]) -> int:
    kind = ImpressionRow if name == "impressions" else BlockViewRow
    for place, row in enumerate(rows):
        try:
            msgspec.convert(row, kind)
        except msgspec.ValidationError:
            return place
    return len(rows)


def make(document: Document, server: str) -> Batch:
    """The batch of a document with equal keys added up; raises BadBatch when a count makes no sense."""
    size = len(document.impressions) + len(document.block_views)
    if not 1 <= size <= MOST_ROWS:
        raise BadBatch("impressions", f"{size} rows in one batch", f"send 1 to {MOST_ROWS:,} rows of both kinds")
    _check_counts("impressions", document.impressions)
    _check_counts("block_views", document.block_views)
    shown = [((row.informer_id, row.offer_id, row.is_social), row) for row in document.impressions]
    loaded = [((row.informer_id,), row) for row in document.block_views]
    return Batch(
        document.batch_id,
        server,
        document.day,
        tuple(Impression._make((*key, *counts)) for key, counts in _added_up(shown)),
        tuple(BlockView._make((*key, *counts)) for key, counts in _added_up(loaded)),
    )


def _check_counts(name: str, rows: Iterable[ImpressionRow | BlockViewRow]) -> None:
    for place, row in enumerate(rows):
        if problem := counts_problem(row):
            raise BadBatch(f"{name}[{place}].seen", problem, SEEN_FIX)


SEEN_FIX = "count a sight in the batch of its request, or hold the row back until both are known"


def counts_problem(row: ImpressionRow | BlockViewRow) -> str:
    """What is wrong between the two counts of a row; empty if nothing is."""
    return f"{row.seen} seen of {row.requested} requested" if row.seen > row.requested else ""


def _added_up(rows: Iterable[tuple[Key, ImpressionRow | BlockViewRow]]) -> list[tuple[Key, tuple[int, int]]]:
    requested: Counter[Key] = Counter()
    seen: Counter[Key] = Counter()
    for key, row in rows:
        requested[key] += row.requested
        seen[key] += row.seen
    return [(key, (requested[key], seen[key])) for key in sorted(requested)]


def take(batch: Batch) -> bool:
    """Add a batch to the counters of its day; False if it was added before.

    Raises BadBatch for a day or an id that cannot be counted, BatchConflict for a known id with other content.
    """
    at = now()
    check_day(batch.day, at)
    check_ids(ids_of(batch))
    partitions.keep_ahead(batch.day, batch.day, partitions.REPORT_TABLES)
    return conflicts.transaction(lambda: _add(batch, at))


def _add(batch: Batch, at: datetime) -> bool:
    row = batch.row()
    if not impressions.add_batch(row, at):
        if impressions.digest_of(batch.batch_id) != row.digest:
            raise BatchConflict(batch.batch_id)
        return False
    impressions.add_impressions(batch.day, batch.impressions)
    impressions.add_block_views(batch.day, batch.block_views)
    click_writes.mark_days([batch.day], today(at), at)
    return True


def today(at: datetime) -> date:
    """The day of the reports that an instant belongs to."""
    return days.stat_day(days.microseconds(at), get_settings().local_timezone)


def check_day(day: date, at: datetime) -> None:
    """Raise BadBatch for a day that has not come, or whose counters are kept elsewhere by now."""
    current, oldest = today(at), get_settings().archive_after_days
    if day > current + timedelta(days=1):
        raise BadBatch("day", f"{day} is in the future", "send the day on which the pages were shown")
    if day < current - timedelta(days=oldest):
        raise BadBatch("day", f"{day} is more than {oldest} days ago", "days that old are closed; leave it out")
    stored = periods.stored(day, day)
    if dirty_days.facts_are_gone(day, stored.first, stored.last):
        raise BadBatch("day", f"{day} is archived", "its counters are final; leave it out")


def ids_of(batch: Batch) -> dict[str, set[int]]:
    """The informers and offers that a batch names."""
    shown, loaded = batch.impressions, batch.block_views
    informers = {row.informer_id for row in shown} | {row.informer_id for row in loaded}
    return {"informer": informers, "offer": {row.offer_id for row in batch.impressions}}


def check_ids(ids: Mapping[str, set[int]]) -> None:
    """Raise BadBatch naming the first ids that do not exist here."""
    for kind, wanted in ids.items():
        if missing := impressions.unknown(kind, wanted):
            names = ", ".join(map(str, missing[:NAMED_IDS])) + (", …" if len(missing) > NAMED_IDS else "")
            raise BadBatch(f"{kind}_id", f"{len(missing)} unknown: {names}", f"send ids of {kind}s of this network")
