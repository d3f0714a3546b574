"""What workers of the tracking domains measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from config.clock import now
from models.domain_states import Step
from models.pipelines import Line

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60, 300, 1800, 7200, 86_400)
SWITCH_SECONDS = Histogram(
    "signalbox_domain_switch_seconds",
    "Time from the decision of a switch to a stage: decide, db, voluum, affise, telegram, total",
    ["trigger", "stage"],
    buckets=_SECONDS,
)
CHECKS = Counter("signalbox_domain_check_total", "Answers about domains", ["check", "verdict"])
CHECK_SECONDS = Histogram("signalbox_domain_check_seconds", "Time of asking about all of them", ["check"])
UNFINISHED_AGE = Gauge(
    "signalbox_steps_unfinished_age_seconds", "Age of the oldest step of a switch that is not done", ["step"]
)


def checked(check: str, verdicts: Mapping[str, int]) -> None:
    """Count what a check has answered."""
    for verdict, number in verdicts.items():
        CHECKS.labels(check, verdict).inc(number)


BRAKES = Counter("signalbox_brake_total", "Times that a brake kept a pipeline from switching by itself", ["brake"])
PLATFORM_DRIFT = Gauge("signalbox_platform_drift", "Fields that show another domain of their pipeline", ["platform"])
PIPELINE_STATE = Gauge("signalbox_pipeline_state", "1 for the state that a pipeline is in", ["pipeline", "state"])
PIPELINE_SPARES = Gauge("signalbox_pipeline_spares", "Spares that may be used", ["pipeline"])
_STATES = ("active", "held", "exhausted", "disabled")


def pipelines(lines: Iterable[Line]) -> None:
    """Note how every pipeline stands; those that are gone are forgotten."""
    PIPELINE_STATE.clear()
    PIPELINE_SPARES.clear()
    for line in lines:
        name, state = line.pipeline.name, state_of(line)
        PIPELINE_SPARES.labels(name).set(len(line.spares))
        for each in _STATES:
            PIPELINE_STATE.labels(name, each).set(each == state)


def state_of(line: Line) -> str:
    """One word for how a pipeline stands: without a domain comes before held."""
    if not line.pipeline.enabled:
        return "disabled"
    if line.active is None:
        return "exhausted"
    return "held" if line.pipeline.held(now()) else "active"


def ages(found: Mapping[Step, float]) -> None:
    """Note how old the oldest unfinished step of each kind is."""
    for step, seconds in found.items():
        UNFINISHED_AGE.labels(step.value).set(seconds)


def reached(trigger: str, stage: str, decided_at: datetime, at: datetime) -> None:
    """Note how long a switch took to reach a stage."""
    SWITCH_SECONDS.labels(trigger, stage).observe(max(0.0, (at - decided_at).total_seconds()))
