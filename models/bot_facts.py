"""What the bot tells about the whole product, each answer in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from models.database import fetch
from models.fields import bind, instant


@dataclass(frozen=True, slots=True)
class Pipelines:
    """How many pipelines are enabled, and how many of these lack a domain, or are held."""

    enabled: int
    exhausted: int
    held: int


@dataclass(frozen=True, slots=True)
class Clicks:
    """What a day of the reports had when it was last added up."""

    counted: int
    unique: int
    social: int
    refused: int
    errors: int
    as_of: datetime


_PIPELINES = """
select count(*), count(case when status = 'exhausted' then 1 end),
    count(case when held_at is not null and (held_until is null or held_until > %s) then 1 end)
from tracking_domain_pipeline where enabled
"""
_DEAD = """
select task, count(*), min(first_seen_at) from dead_letter where state = 'dead'
group by task order by 2 desc, task limit %s
"""
_STATES = """
select s.source, s.verdict, s.observed_at from domain_state s join tracking_domain d on d.id = s.domain_id
where d.name = %s order by s.source
"""
_CLICKS = """
select clicks, clicks_unique, social_clicks, rejected_warning + rejected_banned + rejected_filtered, errors,
    refreshed_at
from stats_overall_by_date where day = %s
"""


def pipelines(at: datetime) -> Pipelines:
    """How the pipelines are."""
    enabled, exhausted, held = fetch(_PIPELINES, (bind(at),))[0]
    return Pipelines(int(enabled), int(exhausted), int(held))


def dead_letters(most: int) -> list[tuple[str, int, datetime]]:
    """(task, how many, since when) of messages that were given up, the most frequent first."""
    return [(str(task), int(count), instant(since)) for task, count, since in fetch(_DEAD, (most,))]


def dead_count() -> int:
    """How many messages were given up and wait for a person."""
    return int(fetch("select count(*) from dead_letter where state = 'dead'")[0][0])


def states_of(domain: str) -> list[tuple[str, str, datetime]]:
    """(source, verdict, when) of the latest answers about a domain."""
    return [(str(source), str(verdict), instant(seen)) for source, verdict, seen in fetch(_STATES, (domain,))]


def clicks_on(day: date) -> Clicks | None:
    """The clicks of a day of the reports; None before they were added up."""
    rows = fetch(_CLICKS, (bind(day),))
    if not rows:
        return None
    counted, unique, social, refused, errors, as_of = rows[0]
    return Clicks(int(counted), int(unique), int(social), int(refused), int(errors), instant(as_of))


def queued() -> dict[str, int]:
    """How many messages each queue of the embedded mode holds, if any."""
    return {str(name): int(count) for name, count in fetch("select queue, count(*) from queue_message group by queue")}
