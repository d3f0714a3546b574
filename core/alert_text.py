"""What operators read: one incident, a storm of them, a repetition, an end, the day; at most twelve lines each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integrations.telegram_text import length, shown
from models.alerts import Severity
from models.incidents import Incident

FIELDS = ("happened", "done", "left", "evidence")
LONGEST_FIELD = 400
LONGEST_NAMES = 3000
MOST_LISTED = 8
MOST_NOTES = 2
_LIGHT = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟡", Severity.INFO: "🔵"}
_OVER = "🟢"
_DEEDS = frozenset({"switched"})
"""What was done rather than what went wrong; it ends by being finished."""


def word(kind: str) -> str:
    """The kind as the message's first word."""
    return shown(kind.replace("_", " ").replace(".", " ").upper())


def compose(incident: Incident, zone: str) -> str:
    """The message of one incident, without what changes by itself; see `with_others`."""
    light = _LIGHT[incident.severity] if incident.open else _OVER
    lines = [f"{light} <b>{_headline(incident)}</b>  {_field(incident.payload, 'object')}".rstrip()]
    if not incident.open:
        lines.append(_ended(incident))
    lines += [text for name in FIELDS if (text := _field(incident.payload, name))]
    if names := incident.payload.get("names"):
        lines.append(_names([shown(str(name)) for name in names], len(names)))
    return "\n".join([*lines, *_course(incident, zone), _foot(incident, zone)])


def compose_storm(
    storm: Incident, tally: Sequence[tuple[str, int, int]], members: Sequence[Incident], zone: str
) -> str:
    """The one message that speaks for many incidents, open ones named first."""
    total, still = sum(count for _, count, _ in tally), sum(count for _, _, count in tally)
    light = _LIGHT[storm.severity] if storm.open else _OVER
    lines = [f"{light} <b>STORM</b>  {total} incidents at once, {still} open"]
    lines += [f"{word(kind)}: {count}, {left} open" for kind, count, left in tally[:5]]
    named = [_name(one) for one in members if one.open] if storm.open else []
    if named:
        lines.append(_names(named, still))
    if storm.open:
        lines.append("So many together often have one cause, and it may be ours.")
    return "\n".join([*lines, *_course(storm, zone), _foot(storm, zone)])


def with_others(text: str, incident: Incident, others: int) -> str:
    """The text as it is sent: an open incident ends with the number of the other open ones."""
    return f"{text}   also open: {others}" if incident.open else text


def repetition(incident: Incident, at: datetime) -> str:
    """The reminder of a critical incident that nobody has acknowledged."""
    waited = _duration(at - incident.first_seen_at)
    return f"{_LIGHT[incident.severity]} <b>STILL OPEN</b>  {_name(incident)}\nincident #{incident.id}, for {waited}"


def closing(incident: Incident) -> str:
    """The short reply that it is over."""
    over = "DONE" if incident.kind in _DEEDS else "RECOVERED"
    return f"{_OVER} <b>{over}</b>  {_name(incident)}\nincident #{incident.id}, after {_lasting(incident)}"


def digest(counts: dict[Severity, tuple[int, int]], worst: Sequence[Incident], at: datetime, zone: str) -> str:
    """The daily message; it comes on quiet days too, because silence must mean something."""
    total = sum(count for count, _ in counts.values())
    day = f"{at.astimezone(ZoneInfo(zone)):%-d %b}"
    if not total:
        return f"{_OVER} <b>DIGEST</b>  {day}: nothing is open"
    parts = [f"{counts[one][0]} {one.value}" for one in Severity if one in counts]
    acked = sum(count for _, count in counts.values())
    lines = [f"{_LIGHT[Severity.INFO]} <b>DIGEST</b>  {day}: {total} open: {', '.join(parts)}; {acked} acknowledged"]
    lines += [f"#{one.id} {_name(one)}, since {_clock(one.first_seen_at, zone)}" for one in worst[:MOST_LISTED]]
    left = total - min(len(worst), MOST_LISTED)
    return "\n".join([*lines, *([f"and {left} more"] if left > 0 else [])])


def _headline(incident: Incident) -> str:
    return word(incident.kind) if incident.open or incident.kind in _DEEDS else "RECOVERED"


def _ended(incident: Incident) -> str:
    if incident.kind in _DEEDS:
        return f"done after {_lasting(incident)}"
    return f"was {word(incident.kind)}, over after {_lasting(incident)}"


def _field(payload: dict[str, Any], name: str) -> str:
    """One line of the payload: a text, or a list of them; blanks and line ends become one blank."""
    value = payload.get(name)
    texts = value if isinstance(value, list) else [value]
    text = " ".join("; ".join(str(one) for one in texts if one not in (None, "")).split())
    return shown(text if len(text) <= LONGEST_FIELD else text[: LONGEST_FIELD - 1] + "…")


def _name(incident: Incident) -> str:
    return f"{word(incident.kind)} {_field(incident.payload, 'object') or shown(incident.key[:100])}"


def _names(names: Iterable[str], total: int) -> str:
    """As many names as fit, and how many more there are."""
    taken: list[str] = []
    room = LONGEST_NAMES
    for name in names:
        room -= length(name) + 2
        if room < 0:
            break
        taken.append(name)
    more = total - len(taken)
    return ", ".join(taken) + (f" and {more} more" if more > 0 else "")


def _course(incident: Incident, zone: str) -> list[str]:
    """How often it was seen, and who looks after it."""
    lines = []
    if incident.count > 1 and not incident.is_storm:
        lines.append(f"seen {incident.count}×, last {_clock(incident.last_seen_at, zone)}")
    if incident.acked_at is not None:
        lines.append(f"Acked by {shown(incident.acked_by or '')} {_clock(incident.acked_at, zone)}")
    return lines + [shown(note) for note in incident.notes[-MOST_NOTES:]]


def _foot(incident: Incident, zone: str) -> str:
    seen = incident.first_seen_at.astimezone(ZoneInfo(zone))
    return f"{seen:%H:%M:%S} {shown(zone)}  incident #{incident.id}"


def _clock(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def _lasting(incident: Incident) -> str:
    return _duration((incident.resolved_at or incident.last_seen_at) - incident.first_seen_at)


def _duration(time: timedelta) -> str:
    seconds = max(0, int(time.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
