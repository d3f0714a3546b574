"""Changes of objects at a platform because of a switch: what was planned, what was written, what was proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from models import bulk
from models.database import execute, fetch
from models.domain_requests import CHANGE_MOVES
from models.domain_states import ChangeState
from models.fields import bind


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A field to be changed; `whole` is the object as it was read."""

    object_type: str
    object_id: str
    field: str
    before: str
    after: str
    whole: dict[str, Any]
    updated_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Planned):
    """A change as it stands; `whole` is the object as it was before our last write, or when it was planned."""

    id: int
    state: ChangeState
    attempts: int
    last_error: str | None


OPEN = (ChangeState.PLANNED, ChangeState.APPLYING, ChangeState.APPLIED)
PROVED = (ChangeState.VERIFIED, ChangeState.SKIPPED)
REFUSED = (ChangeState.FAILED, ChangeState.CONFLICT, ChangeState.ROLLED_BACK)

_PLANS = bulk.Rows("object_type text, object_id text, field text, before text, after text, whole json, updated_at text")
# one that is under way, or was proved before somebody changed it back, is planned anew; a refused one stays refused
_PLAN = """
insert into platform_change (switch_id, platform, object_type, object_id, field, before, after, whole,
    remote_updated_at, state)
select %s, %s, v.object_type, v.object_id, v.field, v.before, v.after, v.whole, v.updated_at, 'planned'
from {rows} where true
on conflict (switch_id, platform, object_type, object_id, field) do update set before = excluded.before,
    after = excluded.after, whole = excluded.whole, remote_updated_at = excluded.remote_updated_at,
    state = case when platform_change.state in ('verified', 'skipped') then 'planned' else platform_change.state end,
    last_error = null
where platform_change.state in ('planned', 'applying', 'applied', 'verified', 'skipped')
"""
_ITEMS = """
select id, object_type, object_id, field, before, after, whole, remote_updated_at, state, attempts, last_error
from platform_change where switch_id = %s and platform = %s and state {in:text} order by attempts, id
"""
_START = """
update platform_change set state = 'applying', attempts = attempts + 1, before = %s, whole = %s, last_error = null
where id = %s and state {in:text}
"""
_NOTE = "update platform_change set attempts = attempts + 1, last_error = %s where id = %s"
_SETTLE = """
update platform_change set state = %s, last_error = %s, applied_at = coalesce(applied_at, {instant}),
    verified_at = {instant}
where id = %s and state {in:text}
"""
_COUNTS = "select state, count(*) from platform_change where switch_id = %s and platform = %s group by state"
LONGEST_ERROR = 500


def plan(switch_id: int, platform: str, rows: Sequence[Planned]) -> None:
    """Store what is to be changed because of a switch, with one statement; twice is once."""
    values = [
        (row.object_type, row.object_id, row.field, row.before, row.after, _text(row.whole), row.updated_at)
        for row in rows
    ]
    if values:
        _PLANS.run(_PLAN, values, before=(switch_id, platform))


def items(switch_id: int, platform: str, states: Sequence[ChangeState] = OPEN) -> list[Item]:
    """The changes in these states, those tried least often first."""
    rows = bulk.read(_ITEMS, (switch_id, platform, bulk.among(state.value for state in states)))
    return [_item(row) for row in rows]


def start(item: Item, raw: dict[str, Any]) -> bool:
    """Note that an object is about to be written, and all that it was; False if the change is closed."""
    values = (str(raw.get(item.field)), _text(raw), item.id)
    states = (*_from(ChangeState.APPLYING), ChangeState.APPLYING, ChangeState.APPLIED)
    return bulk.run(_START, (*values, bulk.among(state.value for state in states))) == 1


def note(item: Item, error: str) -> None:
    """It could not be tried now."""
    execute(_NOTE, (error[:LONGEST_ERROR], item.id))


def settle(item: Item, state: ChangeState, at: datetime, error: str | None = None) -> bool:
    """Give a change a state that it may go to from where it is; False if it may not."""
    applied = state in (ChangeState.APPLIED, ChangeState.VERIFIED)
    instants = bind(at) if applied else None, bind(at) if state is ChangeState.VERIFIED else None
    values = (state.value, error and error[:LONGEST_ERROR], *instants, item.id)
    return bulk.run(_SETTLE, (*values, bulk.among(one.value for one in _from(state)))) == 1


def tally(switch_id: int, platform: str) -> tuple[int, int]:
    """How many changes of a switch are proved, of how many."""
    counts = {ChangeState(state): int(count) for state, count in fetch(_COUNTS, (switch_id, platform))}
    return sum(counts.get(state, 0) for state in PROVED), sum(
        n for state, n in counts.items() if state is not ChangeState.SUPERSEDED
    )


def _from(state: ChangeState) -> list[StrEnum]:
    return [before for before, after in CHANGE_MOVES.items() if state in after]


def _text(raw: dict[str, Any]) -> str:
    """The object as JSON without what PostgreSQL cannot hold."""
    return orjson.dumps(raw).decode().replace("\\u0000", "")


def _item(row: Sequence[Any]) -> Item:
    number, kind, object_id, name, before, after, whole, updated, state, attempts, error = row
    read = orjson.loads(whole) if isinstance(whole, (str, bytes)) else whole
    return Item(
        id=int(number), object_type=kind, object_id=object_id, field=name, before=before, after=after,
        whole=read or {}, updated_at=updated, state=ChangeState(state), attempts=int(attempts), last_error=error,
    )  # fmt: skip
