"""What operators read when a suspected domain is not left, or not yet: what was seen, which brake holds, what to do."""

from __future__ import annotations

from datetime import datetime
from shlex import quote
from typing import Any
from zoneinfo import ZoneInfo

from config.settings import get_settings
from core.domains.blocking import SOURCES, Judged
from core.domains.brakes import Hold
from core.domains.switch_text import PROVIDERS
from models import pipeline_writes, returns
from models.domain_states import Source
from models.domains import DomainEvidence
from models.pipelines import Line

EVERYTHING = "all"
"""The key of the one incident of a hold on all pipelines."""
_ON_ALL = frozenset({"blast_radius", "held_everywhere"})
_NAMED = 10
_BRAKES = {
    "blast_radius": (
        "so many domains at once are more often our resolver, key or cache than all of them",
        "see whether the checks can be believed, then {release}",
    ),
    "fix_the_cause": (
        "the page behind it is listed, or this is the second listing within 24 hours: a new domain would burn, too",
        "clean the page, or drop it (signalbox pipelines set {name} --no-destination URL), then {release}",
    ),
    "too_many_switches": (
        "as many automatic switches within 24 hours as are allowed",
        "find out why domains burn, then {release}",
    ),
}


def key_of(hold: Hold, line: Line) -> str:
    """The key of the incident of a hold: one for all, else one for each pipeline."""
    return EVERYTHING if hold.reason in _ON_ALL else line.pipeline.name


def held(found: Judged, hold: Hold, line: Line) -> dict[str, Any]:
    """The words of a hold, after it was put on."""
    if hold.reason in _ON_ALL:
        return _all_held(found)
    pipeline = line.pipeline
    brake = pipeline.held_reason or hold.reason
    by = f"{pipeline.held_by} holds the pipeline{_until(pipeline.held_until)}: {brake}"
    because, left = _words(brake, by, pipeline.name)
    return {
        "object": f"{pipeline.name}: {found.call.domain}", "happened": seen(found),
        "done": f"kept active, {pipeline.name} is held ({brake}): {because}", "left": left,
    }  # fmt: skip


def _words(brake: str, by: str, name: str = "") -> tuple[str, str]:
    """Why a brake holds, and the commands that end it; `by` says who holds when it was a person."""
    quoted = quote(name) if name else "NAME"
    release = f"signalbox pipelines release {quoted if name else '--all'}"
    because, left = _BRAKES.get(brake, (by, "{release}, or move by hand: signalbox pipelines switch {name}"))
    return because, left.format(name=quoted, release=release)


def _until(end: datetime | None) -> str:
    zone = get_settings().local_timezone
    return f" until {end.astimezone(ZoneInfo(zone)):%d.%m %H:%M} {zone}" if end else ""


def _all_held(found: Judged) -> dict[str, Any]:
    control = pipeline_writes.control()
    brake = control.reason or "blast_radius"
    because, left = _words(brake, f"{control.held_by} holds all pipelines: {brake}")
    return {
        "object": _how_many(found), "happened": _names(found.call.domain),
        "done": f"nobody is switched, everything is held ({brake}): {because}", "left": left, "evidence": seen(found),
    }  # fmt: skip


def _how_many(found: Judged) -> str:
    fleet = found.case.fleet if found.case else None
    return f"{fleet.bad} of {fleet.active} active domains" if fleet else "all pipelines"


def _names(domain: str) -> str:
    names = sorted({domain, *(one.domain for one in returns.still_unsafe())})
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"suspected: {', '.join(names[:_NAMED])}{more}"


def proposed(found: Judged, line: Line) -> dict[str, Any]:
    """The words of a proposal to switch."""
    spare = line.next
    left = f"the next spare is {spare.name}" if spare else "no spare is left: a switch would exhaust the pipeline"
    return _undecided(found, line, "kept active, a person decides in this mode", left)


def watched(found: Judged, line: Line) -> dict[str, Any]:
    """The words about a domain of a pipeline that only tells."""
    left = f"move it by hand: signalbox pipelines switch {quote(line.pipeline.name)} --block --reason ..."
    return _undecided(found, line, "kept active, this pipeline only tells", left)


def undecided(found: Judged, line: Line) -> dict[str, Any]:
    """The words about a domain of which nobody could say in time whether it is bad."""
    done = "kept active: no second answer was to be had in time"
    return _undecided(found, line, done, "look at the checks; the next one asks again")


def _undecided(found: Judged, line: Line, done: str, left: str) -> dict[str, Any]:
    name = f"{line.pipeline.name}: {found.call.domain}"
    return {"object": name, "happened": seen(found), "done": done, "left": left}


def blind(found: Judged) -> dict[str, Any]:
    """The words about a second answer that cannot be believed."""
    reason = found.look.finding.detail.get("reason", "") if found.look else ""
    return {
        "object": blind_key(found),
        "happened": f"the canaries failed while {found.call.domain} was to be confirmed {reason}",
        "done": "nothing is switched on such an answer", "left": "it is asked again",
    }  # fmt: skip


def blind_key(found: Judged) -> str:
    """The source that cannot be believed."""
    return _source(found).value


def _source(found: Judged) -> Source:
    return found.look.finding.source if found.look else Source(found.first.source) if found.first else Source.GSB


def seen(found: Judged) -> str:
    """What is said about the domain, by whom, and how sure that is."""
    first = found.first
    if first is None:
        asked = "said to be" if found.call.reason in SOURCES else "ordered:"
        return f"{asked} {found.call.reason}"
    provider = PROVIDERS.get(first.provider, first.provider)
    return f"suspected {_suspicion(first)} ({provider}, {_sureness(found, first)}; lists can err)"


def _suspicion(first: DomainEvidence) -> str:
    if first.source == Source.DNS:
        return f"not to resolve: {first.subject}"
    if first.source == Source.TLS:
        return f"of a bad certificate: {first.subject}"
    return f"{', '.join(map(str, first.detail.get('threats', ()))) or 'unsafe'} on {first.subject}"


def _sureness(found: Judged, first: DomainEvidence) -> str:
    if first.source == Source.GSC:
        return "signed answer"
    if found.look is None or found.look.verdict != first.verdict:
        return "not confirmed"
    apart = found.look.finding.observed_at - first.observed_at
    return f"confirmed 2x, {int(apart.total_seconds())} s apart"
