"""Old rows of the runtime go in small steps, so that no statement holds locks for long."""

from __future__ import annotations

from datetime import timedelta

from config.clock import now
from models import reputation_cache
from models.database import execute
from models.dead_letters import forget_settled
from models.fields import bind

TASK_RUN_DAYS = 30
SCHEDULE_RUN_DAYS = 90
EVIDENCE_DAYS = 30
REPUTATION_DAYS = 1
"""After an answer has ended: what a sweep still asks for is renewed before, so that neither waits for the other."""
_STEP = 5000
_TASK_RUNS = "delete from task_run where id in (select id from task_run where started_at < %s limit %s)"
_SCHEDULE_RUNS = "delete from schedule_run where id in (select id from schedule_run where due_at < %s limit %s)"
_CANCELS = (
    "delete from message_cancel where message_id in (select message_id from message_cancel where at < %s limit %s)"
)
_EVIDENCE = """
delete from domain_evidence where id in (select e.id from domain_evidence e where e.observed_at < %s
    and not exists (select 1 from domain_switch s where s.evidence_id = e.id)
    and not exists (select 1 from pipeline_domain p where p.block_evidence_id = e.id)
    and not exists (select 1 from switch_proposal o where o.evidence_id = e.id)
    and not exists (select 1 from domain_state t where t.evidence_id = e.id) limit %s)
"""
_CYCLES = "delete from check_cycle where id in (select id from check_cycle where started_at < %s limit %s)"
_CRASHES = "delete from poison where message_id in (select message_id from poison where at < %s limit %s)"


def forget_old(dead_letter_days: int) -> int:
    """Delete old runs, marks of messages, answers about domains, and letters settled so long ago; how many rows."""
    return (
        _in_steps(_TASK_RUNS, TASK_RUN_DAYS)
        + _in_steps(_SCHEDULE_RUNS, SCHEDULE_RUN_DAYS)
        + _in_steps(_CANCELS, TASK_RUN_DAYS)
        + _in_steps(_CRASHES, TASK_RUN_DAYS)
        + _in_steps(_EVIDENCE, EVIDENCE_DAYS)
        + _in_steps(_CYCLES, EVIDENCE_DAYS)
        + reputation_cache.forget(now() - timedelta(days=REPUTATION_DAYS))
        + forget_settled(now() - timedelta(days=dead_letter_days))
    )


def _in_steps(sql: str, days: int) -> int:
    before, total, gone = bind(now() - timedelta(days=days)), 0, _STEP
    while gone == _STEP:
        gone = execute(sql, (before, _STEP))
        total += gone
    return total
