"""Erasing addresses of old clicks: in their place stays a hash that nobody can turn back without the key."""

from __future__ import annotations

import hmac
from datetime import date
from functools import partial
from hashlib import sha256
from typing import Any

from models import archive, bulk
from models.archive_tables import named
from models.database import db, execute, fetch, is_postgres
from models.fields import bind
from models.fields import day as as_day

BATCH = 5000
TABLES = ("click", "click_error")
_BLOCK = 64
_LOWEST, _HIGHEST = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
_HASH = {
    True: "sha256(decode(%s, 'hex') || sha256(decode(%s, 'hex') || convert_to(actor_net::text, 'UTF8')))",
    False: "signalbox_actor_hash(actor_net)",
}
_CLICKS = """
update {place} set actor_hash = case when actor_net is null then actor_hash else {hash} end,
    ip = null, actor_net = null, payload = null
where click_day = %s and click_id > %s and click_id <= %s and {wanted}
"""
_CLICKS_WANTED = "(actor_net is not null or ip is not null or payload is not null) and state <> 'pending'"
# the body of a message that could not be read may hold an address anywhere
_ERRORS = """
update {place} set payload = case when code = 'internal' then '{}' else {less} end
where click_day = %s and click_id > %s and click_id <= %s and {wanted}
"""
_LESS = {
    True: "case when jsonb_typeof(payload) = 'object' then payload - 'ip' - 'actor_net' else '{}' end",
    False: "case when json_type(payload) = 'object' then json_remove(payload, '$.ip', '$.actor_net') else '{}' end",
}
_HELD = {
    True: "(case when jsonb_typeof(payload) = 'object' then payload ?| array['ip', 'actor_net'] else true end)",
    False: """(case when json_type(payload) = 'object'
        then json_type(payload, '$.ip') is not null or json_type(payload, '$.actor_net') is not null else true end)""",
}
_NEXT = """
select click_id from {place} where click_day = %s and click_id > %s and {wanted} order by click_id limit 1 offset %s
"""
_FIRST = "select 1 from click where click_day = %s and actor_net is not null limit 1"
_NOT_YET = "select day from archived_day where name = %s and state = 'archived' and erased_at is null and day < %s"


def live(table: str, before: date, key: bytes) -> int:
    """Erase addresses in days of a live table before a day; how many rows changed."""
    away = archive.days_in("click", archive.AWAY)
    days = archive.store().live_days(table, before)
    if table == "click":
        days = [day for day in days if fetch(_FIRST, (bind(day),))]
    return sum(_erase(table, table, day, key, settled=day not in away) for day in days)


def archived(table: str, before: date, key: bytes) -> int:
    """The same in the archive, where each day is done once."""
    days = sorted(as_day(day) for (day,) in fetch(_NOT_YET, (table, bind(before))))
    return sum(_erase_archived(table, day, key) for day in days)


def _erase_archived(table: str, day: date, key: bytes) -> int:
    gone = _erase(table, archive.store().place(table, day), day, key, settled=False)
    archive.erased(table, day)
    return gone


def _erase(table: str, place: str, day: date, key: bytes, *, settled: bool) -> int:
    """Batch by batch along the ids; `settled` spares faults that can still be replayed."""
    wanted, statement, values = _clicks(key) if table == "click" else _errors(settled)
    first, total = _LOWEST, 0
    while first:
        last = fetch(named(_NEXT, place=place, wanted=wanted), (bind(day), first, BATCH - 1))
        until = str(last[0][0]) if last else _HIGHEST
        total += execute(named(statement, place=place, wanted=wanted), (*values, bind(day), first, until))
        first = until if last else ""
    return total


def _clicks(key: bytes) -> tuple[str, str, tuple[Any, ...]]:
    if is_postgres():
        inner, outer = _pads(key)
        return _CLICKS_WANTED, _CLICKS.replace("{hash}", _HASH[True]), (outer.hex(), inner.hex())
    db.connection().create_function("signalbox_actor_hash", 1, partial(_hashed, key), deterministic=True)
    return _CLICKS_WANTED, _CLICKS.replace("{hash}", _HASH[False]), ()


def _hashed(key: bytes, net: str) -> bytes:
    return hmac.digest(key, net.encode(), "sha256")


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """What HMAC puts before the text, and before the hash of both."""
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def _errors(settled: bool) -> tuple[str, str, tuple[Any, ...]]:
    held = f"({_HELD[is_postgres()]} or (code = 'internal' and cast(payload as text) <> '{{}}'))"
    wanted = f"{held} and cast(payload as text) <> '{{}}'"
    if settled:
        wanted += " and state in ('replayed', 'dismissed')"
    return wanted, _ERRORS.replace("{less}", _LESS[is_postgres()]), ()


def left_over(before: date) -> list[tuple[Any, ...]]:
    """(day, clicks) of live days before a day that still hold an address."""
    query = """
    select click_day, count(*) from click
    where click_day < %s and (ip is not null or actor_net is not null) and state <> 'pending' group by click_day
    """
    return bulk.read(query, (bind(before),))
