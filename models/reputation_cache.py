"""Answers of reputation providers, kept for as long as the provider allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from models.bulk import Rows, among
from models.bulk import read as read_rows
from models.database import execute
from models.fields import bind, instant

Entry = tuple[str, Mapping[str, Sequence[str]], datetime, datetime]
"""Prefix, threats by full hash in hex, when the provider said so, and until when that holds."""

_READ = """
select prefix, full_hashes, observed_at, expires_at from reputation_cache
where provider = %s and expires_at > %s and prefix {in:text}
"""
_ENTRIES = Rows("prefix text, full_hashes json, observed_at instant, expires_at instant")
_WRITE = """
insert into reputation_cache (provider, prefix, full_hashes, observed_at, expires_at)
select %s, prefix, full_hashes, observed_at, expires_at from {rows} where true
on conflict (provider, prefix) do update set
    full_hashes = excluded.full_hashes, observed_at = excluded.observed_at, expires_at = excluded.expires_at
where reputation_cache.observed_at < excluded.observed_at
"""
_FORGET = "delete from reputation_cache where expires_at <= %s"


def read(provider: str, prefixes: Sequence[str], at: datetime) -> list[Entry]:
    """The entries of these prefixes that still hold at an instant."""
    found = read_rows(_READ, (provider, bind(at), among(prefixes)))
    return [(prefix, _document(hashes), instant(seen), instant(until)) for prefix, hashes, seen, until in found]


def write(provider: str, entries: Sequence[Entry]) -> None:
    """Keep entries; an older answer never replaces a newer one. The order keeps two writers from a deadlock."""
    rows = [(prefix, _text(hashes), seen, until) for prefix, hashes, seen, until in sorted(entries, key=_prefix)]
    _ENTRIES.run(_WRITE, rows, before=(provider,))


def forget(at: datetime) -> int:
    """Delete what holds no longer at an instant; how many entries."""
    return execute(_FORGET, (bind(at),))


def _prefix(entry: Entry) -> str:
    return entry[0]


def _text(hashes: Mapping[str, Sequence[str]]) -> str:
    return orjson.dumps(hashes).decode()


def _document(value: Any) -> Mapping[str, Sequence[str]]:
    """PostgreSQL hands over a document, SQLite its text."""
    found: Mapping[str, Sequence[str]] = orjson.loads(value) if isinstance(value, str) else value
    return found
