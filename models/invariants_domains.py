"""What must hold of tracking domains: exclusive roles, no switch lost, none in a loop."""

from __future__ import annotations

from datetime import date

from config.settings import get_settings
from models import bulk
from models.database import fetch
from models.fields import bind
from models.invariant_check import Check, Found, ago

_SHARED = """
select d.name, l.name, p.role from pipeline_domain p
join tracking_domain d on d.id = p.domain_id join tracking_domain_pipeline l on l.id = p.pipeline_id
where p.role in ('active', 'backup') and exists (
    select 1 from pipeline_domain o where o.domain_id = p.domain_id and o.pipeline_id <> p.pipeline_id
        and o.role in ('active', 'backup'))
"""
_CROWDED = """
select pipeline_id, count(*) from pipeline_domain where role = 'active' group by pipeline_id having count(*) > 1
"""
_MARKED = """
select d.name, p.role, p.blocked_at from pipeline_domain p join tracking_domain d on d.id = p.domain_id
where (p.role = 'blocked') <> (p.blocked_at is not null)
"""
_STATUS = """
select l.name, l.status from tracking_domain_pipeline l
where (l.status = 'active') <> exists (select 1 from pipeline_domain p where p.pipeline_id = l.id and p.role = 'active')
"""


def roles_shared(since: date) -> Found:
    """I6: (domain, pipeline, role) at work in two pipelines, (pipeline, how many) with several active domains."""
    return [*fetch(_SHARED), *fetch(_CROWDED), *fetch(_MARKED)]


def status_wrong(since: date) -> Found:
    """I6: (pipeline, status) where the status does not say whether there is an active domain."""
    return fetch(_STATUS)


_NUMBERS = """
select l.name, l.switch_seq, count(s.id), coalesce(max(s.seq), 0)
from tracking_domain_pipeline l left join domain_switch s on s.pipeline_id = l.id
group by l.id, l.name, l.switch_seq
having l.switch_seq <> count(s.id) or l.switch_seq <> coalesce(max(s.seq), 0)
"""
_UNEXPLAINED = """
select pipeline_id, seq from domain_switch
where (actor = '' or reason = '' or (trigger = 'check' and evidence_id is null)) and decided_at >= {instant}
"""
# the confirmation waits, the blast radius looks at a quarter of an hour, a cool-down may be running
_LOST = """
select l.name, d.name, s.source, s.observed_at
from pipeline_domain p join tracking_domain d on d.id = p.domain_id
join tracking_domain_pipeline l on l.id = p.pipeline_id join domain_state s on s.domain_id = d.id
where p.role = 'active' and l.enabled and l.mode = 'auto' and s.verdict = 'unsafe' and s.source in ('gsb', 'dns', 'gsc')
    and s.changed_at >= p.role_since and s.changed_at < {instant}
    and (l.held_at is null or (l.held_until is not null and l.held_until < {instant}))
    and not exists (select 1 from failover_control c where c.held_at is not null)
"""
_WAIT = 1800


def numbers_broken(since: date) -> Found:
    """I7: (pipeline, its number, switches, highest) where numbers are missing or repeated."""
    return fetch(_NUMBERS)


def switches_unexplained(since: date) -> Found:
    """I7: (pipeline, number) of switches without actor, reason, or the evidence of a check."""
    return bulk.read(_UNEXPLAINED, (f"{bind(since)}T00:00:00.000000Z",))


def verdicts_lost(since: date) -> Found:
    """I7: active domains that have long been unsafe in a pipeline that should have switched and is not held."""
    settings = get_settings()
    waiting = _WAIT + settings.switch_cool_down + settings.confirm_after
    return bulk.read(_LOST, (ago(waiting), ago(0)))


_CAPPED = """
select v.pipeline_id, v.seq, v.earlier from (
    select s.pipeline_id, s.seq, (
        select count(*) from domain_switch o where o.pipeline_id = s.pipeline_id and o.trigger = 'check'
            and o.seq <= s.seq and {us:o.decided_at} > {us:s.decided_at} - 86400000000) as earlier,
        coalesce(l.max_switches_per_day, %s) as most
    from domain_switch s join tracking_domain_pipeline l on l.id = s.pipeline_id
    where s.trigger = 'check' and s.decided_at >= {instant}
) as v where v.earlier > v.most
"""
_LOOPS = """
select a.pipeline_id, a.seq, b.seq from domain_switch a
join tracking_domain_pipeline l on l.id = a.pipeline_id
join domain_switch b on b.pipeline_id = a.pipeline_id and b.seq > a.seq and b.to_domain_id = a.from_domain_id
where a.trigger = 'check' and b.trigger = 'check' and b.decided_at >= {instant}
    and {us:b.decided_at} - {us:a.decided_at} < coalesce(l.cool_down_s, %s) * cast(1000000 as bigint)
"""


def over_the_cap(since: date) -> Found:
    """I9: (pipeline, number, automatic switches within 24 hours) beyond what is allowed."""
    return bulk.read(_CAPPED, (get_settings().max_switches_per_day, f"{bind(since)}T00:00:00.000000Z"))


def back_and_forth(since: date) -> Found:
    """I9: (pipeline, first, second) of automatic switches that return to a domain within the cool-down."""
    return bulk.read(_LOOPS, (f"{bind(since)}T00:00:00.000000Z", get_settings().switch_cool_down))


CHECKS: tuple[Check, ...] = (
    Check("I6", "roles shared", "a domain works in one pipeline, a pipeline has one active domain", roles_shared),
    Check("I6", "status wrong", "a pipeline without an active domain is exhausted", status_wrong),
    Check("I7", "numbers broken", "switches of a pipeline are numbered without a gap", numbers_broken),
    Check("I7", "switches unexplained", "a switch has an actor, a reason and its evidence", switches_unexplained),
    Check("I7", "verdicts lost", "an unsafe verdict ends in a switch or a hold", verdicts_lost),
    Check("I9", "over the cap", "automatic switches stay within the cap of a day", over_the_cap),
    Check("I9", "back and forth", "nothing returns by itself within the cool-down", back_and_forth),
)
