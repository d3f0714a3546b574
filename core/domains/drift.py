"""Drift: what the platforms show beside what pipelines use, and what is done about a difference."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from config.clock import now
from core.domains import dry_runs, platform_looks, refusals, steps
from core.domains.hosts import host_of
from core.domains.persons import By, record
from core.domains.pipelines import subject
from core.domains.platform_looks import Look
from models import drift_facts, observations, pipelines
from models.domain_states import WORKING, Mode, Role, Step
from models.observations import UNREAD, Observation
from models.pipelines import Line

MOST_REOPENINGS = 3
WITHIN = timedelta(hours=1)
MOST_NAMED = 5
SYSTEM = By("system", kind="system")


class State(StrEnum):
    """What a field shows: the active domain, another one of the pipeline, a stranger's, or nobody knows.

    Another one of the pipeline is what has to be expected while nothing is written.
    """

    SAME = "same"
    DRIFT = "drift"
    DRY_RUN = "dry run"
    CONFLICT = "conflict"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Judged:
    """A field and what is to be thought of it."""

    seen: Observation
    state: State


@dataclass(frozen=True, slots=True)
class Compared:
    """What a look at a platform has led to: steps opened again, and incidents by key.

    `still` are the keys of whatever shows another domain, also of what is being put right; `drifted` counts fields.
    """

    platform: str
    drifted: int
    still: tuple[str, ...] = ()
    reopened: tuple[tuple[int, Step], ...] = ()
    stuck: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    conflicts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def used(lines: Iterable[Line]) -> list[str]:
    """The platforms that enabled pipelines use."""
    return [platform for platform in ("voluum", "affise") if any(_uses(line, platform) for line in lines)]


def _uses(line: Line, platform: str) -> bool:
    wanted = line.pipeline.with_update_voluum if platform == Step.VOLUUM else line.pipeline.with_update_affise
    return line.pipeline.enabled and wanted


def compare(found: Look) -> Compared:
    """Keep what was seen and put right what drifted, in the caller's transaction.

    A step that is under way is left alone, and a pipeline without a domain has nothing that could be put there.
    """
    at = now()
    lines = [line for line in pipelines.all_lines() if _uses(line, found.platform)]
    _keep(found, lines, at)
    judged = judge(observations.of([found.platform]), lines, at)
    drifting = _by_pipeline(judged, State.DRIFT, State.DRY_RUN)
    fit = [line for line in lines if line.pipeline.id in drifting and line.active]
    mendable = [] if dry_runs.on(found.platform) else _worth_a_try(found, fit, drifting)
    reopened, stuck = _put_right(found.platform, mendable, at)
    return Compared(
        found.platform, sum(map(len, drifting.values())),
        tuple(key_of(found.platform, line) for line in fit), tuple(reopened),
        _words(found.platform, stuck, drifting),
        _words(found.platform, lines, _by_pipeline(judged, State.CONFLICT)),
    )  # fmt: skip


def _keep(found: Look, lines: Sequence[Line], at: datetime) -> None:
    """Only what belongs to a pipeline, or did; what complete readings show no more is forgotten in the end."""
    before = {one.key: one.pipeline_id for one in observations.of([found.platform])}
    holders = _holders(lines)
    rows = [
        replace(seen, pipeline_id=_owner(holders.get(seen.domain, {}), before.get(seen.key)))
        for seen in found.fields if seen.domain in holders or seen.key in before
    ]  # fmt: skip
    observations.record(rows)
    observations.forget(found.platform, at - UNREAD)
    if found.platform == Step.VOLUUM:
        owners = {row.object_id: row.pipeline_id for row in rows if row.pipeline_id is not None}
        pages = platform_looks.pages_behind(found, owners, drift_facts.tracking_domains())
        drift_facts.replace(pages, [line.pipeline.id for line in lines])


def _holders(lines: Iterable[Line]) -> dict[str, dict[int, Role]]:
    """By domain: its role in each pipeline that has it."""
    found: dict[str, dict[int, Role]] = defaultdict(dict)
    for line in lines:
        for place in line.places:
            found[place.name][line.pipeline.id] = place.role
    return found


def _owner(holders: Mapping[int, Role], before: int | None) -> int | None:
    """Where the domain works; else whose the field was; else the only one who ever had it."""
    working = [number for number, role in holders.items() if role in WORKING]
    if working:
        return working[0]
    if before in holders or len(holders) != 1:
        return before
    return next(iter(holders))


def judge(seen: Iterable[Observation], lines: Iterable[Line], at: datetime) -> list[Judged]:
    """What is to be thought of each field."""
    known = {line.pipeline.id: line for line in lines}
    return [Judged(one, _state(one, known.get(one.pipeline_id or 0), at)) for one in seen]


def _state(seen: Observation, line: Line | None, at: datetime) -> State:
    if at - seen.seen_at > UNREAD:
        return State.UNREAD
    if line is None:
        return State.CONFLICT
    if seen.domain == _expected(line):
        return State.SAME
    if not line.place(seen.domain):
        return State.CONFLICT
    return State.DRY_RUN if dry_runs.on(seen.platform) else State.DRIFT


def _expected(line: Line) -> str | None:
    """The active domain; without one, the host of the page that offers were sent to instead."""
    if line.active:
        return line.active.name
    return host_of(line.pipeline.trafficback_url) if line.pipeline.trafficback_url else None


def differing(line: Line, at: datetime) -> list[Judged]:
    """The fields of a pipeline's objects that do not show its active domain, or were not read for long."""
    judged = judge(observations.of_pipeline(line.pipeline.id), [line], at)
    return [one for one in judged if one.state is not State.SAME]


def _by_pipeline(judged: Iterable[Judged], *states: State) -> dict[int, list[Observation]]:
    found: dict[int, list[Observation]] = defaultdict(list)
    for one in judged:
        if one.state in states and one.seen.pipeline_id is not None:
            found[one.seen.pipeline_id].append(one.seen)
    return found


def _worth_a_try(
    found: Look, lines: Sequence[Line], drifting: Mapping[int, Sequence[Observation]]
) -> list[Line]:  # fmt: skip
    """The pipelines that show more than what was refused, and told, and has not changed since."""
    refused = refusals.fields((line.pipeline.id for line in lines), found.whole) if found.whole else set()
    return [
        line for line in lines
        if any((seen.object_id, seen.field) not in refused for seen in drifting[line.pipeline.id])
    ]  # fmt: skip


def _put_right(platform: str, lines: Sequence[Line], at: datetime) -> tuple[list[tuple[int, Step]], list[Line]]:
    """Open the newest step again where that is allowed; the steps, and the pipelines for which a person must look."""
    pipelines.hold_still(line.pipeline.id for line in lines)
    working = drift_facts.working(platform, [line.pipeline.id for line in lines])
    often = drift_facts.reopenings([_subject(line, platform) for line in lines], at - WITHIN)
    reopened, stuck = [], []
    for line in lines:
        if line.pipeline.id in working:
            continue
        allowed = line.pipeline.mode is Mode.AUTO and often.get(_subject(line, platform), 0) < MOST_REOPENINGS
        opened = _reopen(line, platform) if allowed else []
        reopened += opened
        stuck += [] if opened else [line]
    return reopened, stuck


def _subject(line: Line, platform: str) -> str:
    return f"{subject(line.pipeline.name)}/{platform}"


def _reopen(line: Line, platform: str) -> list[tuple[int, Step]]:
    opened = steps.reopen(line.pipeline.id, Step(platform))
    if opened:
        record(SYSTEM, drift_facts.REOPENED, _subject(line, platform), reason="drift", seq=line.pipeline.seq)
    return opened


def key_of(platform: str, line: Line) -> str:
    """The key of an incident about a pipeline at a platform."""
    return f"{platform}:{line.pipeline.id}"


def _words(
    platform: str, lines: Iterable[Line], fields: Mapping[int, Sequence[Observation]]
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Incidents by key, in words."""
    return {
        key_of(platform, line): _incident(platform, line, fields[line.pipeline.id])
        for line in lines if line.pipeline.id in fields
    }  # fmt: skip


def _incident(platform: str, line: Line, seen: Sequence[Observation]) -> dict[str, Any]:
    shown = Counter(one.domain for one in seen)
    names = [f"{domain} ({count})" for domain, count in shown.most_common(MOST_NAMED)]
    objects = [f"{one.object_type} {one.object_id} {one.field}" for one in seen[:MOST_NAMED]]
    more = f" and {len(seen) - MOST_NAMED} more" if len(seen) > MOST_NAMED else ""
    return {
        "object": f"{line.pipeline.name} at {platform.capitalize()}",
        "happened": f"{len(seen)} fields show {', '.join(names)} in place of {_expected(line) or 'nothing'}",
        "left": ", ".join(objects) + more,
    }
