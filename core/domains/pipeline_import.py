"""Taking a file of pipelines: what each row would do, and doing all of it or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from config.clock import now
from core.domains import hosts
from core.domains.persons import By, Refused
from core.domains.pipeline_files import FileRow, Findings
from core.domains.pipelines import subject
from models import audit, conflicts, pipeline_writes, pipelines, roles
from models.domain_states import Role, Trigger
from models.pipeline_writes import Settings
from models.pipelines import Line, Place
from models.switches import Order, Switched

NEW, ADDED, CHANGED, KEPT = "new", "added", "changed", "kept"
MOVABLE = (Role.BACKUP, Role.PARKED)


@dataclass(frozen=True, slots=True)
class Result:
    """What a row does, and why it does no more."""

    row: FileRow
    does: str
    role: Role
    position: int
    note: str = ""


@dataclass(slots=True)
class Plan:
    """What a whole file does; nothing of it with a single problem."""

    results: list[Result] = field(default_factory=list)
    settings: dict[str, Settings] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    destinations: list[tuple[str, str]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    switched: int = 0

    def touched(self) -> list[str]:
        """Pipelines that are not as they were afterwards."""
        rows = {each.row.pipeline for each in self.results if each.does != KEPT}
        return sorted(rows | set(self.settings) | {name for name, _ in self.destinations})


def check(found: Findings) -> Plan:
    """What the rows would do now; changes nothing."""
    plan = Plan(problems=list(found.problems))
    lines = {line.pipeline.name: line for line in pipelines.all_lines()}
    grouped: dict[str, list[FileRow]] = defaultdict(list)
    for row in found.rows:
        grouped[row.pipeline].append(row)
    for name, rows in grouped.items():
        _plan_pipeline(plan, name, rows, lines.get(name))
    _plan_destinations(plan, grouped, lines)
    plan.problems = sorted([*plan.problems, *_conflicts(plan)])
    plan.results.sort(key=lambda result: result.row.line)
    return plan


def _plan_pipeline(plan: Plan, name: str, rows: list[FileRow], line: Line | None) -> None:
    wanted = rows[0].settings
    if line is None:
        plan.fresh.append(name)
        plan.settings[name] = wanted
    elif _differs(line, wanted):
        plan.settings[name] = wanted
    position = line.last_position if line else -1
    for row in rows:
        place = line.place(row.domain) if line else None
        position = max(position + 1, row.position or 0) if place is None else position
        wished = position if row.position is None else row.position
        plan.results.append(_fresh(row, line, wished) if place is None else _known(row, place))


def _differs(line: Line, wanted: Settings) -> bool:
    return any(getattr(line.pipeline, name) != value for name, value in wanted.facts().items())


def _fresh(row: FileRow, line: Line | None, position: int) -> Result:
    if line is None:
        return Result(row, NEW, row.role, position)
    if row.role is Role.ACTIVE:
        return Result(
            row, ADDED, Role.BACKUP, position, "as a spare: the active domain of a pipeline never changes here"
        )
    return Result(row, ADDED, row.role, position)


def _known(row: FileRow, place: Place) -> Result:
    position = place.position if row.position is None else row.position
    if place.role in MOVABLE and row.role in MOVABLE:
        same = (place.role, place.position) == (row.role, position)
        return Result(row, KEPT if same else CHANGED, row.role, position)
    note = "" if place.role is row.role else f"stays {place.role.value}"
    return Result(row, KEPT, place.role, place.position, note)


def _plan_destinations(plan: Plan, grouped: dict[str, list[FileRow]], lines: dict[str, Line]) -> None:
    names = {line.pipeline.id: name for name, line in lines.items() if name in grouped}
    known = {(names[number], url) for number, url, _ in pipeline_writes.destinations(names)}
    wanted = dict.fromkeys((name, url) for name, rows in grouped.items() for row in rows for url in row.destinations)
    plan.destinations = [pair for pair in wanted if pair not in known]


def _conflicts(plan: Plan) -> Iterator[tuple[int, str]]:
    """Rows whose domain would join a line while it works, or is blocked, in another pipeline."""
    joining = {each.row.domain: each.row for each in plan.results if _joins(each)}
    blocked = {
        each.row.domain: each.row for each in plan.results if each.does in (NEW, ADDED) and each.role is Role.BLOCKED
    }
    for domain in joining.keys() & blocked.keys():
        yield joining[domain].line, f"domain: is blocked in line {blocked[domain].line}; unblock it first"
    for domain, pipeline, role in roles.elsewhere(list(joining)):
        row = joining[domain]
        if role is Role.BLOCKED:
            yield row.line, f"domain: is blocked in {pipeline!r}; unblock it first"
        elif pipeline != row.pipeline:
            yield row.line, f"domain: is {role.value} in {pipeline!r}; a domain works in one pipeline only"
    for domain, pipeline, role in roles.elsewhere(list(blocked)):
        if role is not Role.BLOCKED:
            yield blocked[domain].line, f"role: is {role.value} in {pipeline!r}; a blocked domain works nowhere"


def _joins(result: Result) -> bool:
    return result.does != KEPT and result.role in (Role.ACTIVE, Role.BACKUP)


def apply(found: Findings, by: By, *, then: Callable[..., object] = lambda *made: None) -> Plan:
    """Do what the rows say, as of now; all of it or nothing. Raises Refused if a row has a problem by now.

    `then` is called in the same transaction with the switches of pipelines that went back to work.
    """

    def work() -> Plan:
        plan, made = _apply(found, by, now())
        then(*made)
        return plan

    return conflicts.transaction(work)


def _apply(found: Findings, by: By, at: datetime) -> tuple[Plan, list[Switched]]:
    made: list[Switched] = []
    named = {row.pipeline for row in found.rows}
    pipelines.hold_still(line.pipeline.id for line in pipelines.all_lines() if line.pipeline.name in named)
    plan = check(found)
    if plan.problems:
        raise Refused(f"line {plan.problems[0][0]}: {plan.problems[0][1]}")
    if touched := plan.touched():
        _record(plan, touched, by)
        ids = _write_settings(plan, at)
        _write_places(plan, ids, at)
        pipeline_writes.add_destinations([(ids[name], url) for name, url in plan.destinations])
        pipeline_writes.open_new([ids[name] for name in plan.fresh], by.name, at)
        made = _fill(plan, ids, by, at)
        plan.switched = len(made)
    return plan, made


def _record(plan: Plan, touched: Sequence[str], by: By) -> None:
    rows: dict[str, int] = defaultdict(int)
    for each in plan.results:
        rows[each.row.pipeline] += each.does != KEPT
    audit.record_all([
        audit.Entry(actor_kind=by.kind, actor=by.name, action="pipeline.import", object=subject(name), ip=by.ip,
                    request_id=by.request_id, after={"rows": rows[name]})
        for name in touched
    ])  # fmt: skip


def _write_settings(plan: Plan, at: datetime) -> dict[str, int]:
    known = {line.pipeline.name: line.pipeline.id for line in pipelines.all_lines()}
    fresh = set(plan.fresh)
    pipeline_writes.change([(name, wanted) for name, wanted in plan.settings.items() if name not in fresh])
    return known | pipeline_writes.create([(name, plan.settings[name]) for name in plan.fresh], at)


def _write_places(plan: Plan, ids: dict[str, int], at: datetime) -> None:
    adding = [each for each in plan.results if each.does in (NEW, ADDED)]
    domains = roles.know([(name, hosts.registrable(name)) for name in {each.row.domain for each in adding}], at)
    roles.place([_place(each, ids, domains, at) for each in adding], at)
    changed = [each for each in plan.results if each.does == CHANGED]
    numbers = roles.ids([each.row.domain for each in changed])
    spares = [(ids[each.row.pipeline], numbers[each.row.domain], each.role, each.position) for each in changed]
    pipeline_writes.move_spares(spares, at)


def _place(each: Result, ids: dict[str, int], domains: dict[str, int], at: datetime) -> roles.Placed:
    blocked = each.role is Role.BLOCKED
    why = (each.row.reason or "imported", at) if blocked else (None, None)
    return ids[each.row.pipeline], domains[each.row.domain], each.role.value, each.position, *why


def _fill(plan: Plan, ids: dict[str, int], by: By, at: datetime) -> list[Switched]:
    """Pipelines that had no active domain go back to work with their first spare."""
    names = {each.row.pipeline for each in plan.results if each.does == ADDED or _joins(each)} - set(plan.fresh)
    order = Order(reason="a spare was imported", actor=by.name, trigger=Trigger.RETURN, seq=None)
    idle = [line for line in pipelines.lines(ids[name] for name in names) if line.active is None]
    return [made for line in idle if (made := roles.fill(line.pipeline.id, order, at))]
