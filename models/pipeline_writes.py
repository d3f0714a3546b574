"""Writes beside the switch, each for many pipelines at once: creating, settings, holds, destinations, positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import bulk
from models.database import execute, fetch
from models.domain_states import Mode, Role
from models.fields import bind, instant
from models.pipelines import moment


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may set on a pipeline; None leaves it as it is, or as a new one has it."""

    mode: Mode | None = None
    with_update_voluum: bool | None = None
    with_update_affise: bool | None = None
    return_to_work: bool | None = None
    trafficback_url: str | None = None
    enabled: bool | None = None
    expected_cname: str | None = None
    block_on_tls: bool | None = None
    max_switches_per_day: int | None = None
    cool_down_s: int | None = None

    def facts(self) -> dict[str, Any]:
        """Those that are given, as the audit log keeps them."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {name: bind(value) if name == "mode" else value for name, value in named.items() if value is not None}


_SETTINGS = bulk.Rows(
    "name text, mode text, with_update_voluum bool, with_update_affise bool, return_to_work bool, "
    "trafficback_url text, enabled bool, expected_cname text, block_on_tls bool, max_switches_per_day int, "
    "cool_down_s int"
)
_CREATE = """
insert into tracking_domain_pipeline (name, mode, with_update_voluum, with_update_affise, return_to_work,
    trafficback_url, enabled, expected_cname, block_on_tls, max_switches_per_day, cool_down_s, status, created_at)
select name, coalesce(mode, 'auto'), coalesce(with_update_voluum, false), coalesce(with_update_affise, false),
    coalesce(return_to_work, false), trafficback_url, coalesce(enabled, true), expected_cname,
    coalesce(block_on_tls, false), max_switches_per_day, cool_down_s, 'exhausted', {instant}
from {rows} where true returning name, id
"""
_CHANGE = """
update tracking_domain_pipeline set mode = coalesce(v.mode, tracking_domain_pipeline.mode),
    with_update_voluum = coalesce(v.with_update_voluum, tracking_domain_pipeline.with_update_voluum),
    with_update_affise = coalesce(v.with_update_affise, tracking_domain_pipeline.with_update_affise),
    return_to_work = coalesce(v.return_to_work, tracking_domain_pipeline.return_to_work),
    trafficback_url = coalesce(v.trafficback_url, tracking_domain_pipeline.trafficback_url),
    enabled = coalesce(v.enabled, tracking_domain_pipeline.enabled),
    expected_cname = coalesce(v.expected_cname, tracking_domain_pipeline.expected_cname),
    block_on_tls = coalesce(v.block_on_tls, tracking_domain_pipeline.block_on_tls),
    max_switches_per_day = coalesce(v.max_switches_per_day, tracking_domain_pipeline.max_switches_per_day),
    cool_down_s = coalesce(v.cool_down_s, tracking_domain_pipeline.cool_down_s)
from {rows} where tracking_domain_pipeline.name = v.name
"""
UNSETTABLE = ("expected_cname", "trafficback_url", "max_switches_per_day", "cool_down_s")
"""What a pipeline need not have: without a number of its own the setting of that name is in force."""
_UNSET = """
update tracking_domain_pipeline set
    expected_cname = case when 'expected_cname' {in:text} then null else expected_cname end,
    trafficback_url = case when 'trafficback_url' {in:text} then null else trafficback_url end,
    max_switches_per_day = case when 'max_switches_per_day' {in:text} then null else max_switches_per_day end,
    cool_down_s = case when 'cool_down_s' {in:text} then null else cool_down_s end
where id = %s
"""
_OPENED = """
update tracking_domain_pipeline set status = 'active', switch_seq = 1
where id {in:int} and exists (
    select 1 from pipeline_domain p where p.pipeline_id = tracking_domain_pipeline.id and p.role = 'active')
"""
_FIRST_SWITCHES = """
insert into domain_switch (pipeline_id, seq, to_domain_id, trigger, reason, actor, decided_at, announced_at)
select pipeline_id, 1, domain_id, 'create', 'created', %s, {instant}, {instant}
from pipeline_domain where role = 'active' and pipeline_id {in:int}
"""
_FIRST_STEPS = """
insert into switch_step (switch_id, step, state)
select s.id, v.step, 'not_needed' from domain_switch s cross join {rows} where s.seq = 1 and s.pipeline_id {in:int}
"""
_STEPS = bulk.Rows("step text")
_DESTINATIONS = bulk.Rows("pipeline_id int, url text")
_ADD_DESTINATIONS = """
insert into pipeline_destination (pipeline_id, url, source) select pipeline_id, url, 'operator' from {rows}
where true on conflict (pipeline_id, url) do nothing
"""
_DROP_DESTINATIONS = "delete from pipeline_destination where pipeline_id = %s and url {in:text}"
_SPARES = bulk.Rows("pipeline_id int, domain_id int, role text, position int")
_MOVE_SPARES = """
update pipeline_domain set role = v.role, position = v.position,
    role_since = case when pipeline_domain.role = v.role then pipeline_domain.role_since else {instant} end
from {rows} where pipeline_domain.pipeline_id = v.pipeline_id and pipeline_domain.domain_id = v.domain_id
    and pipeline_domain.role in ('backup', 'parked') and v.role in ('backup', 'parked')
"""
_HOLD = """
update tracking_domain_pipeline set held_at = {instant}, held_by = %s, held_reason = %s, held_until = {instant}
where id = %s
"""
_RELEASE = """
update tracking_domain_pipeline set held_at = null, held_by = null, held_reason = null, held_until = null,
    blast_radius_exempt_until = {instant}
where id = %s and held_at is not null
"""
_HOLD_ALL = "update failover_control set held_at = %s, held_by = %s, reason = %s, version = version + 1 where id = 1"
_RELEASE_ALL = """
update failover_control set held_at = null, held_by = null, reason = null, released_until = %s, version = version + 1
where id = 1 and held_at is not null
"""
_CONTROL = "select held_at, held_by, reason, released_until from failover_control where id = 1"


@dataclass(frozen=True, slots=True)
class Control:
    """The hold on all pipelines."""

    held_at: datetime | None
    held_by: str | None
    reason: str | None
    released_until: datetime | None


def create(wanted: Sequence[tuple[str, Settings]], at: datetime) -> dict[str, int]:
    """Store new pipelines, as yet without domains; their ids by name."""
    rows = [_row(name, settings) for name, settings in wanted]
    return {name: int(number) for name, number in _SETTINGS.fetch(_CREATE, rows, before=(bind(at),))}


def open_new(pipeline_ids: Iterable[int], actor: str, at: datetime) -> None:
    """Write switch 1 of new pipelines whose first domain was placed as active: no platform follows, nobody is told."""
    among = bulk.among(pipeline_ids)
    bulk.run(_OPENED, (among,))
    bulk.run(_FIRST_SWITCHES, (actor, bind(at), bind(at), among))
    _STEPS.run(_FIRST_STEPS, [("voluum",), ("affise",), ("telegram",)], after=(among,))


def change(wanted: Sequence[tuple[str, Settings]]) -> int:
    """Change settings of pipelines by name; how many rows were touched."""
    return _SETTINGS.run(_CHANGE, [_row(name, settings) for name, settings in wanted])


def unset(pipeline_id: int, names: Sequence[str]) -> None:
    """Take away what a pipeline need not have; `names` are of UNSETTABLE."""
    among = bulk.among(names)
    bulk.run(_UNSET, (*[among] * len(UNSETTABLE), pipeline_id))


def _row(name: str, settings: Settings) -> tuple[Any, ...]:
    mode = settings.mode.value if settings.mode else None
    flags = (settings.with_update_voluum, settings.with_update_affise, settings.return_to_work)
    limits = (settings.max_switches_per_day, settings.cool_down_s)
    own = (settings.enabled, settings.expected_cname or None, settings.block_on_tls, *limits)
    return name, mode, *flags, settings.trafficback_url, *own


def add_destinations(rows: Sequence[tuple[int, str]]) -> int:
    """Store pages behind pipelines; how many are new."""
    return _DESTINATIONS.run(_ADD_DESTINATIONS, rows)


def drop_destinations(pipeline_id: int, urls: Sequence[str]) -> int:
    """Forget pages behind a pipeline; how many it had."""
    return bulk.run(_DROP_DESTINATIONS, (pipeline_id, bulk.among(urls)))


def destinations(pipeline_ids: Iterable[int]) -> list[tuple[int, str, str]]:
    """(pipeline, address, who named it) of the pages behind pipelines."""
    statement = "select pipeline_id, url, source from pipeline_destination where pipeline_id {in:int} order by 1, 2"
    return [(int(number), url, source) for number, url, source in bulk.read(statement, (bulk.among(pipeline_ids),))]


def move_spares(rows: Sequence[tuple[int, int, Role, int]], at: datetime) -> int:
    """Give spares and parked domains one of these two roles and a position; how many."""
    values = [(pipeline, domain, role.value, position) for pipeline, domain, role, position in rows]
    return _SPARES.run(_MOVE_SPARES, values, before=(bind(at),))


def hold(pipeline_id: int, by: str, reason: str, until: datetime | None, at: datetime) -> None:
    """Hold a pipeline, or change why and until when it is held."""
    bulk.run(_HOLD, (bind(at), by, reason, moment(until), pipeline_id))


def release(pipeline_id: int, exempt_until: datetime) -> bool:
    """End the hold of a pipeline; False if it was not held."""
    return bulk.run(_RELEASE, (bind(exempt_until), pipeline_id)) == 1


def hold_all(by: str, reason: str, at: datetime) -> None:
    """Hold every pipeline."""
    execute(_HOLD_ALL, (bind(at), by, reason))


def hold_all_if_free(by: str, reason: str, at: datetime) -> bool:
    """Hold every pipeline; False if they are held already, and that hold stands."""
    return execute(_HOLD_ALL + " and held_at is null", (bind(at), by, reason)) == 1


def release_all(released_until: datetime) -> bool:
    """End the hold of all; False if there was none."""
    return execute(_RELEASE_ALL, (bind(released_until),)) == 1


def control() -> Control:
    """The hold on all pipelines, as it stands."""
    held_at, by, reason, released_until = fetch(_CONTROL)[0]
    instants = [None if value is None else instant(value) for value in (held_at, released_until)]
    return Control(instants[0], by, reason, instants[1])
