"""The items of requests to Affise as rows: what is due, what became of it, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models import affise_refusals, bulk
from models.database import execute, fetch, is_postgres
from models.domain_states import ChangeState
from models.dry_marks import MARKED
from models.fields import bind, instant
from models.pipelines import moment

State = ChangeState
GOOD = (State.VERIFIED, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class Item:
    """One address of one offer; `passing` says that what it failed of may pass."""

    id: int
    request_id: UUID
    offer_id: int
    title: str
    field: str
    before: str
    after: str
    updated_at: str | None
    status: ChangeState
    attempts: int
    last_error: str | None
    passing: bool
    next_attempt_at: datetime | None
    applied_at: datetime | None
    verified_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether it is to be tried by itself, now or later."""
        return self.status in (State.PLANNED, State.APPLYING) or self.waits

    @property
    def waits(self) -> bool:
        """Whether it failed and is tried again."""
        return self.status is State.FAILED and self.next_attempt_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a try at an item ended; with `again_at` it is tried once more then. `updated_at` is the offer's own word."""

    status: ChangeState
    attempts: int
    error: str | None = None
    passing: bool = False
    again_at: datetime | None = None
    updated_at: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How a request's items stand: `waiting` failed and are tried again, `fresh` were never tried to the end."""

    total: int
    done: int
    fresh: int
    waiting: int
    tries: int
    next_item: int | None
    due_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether anything is left to be tried by itself."""
        return self.next_item is not None


_ITEMS = bulk.Rows("offer_id int, offer_title text, field text, before text, after text, offer_updated_at text")
_CLEAR = "delete from affise_switch_item where request_id = %s and status = 'planned' and attempts = 0"
_ADD = """
insert into affise_switch_item (request_id, offer_id, offer_title, field, before, after, offer_updated_at, status)
select {uuid}, offer_id, offer_title, field, before, after, offer_updated_at, 'planned' from {rows}
where true on conflict (request_id, offer_id, field) do nothing
"""
_COLUMNS = """
select id, request_id, offer_id, offer_title, field, before, after, offer_updated_at, status, attempts, last_error,
    passing, next_attempt_at, applied_at, verified_at from affise_switch_item
"""
_ONE = _COLUMNS + " where id = %s"
_OF = _COLUMNS + " where request_id = %s order by offer_id, field desc"
_OPEN = "(status in ('planned', 'applying') or (status = 'failed' and next_attempt_at is not null))"
_START = """
update affise_switch_item set status = 'applying', attempts = attempts + 1 where id = %s and {open}
    and exists (select 1 from affise_switch_request r
        where r.id = affise_switch_item.request_id and r.status in ('applying', 'partial'))
""".replace("{open}", _OPEN)
_END = """
update affise_switch_item set status = %s, attempts = %s, last_error = %s, passing = %s, next_attempt_at = %s,
    applied_at = coalesce(%s, applied_at), verified_at = coalesce(%s, verified_at),
    offer_updated_at = coalesce(%s, offer_updated_at)
where id = %s and status = 'applying'
"""
_STOP = """
update affise_switch_item set status = 'failed', last_error = %s, passing = %s, next_attempt_at = null
where request_id = %s and {open}
""".replace("{open}", _OPEN)
_COUNT = """
select count(*), sum(case when status in ('verified', 'skipped') then 1 else 0 end),
    sum(case when status in ('planned', 'applying') then 1 else 0 end),
    sum(case when status = 'failed' and next_attempt_at is not null then 1 else 0 end),
    min(case when status = 'failed' and next_attempt_at is not null then attempts end)
from affise_switch_item where request_id = %s
"""
_COUNTS = """
select request_id, count(*), sum(case when status in ('verified', 'skipped') then 1 else 0 end),
    sum(case when status in ('failed', 'conflict') then 1 else 0 end),
    sum(case when MARKED then 1 else 0 end)
from affise_switch_item where request_id {in:uuid} group by request_id
""".replace("MARKED", MARKED)
_NEXT = """
select id, next_attempt_at from affise_switch_item where request_id = %s and {open}
order by case when next_attempt_at is null then 0 else 1 end, next_attempt_at, offer_id, field desc, id limit 1
""".replace("{open}", _OPEN)
_CANCEL = """
update affise_switch_item set status = 'superseded', next_attempt_at = null where {open}
    and request_id in (select r.id from affise_switch_request r where r.pipeline_id = %s and r.status = 'superseded')
""".replace("{open}", _OPEN)
_RETRY = """
update affise_switch_item set status = 'planned', attempts = 0, passing = %s, next_attempt_at = null
where request_id = %s and status = 'failed' and passing = %s
"""
_TAKEN_BACK = """
update affise_switch_item set status = 'rolled_back' where request_id = %s and offer_id = %s and field = %s
    and status in ('verified', 'failed')
"""
# what came later than an address of our own shows where the offer was led since
_LED = """
select i.offer_id, i.before, i.after, r.new_domain from affise_switch_item i
join affise_switch_request r on r.id = i.request_id
where r.pipeline_id = %s and i.field = 'url' and i.status in ('verified', 'skipped') and i.id >= (
    select min(o.id) from affise_switch_item o join affise_switch_request w on w.id = o.request_id
    where w.pipeline_id = r.pipeline_id and w.new_domain like '%%/%%' and w.undo_of is null)
order by i.id
"""


def replace(request_id: UUID, rows: Sequence[Sequence[Any]]) -> None:
    """Make these the planned items, in the caller's transaction.

    Rows are (offer_id, title, field, before, after, offer_updated_at).
    """
    execute(_CLEAR, (str(request_id),))
    _ITEMS.run(_add(), rows, before=(str(request_id),))


def _add() -> str:
    return _ADD.replace("{uuid}", "%s::uuid" if is_postgres() else "%s")


def get(item_id: int) -> Item | None:
    """An item by its id."""
    rows = fetch(_ONE, (item_id,))
    return _item(rows[0]) if rows else None


def of(request_id: UUID) -> list[Item]:
    """The items of a request, by offer."""
    return [_item(row) for row in fetch(_OF, (str(request_id),))]


def start(item_id: int) -> bool:
    """Begin a try; False if there is nothing to try any more, or the request is not being applied."""
    return execute(_START, (item_id,)) == 1


def end(item_id: int, how: Ended, at: datetime, *, wrote: bool) -> bool:
    """Note how a try ended, and whether an edit was sent; False if somebody cancelled it meanwhile."""
    sent, proved = bind(at) if wrote else None, bind(at) if how.status is State.VERIFIED else None
    state = (how.status.value, how.attempts, how.error, how.passing, moment(how.again_at))
    if execute(_END, (*state, sent, proved, how.updated_at, item_id)) != 1:
        return False
    if how.updated_at and how.status in GOOD:
        affise_refusals.still(item_id, how.updated_at)
    return True


def stop(request_id: UUID, error: str) -> int:
    """Try nothing more of a request by itself; a person may retry it. How many items that were."""
    return execute(_STOP, (error, True, str(request_id)))


def tally(request_id: UUID) -> Tally:
    """How the items stand, and which one is next."""
    total, done, fresh, waiting, tries = fetch(_COUNT, (str(request_id),))[0]
    following = fetch(_NEXT, (str(request_id),))
    number, due = following[0] if following else (None, None)
    return Tally(total, done or 0, fresh or 0, waiting or 0, tries or 0, number, instant(due) if due else None)


def counts(request_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """By request: how many items there are, how many are done, how many failed, how many were not really written."""
    found = {key: {"items": 0, "done": 0, "failed": 0, "dry_run": 0} for key in request_ids}
    for key, total, done, failed, dry in bulk.read(_COUNTS, (bulk.among(map(str, request_ids)),)):
        found[UUID(str(key))] = {"items": int(total), "done": int(done), "failed": int(failed), "dry_run": int(dry)}
    return found


def cancel(pipeline_id: int) -> int:
    """Cancel what requests of older switches have left; how many items."""
    return execute(_CANCEL, (pipeline_id,))


def retry(request_id: UUID) -> int:
    """Plan again what failed of something that may pass; how many items."""
    return execute(_RETRY, (False, str(request_id), True))


def taken_back(request_id: UUID, item: Item) -> bool:
    """Note that the item of this request for the same field of the same offer was taken back."""
    return execute(_TAKEN_BACK, (str(request_id), item.offer_id, item.field)) == 1


def parked(pipeline_id: int) -> dict[int, tuple[str, str]]:
    """Offers that lead to the pipeline's own address because it had no domain left: by id, address before and since."""
    found: dict[int, tuple[str, str]] = {}
    for offer, before, after, new in fetch(_LED, (pipeline_id,)):
        found.pop(int(offer), None)
        if "/" in new:
            found[int(offer)] = (before, after)
    return found


def _item(row: Sequence[Any]) -> Item:
    number, request_id, offer_id, title, field, before, after, updated, status, attempts, error, passing = row[:12]
    due, applied, verified = (None if value is None else instant(value) for value in row[12:])
    return Item(
        int(number), UUID(str(request_id)), int(offer_id), title, field, before, after, updated, State(status),
        int(attempts), error, bool(passing), due, applied, verified,
    )  # fmt: skip
