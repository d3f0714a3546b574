"""The audit log: who did what to which object and why, append-only, each row sealed by the hash of the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

import orjson

from config.clock import now
from models import bulk
from models.database import db, fetch, is_postgres
from models.fields import bind, instant, instant_text

Facts = dict[str, Any]
GENESIS = "0" * 64
"""What the first row names as the hash before it."""
_LOCK = 0x5167_6E61_7564
_BATCH = 1000
_COLUMNS = (
    "id, at, actor_kind, actor, ip, action, object, cast(before as text), cast(after as text), reason, request_id, "
    "result, undo_of, previous_hash, hash"
)
_ROWS = bulk.Rows(
    "id int, at instant, actor_kind text, actor text, ip inet, action text, object text, before json, after json, "
    "reason text, request_id text, result text, undo_of int, previous_hash text, hash text"
)
_INSERT = "insert into audit_log (<names>) select <names> from {rows}".replace("<names>", ", ".join(_ROWS.names))
_LAST = "select id, hash from audit_log order by id desc limit 1"
_ANCHOR = "select id, hash from audit_log where at < %s order by id desc limit 1"
_AFTER = "select <columns> from audit_log where id > %s order by id limit %s".replace("<columns>", _COLUMNS)
_PAGE = """
select <columns> from audit_log
where id < %s and (%s = '' or object = %s) and (%s = '' or actor = %s) and (%s = '' or action = %s)
order by id desc limit %s
""".replace("<columns>", _COLUMNS)
_NEWEST = 2**62


class ActorKind(StrEnum):
    """What kind of actor did it."""

    USER = "user"
    TOKEN = "token"  # noqa: S105  a kind, no secret
    TELEGRAM = "telegram"
    SCHEDULE = "schedule"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be recorded; `before` and `after` hold text, whole numbers and flags, never secrets."""

    actor_kind: str
    actor: str
    action: str
    object: str
    before: Facts | None = None
    after: Facts | None = None
    reason: str = ""
    ip: str | None = None
    request_id: str | None = None
    result: str = "ok"
    undo_of: int | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row as it is stored."""

    id: int
    at: datetime
    actor_kind: str
    actor: str
    ip: str | None
    action: str
    object: str
    before: Facts | None
    after: Facts | None
    reason: str
    request_id: str | None
    result: str
    undo_of: int | None
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A place at which the chain does not hold."""

    id: int
    problem: str


def record(
    *,
    actor_kind: str,
    actor: str,
    action: str,
    object: str,
    before: Facts | None = None,
    after: Facts | None = None,
    reason: str = "",
    ip: str | None = None,
    request_id: str | None = None,
    result: str = "ok",
    undo_of: int | None = None,
) -> int:
    """Write one row in the caller's transaction, before the effect it speaks of; its id."""
    entry = Entry(
        actor_kind=actor_kind, actor=actor, action=action, object=object, before=before, after=after, reason=reason,
        ip=ip, request_id=request_id, result=result, undo_of=undo_of,
    )  # fmt: skip
    return record_all([entry])[0]


def record_all(entries: Sequence[Entry]) -> list[int]:
    """Write several rows in the caller's transaction with three statements; their ids, in order.

    Writers wait for each other until they commit, so take the locks on what is changed first.
    """
    if not db.in_transaction():
        raise RuntimeError("an audit row is written in the transaction of its effect")
    if not entries:
        return []
    if is_postgres():
        fetch("select pg_advisory_xact_lock(%s)", (_LOCK,))
    rows = list(_chained(entries))
    _ROWS.run(_INSERT, [_values(row) for row in rows])
    return [row.id for row in rows]


def _chained(entries: Sequence[Entry]) -> Iterator[AuditRow]:
    # ids are given out here, because a sequence leaves gaps when a transaction fails, and a gap means a missing row
    last, previous = head()
    at = now()
    for number, entry in enumerate(entries, last + 1):
        row = _row_of(number, at, entry, previous)
        yield row
        previous = row.hash


def _row_of(number: int, at: datetime, entry: Entry, previous: str) -> AuditRow:
    row = AuditRow(
        number, at, ActorKind(entry.actor_kind).value, entry.actor, _address(entry.ip), entry.action, entry.object,
        _plain(entry.before), _plain(entry.after), entry.reason, entry.request_id, entry.result, entry.undo_of,
        previous_hash=previous, hash="",
    )  # fmt: skip
    return replace(row, hash=_hash(row))


def _address(text: str | None) -> str | None:
    return None if text is None else str(ip_address(text))


def _plain(facts: Facts | None) -> Facts | None:
    if facts is None:
        return None
    plain: Facts = orjson.loads(orjson.dumps(facts))
    if _has_float(plain):
        raise ValueError("facts in the audit log are text, whole numbers and flags; a fraction has no exact form")
    return plain


def _has_float(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(_has_float, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float)


def _hash(row: AuditRow) -> str:
    """The digest of everything else in a row, its predecessor's hash included."""
    values = [getattr(row, name) for name in _ROWS.names[:-1]]
    values[1] = instant_text(row.at)
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _values(row: AuditRow) -> list[Any]:
    return [_text(getattr(row, name)) for name in _ROWS.names]


def _text(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict) else value


def verify(since: datetime | None = None) -> list[Broken]:
    """Where the chain is broken: rows missing, changed or out of order; read in batches, so any length will do.

    With `since` the newest row before that instant is believed, and only what follows is checked.
    """
    found: list[Broken] = []
    number, previous = _anchor(since)
    for row in stream(number):
        if problem := _problem(row, number, previous):
            found.append(Broken(row.id, problem))
        number, previous = row.id, row.hash
    return found


def _anchor(since: datetime | None) -> tuple[int, str]:
    rows = fetch(_ANCHOR, (bind(since),)) if since else []
    return (int(rows[0][0]), str(rows[0][1])) if rows else (0, GENESIS)


def _problem(row: AuditRow, number: int, previous: str) -> str:
    if row.id != number + 1:
        return f"follows row {number}, so rows are missing"
    if row.previous_hash != previous:
        return "names another predecessor"
    return "" if row.hash == _hash(row) else "was changed after it was written"


def stream(after: int = 0) -> Iterator[AuditRow]:
    """Every row beyond an id, oldest first, in batches."""
    while rows := fetch(_AFTER, (after, _BATCH)):
        yield from map(_read, rows)
        after = int(rows[-1][0])


def page(
    *, object: str = "", actor: str = "", action: str = "", before: int | None = None, limit: int = 50
) -> list[AuditRow]:
    """The newest rows, of one object, actor or action only if given; `before` is the id the last page ended with."""
    parameters = (before or _NEWEST, object, object, actor, actor, action, action, limit)
    return [_read(row) for row in fetch(_PAGE, parameters)]


def head() -> tuple[int, str]:
    """How many rows there are and the hash of the newest: whoever has noted it can tell whether the end was cut off."""
    rows = fetch(_LAST)
    return (int(rows[0][0]), str(rows[0][1])) if rows else (0, GENESIS)


def holds(digest: str) -> bool:
    """Whether a row with this hash is in the log."""
    return bool(fetch("select 1 from audit_log where hash = %s", (digest,)))


def _read(values: tuple[Any, ...]) -> AuditRow:
    row = dict(zip(_ROWS.names, values, strict=True))
    facts = {name: None if row[name] is None else orjson.loads(row[name]) for name in ("before", "after")}
    return AuditRow(**(row | facts | {"at": instant(row["at"]), "ip": _address(row["ip"])}))
