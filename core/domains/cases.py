"""A case to decide about: the facts of the brakes, gathered as they stand now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from config.clock import now
from config.settings import get_settings
from core.domains.brake_facts import Answer, Evidence, Fleet, History, Limits, Past, Standing
from core.domains.brakes import DAY, Decision, decide
from models import brake_facts, pipeline_writes, pipelines
from models.pipelines import Line, Pipeline

RECENT = timedelta(minutes=15)
LISTED_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Case:
    """An active domain that is said to be bad; `seq` is the switch number that a decision about it is bound to."""

    pipeline_id: int
    seq: int
    standing: Standing
    evidence: Evidence
    fleet: Fleet
    history: History

    def decide(self, at: datetime) -> Decision:
        """What to do."""
        return decide(self.standing, self.evidence, self.fleet, self.history, at)


def gather(
    domain: str, first: Answer | None, second: Answer | None = None, *, listed: bool = False, clean: bool = False,
    expires_at: datetime | None = None,
) -> Case | None:  # fmt: skip
    """The case of a domain, with a constant number of statements; None if it is active in no enabled pipeline.

    `listed` and `clean` are what a live look at the pages behind the pipeline has found.
    """
    number = brake_facts.enabled_with_active(domain)
    line = pipelines.line(number) if number is not None else None
    if line is None or line.active is None or line.active.name != domain:
        return None
    at = now()
    evidence = Evidence(domain_id=line.active.domain_id, first=first, second=second, expires_at=expires_at)
    standing = _standing(line, at, listed, clean)
    return Case(line.pipeline.id, line.pipeline.seq, standing, evidence, _fleet(at), _history(line.pipeline, at))


def _standing(line: Line, at: datetime, listed: bool, clean: bool) -> Standing:
    active, pipeline = line.active, line.pipeline
    assert active is not None, "asked for by the caller"
    return Standing(
        enabled=pipeline.enabled, mode=pipeline.mode, active_id=active.domain_id, active_since=active.since,
        held=pipeline.held(at), destination_clean=clean, exempt_until=pipeline.blast_radius_exempt_until,
        destination_listed=listed
        or brake_facts.destination_listed(pipeline.id, active.domain_id, max(at - LISTED_FOR, active.since)),
    )  # fmt: skip


def _fleet(at: datetime) -> Fleet:
    control = pipeline_writes.control()
    active, bad = brake_facts.fleet(at - RECENT)
    return Fleet(held=control.held_at is not None, released_until=control.released_until, active=active, bad=bad)


def _history(pipeline: Pipeline, at: datetime) -> History:
    limits = limits_of(pipeline)
    past = brake_facts.switches(pipeline.id, at - max(DAY, limits.cool_down))
    return History(tuple(Past(each.at, each.automatic, each.listing) for each in past), limits)


def limits() -> Limits:
    """The numbers of the settings, for decisions that are about no single pipeline."""
    settings = get_settings()
    return Limits(blast_percent=settings.blast_radius_percent, blast_min=settings.blast_radius_min)


def limits_of(pipeline: Pipeline) -> Limits:
    """The numbers in force for a pipeline: its own before those of the settings."""
    settings = get_settings()
    most, cool = pipeline.max_switches_per_day, pipeline.cool_down_s
    return Limits(
        confirm_after=timedelta(seconds=settings.confirm_after), blast_percent=settings.blast_radius_percent,
        blast_min=settings.blast_radius_min,
        cool_down=timedelta(seconds=settings.switch_cool_down if cool is None else cool),
        most_per_day=settings.max_switches_per_day if most is None else most,
    )  # fmt: skip
