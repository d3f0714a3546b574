"""The brakes that are put on and taken off: holds of one pipeline or of all, and how far a pipeline goes by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from config.clock import now
from core.domains.persons import By, NoPipeline, Refused, reasoned, record
from core.domains.pipelines import subject
from models import conflicts, pipeline_writes, pipelines, returns
from models.domain_states import Mode
from models.pipeline_writes import Settings
from models.pipelines import Line, hold_still

EXEMPT = timedelta(minutes=60)
"""How long a release keeps the blast radius from holding again at once."""
SYSTEM = "system"


def hold(name: str, reason: str, by: By, *, until: datetime | None = None) -> None:
    """No automatic switch of this pipeline, for some time or until it is released."""
    why = reasoned(reason)
    if until is not None and until <= now():
        raise Refused("for: the hold would be over already; write a time to come, such as 2h")
    conflicts.transaction(lambda: _hold(_held(name), why, by, until))


def _hold(line: Line, reason: str, by: By, until: datetime | None) -> None:
    ends = until.isoformat() if until else None
    record(by, "pipeline.hold", subject(line.pipeline.name), reason=reason, held=True, until=ends)
    pipeline_writes.hold(line.pipeline.id, by.name, reason, until, now())


def hold_by_itself(pipeline_id: int, reason: str) -> bool:
    """Hold a pipeline because of a brake; False if it is held already, whose hold then stands."""
    return conflicts.transaction(lambda: _hold_by_itself(pipeline_id, reason, now()))


def _hold_by_itself(pipeline_id: int, reason: str, at: datetime) -> bool:
    line = hold_still([pipeline_id]).get(pipeline_id)
    if line is None or line.pipeline.held(at):
        return False
    pipeline_writes.hold(pipeline_id, SYSTEM, reason, None, at)
    return True


def release(name: str, by: By) -> list[returns.Unsafe]:
    """End the hold of a pipeline; its active domain if that is still bad, to be decided about again."""
    line = conflicts.transaction(lambda: _release(_held(name), by))
    return [found for found in returns.still_unsafe() if found.pipeline_id == line.pipeline.id]


def _release(line: Line, by: By) -> Line:
    if line.pipeline.held_at is None:
        raise Refused(f"pipeline: {line.pipeline.name!r} is not held")
    before = {"held_by": line.pipeline.held_by, "reason": line.pipeline.held_reason}
    record(by, "pipeline.release", subject(line.pipeline.name), before=before, held=False)
    pipeline_writes.release(line.pipeline.id, now() + EXEMPT)
    return line


def hold_all(reason: str, by: By) -> None:
    """No automatic switch anywhere."""
    why = reasoned(reason)
    conflicts.transaction(lambda: _hold_all(why, by))


def _hold_all(reason: str, by: By) -> None:
    record(by, "failover.hold", "failover", reason=reason, held=True)
    pipeline_writes.hold_all(by.name, reason, now())


def hold_all_by_itself(reason: str) -> bool:
    """Hold everything because of a brake; False if it is held already."""
    return pipeline_writes.hold_all_if_free(SYSTEM, reason, now())


def release_all(by: By) -> list[returns.Unsafe]:
    """End the hold of all; active domains that are still bad, to be decided about again."""
    conflicts.transaction(lambda: _release_all(by))
    return returns.still_unsafe()


def _release_all(by: By) -> None:
    control = pipeline_writes.control()
    if control.held_at is None:
        raise Refused("all: failover is not held")
    before = {"held_by": control.held_by, "reason": control.reason}
    record(by, "failover.release", "failover", before=before, held=False)
    pipeline_writes.release_all(now() + EXEMPT)


def mode(name: str, wanted: Mode, by: By) -> bool:
    """Set how far a pipeline goes by itself; False if it goes that far already."""
    return conflicts.transaction(lambda: _mode(_held(name), wanted, by))


def _mode(line: Line, wanted: Mode, by: By) -> bool:
    if line.pipeline.mode is wanted:
        return False
    before = {"mode": line.pipeline.mode.value}
    record(by, "pipeline.mode", subject(line.pipeline.name), before=before, mode=wanted.value)
    pipeline_writes.change([(line.pipeline.name, Settings(mode=wanted))])
    return True


def _held(name: str) -> Line:
    number = pipelines.find(name.strip())
    if number is None:
        raise NoPipeline(name)
    return hold_still([number])[number]
