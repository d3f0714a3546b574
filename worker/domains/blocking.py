"""Leaving an active domain that is suspected: judged, proven, switched in one transaction, or held back and told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from config.clock import now
from core.domains import blocking, preflight
from core.domains.blocking import Call, Judged, Wait
from core.domains.brakes import Decision, Defer, Hold, Ignore, Propose, Switch
from models import pipelines, switches
from models.conflicts import transaction
from models.database import DATABASE_DOWN, drop_connection, ensure_connection
from models.switches import Switched
from worker import alerts
from worker.actor import actor
from worker.domains import brake_news, metrics, steps

log = structlog.get_logger(__name__)


@actor
def block_active_tracking_domain(domain: str, reason: str, evidence_id: int | None = None) -> None:
    """Leave an active domain that is suspected and confirmed for the next spare, unless a brake holds that back."""
    act(blocking.judge(Call(domain, reason, evidence_id)))


def again(call: Call, when: datetime | None = None, why: str = "") -> None:
    """Ask about a domain, at once or at an instant, in the caller's transaction; one that waits already is enough."""
    arguments = {"domain": call.domain, "reason": call.reason, "evidence_id": call.evidence_id}
    if when is None:
        block_active_tracking_domain.send_with_options(kwargs=arguments)
        return
    key, delay = f"block:{call.domain}:{call.reason}:{why}"[:200], int((when - now()).total_seconds() * 1000) + 1
    block_active_tracking_domain.send_with_options(kwargs=arguments, delay=max(1, delay), dedupe_key=key)


def act(found: Judged) -> None:
    """Do what was decided, in one transaction; a switch after a last look at the spares. Hold none before."""
    began = found.look.finding.observed_at if found.look else now()
    if isinstance(found.decision, Switch) and found.case is not None:
        preflight.prove(pipelines.line(found.case.pipeline_id))
        metrics.reached(blocking.trigger_of(found).value, "decide", began, now())
    try:
        ended = transaction(lambda: _settle(found))
    except DATABASE_DOWN:
        # the answer to the COMMIT may have been lost, and the switch be made
        if not _was_made(found):
            raise
        return
    _note(found, ended, began)


def _was_made(found: Judged) -> bool:
    drop_connection()
    ensure_connection()
    case = found.case if isinstance(found.decision, Switch) else None
    return case is not None and switches.find(case.pipeline_id, case.seq + 1) is not None


def _settle(found: Judged) -> Switched | Judged:
    """The switch, or what else follows from the decision; a brake that was put on meanwhile has its say."""
    if isinstance(found.decision, Switch):
        made = blocking.switch(found)
        if isinstance(made, Switched):
            _follow(found.call.domain, made)
            return made
        found = made
    _HANDLERS[type(found.decision)](found, found.decision)
    return found


def _follow(domain: str, made: Switched) -> None:
    steps.follow(made)
    alerts.well(brake_news.UNSAFE, domain)
    alerts.well(brake_news.UNKNOWN, domain)
    alerts.well(brake_news.HELD, pipelines.line(made.pipeline_id).pipeline.name)


def _wait(found: Judged, decision: Wait) -> None:
    if decision.incident:
        brake_news.blind(found)
    again(Call(found.call.domain, found.call.reason, decision.evidence_id), decision.until, decision.why)


def _defer(found: Judged, decision: Defer) -> None:
    again(blocking.deferred(found.call, found.first, decision.until), decision.until, "cool_down")


_HANDLERS: dict[type[Decision | Wait], Callable[[Judged, Any], None]] = {
    Wait: _wait,
    Defer: _defer,
    Hold: brake_news.hold,
    Propose: brake_news.propose,
    Ignore: brake_news.ignore,
}


def _note(found: Judged, ended: Switched | Judged, began: datetime) -> None:
    """Count and log what was done, once it is done."""
    if isinstance(ended, Switched):
        metrics.reached(blocking.trigger_of(found).value, "db", began, now())
        log.info("pipeline_switched", pipeline_id=ended.pipeline_id, seq=ended.seq, reason=found.call.reason)
        return
    word = _word(ended.decision)
    if word == "confirm":
        log.info("second_answer_awaited", reason=found.call.reason)
        return
    metrics.BRAKES.labels(word).inc()
    log.info("pipeline_not_switched", brake=word, reason=found.call.reason)


def _word(decision: Decision | Wait) -> str:
    if isinstance(decision, Wait):
        return decision.why
    if isinstance(decision, Hold | Ignore):
        return decision.reason
    return "cool_down" if isinstance(decision, Defer) else "suggest"
