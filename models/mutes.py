"""Kinds of incidents that operators do not want to hear of for a while."""

from __future__ import annotations

from datetime import datetime

from models.database import execute, fetch
from models.fields import bind, instant

_MUTE = """
insert into alert_mute (kind, muted_by, until) values (%s, %s, %s)
on conflict (kind) do update set muted_by = excluded.muted_by, until = excluded.until
"""
_LISTED = "select kind, muted_by, until from alert_mute where until > %s order by until, kind"
_MUTED = "select 1 from alert_mute where kind = %s and until > %s"
_SEEN = "select 1 from alert where kind = %s limit 1"


def mute(kind: str, by: str, until: datetime) -> None:
    """Keep new incidents of a kind silent until an instant; a later order replaces an earlier one."""
    execute(_MUTE, (kind, by, bind(until)))


def muted(kind: str, at: datetime) -> bool:
    """Whether a kind is silent at an instant."""
    return bool(fetch(_MUTED, (kind, bind(at))))


def seen(kind: str) -> bool:
    """Whether an incident of this kind was ever told of; one that was not may be a slip of the pen."""
    return bool(fetch(_SEEN, (kind,)))


def listed(at: datetime) -> list[tuple[str, str, datetime]]:
    """(kind, by whom, until when) of what is silent, the soonest to end first."""
    return [(str(kind), str(by), instant(until)) for kind, by, until in fetch(_LISTED, (bind(at),))]
