"""Sweeps over the active domains: when each began and ended, what it found, and what it did about that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from config.clock import now
from models.database import execute, fetch
from models.domain_states import Source, Verdict
from models.fields import bind, instant


class Action(StrEnum):
    """What a sweep did: it acted on what it saw, saw nothing it could believe, or held everything."""

    ACTED = "acted"
    BLIND = "blind"
    HELD = "held"


_BEGIN = "insert into check_cycle (source, started_at) values (%s, %s) returning id"
_END = """
update check_cycle set ended_at = %s, safe = %s, suspect = %s, unsafe = %s, unknown = %s, canary_ok = %s, action = %s
where id = %s and ended_at is null
"""
_BLIND_SINCE = """
select min(started_at) from check_cycle where source = %s and action = 'blind' and id > coalesce(
    (select max(id) from check_cycle where source = %s and action <> 'blind'), 0)
"""


def begin(source: Source) -> int:
    """The id of a sweep that begins now."""
    return int(fetch(_BEGIN, (source.value, bind(now())))[0][0])


def end(cycle_id: int, verdicts: Iterable[Verdict], *, canary_ok: bool, action: Action) -> bool:
    """Note what a sweep came to; False if it has ended before."""
    counts = Counter(verdicts)
    found = [counts[one] for one in (Verdict.SAFE, Verdict.SUSPECT, Verdict.UNSAFE, Verdict.UNKNOWN)]
    return execute(_END, (bind(now()), *found, canary_ok, action.value, cycle_id)) == 1


def blind_since(source: Source) -> datetime | None:
    """When the first of the latest sweeps began that saw nothing; None if the last one saw something."""
    (began,) = fetch(_BLIND_SINCE, (source.value, source.value))[0]
    return None if began is None else instant(began)
