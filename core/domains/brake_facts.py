"""What a decision about a switch is made from; nothing here looks anything up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models.domain_states import Mode, Source, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer about a domain; `canary_ok` is None if no canary was looked at."""

    domain_id: int
    source: Source
    verdict: Verdict
    observed_at: datetime
    canary_ok: bool | None = None
    live: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a domain shall be blocked; `first` is None when it was ordered in so many words."""

    domain_id: int
    first: Answer | None
    second: Answer | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A pipeline as far as a decision needs it."""

    enabled: bool = True
    mode: Mode = Mode.AUTO
    active_id: int | None = None
    active_since: datetime | None = None
    held: bool = False
    destination_listed: bool = False
    destination_clean: bool = False
    exempt_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All pipelines together; `bad` counts active domains that went bad in this sweep or just now."""

    held: bool = False
    released_until: datetime | None = None
    active: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """A switch that was made; creating a pipeline is none."""

    at: datetime
    automatic: bool
    listing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The numbers in force, those of the pipeline before those of the settings."""

    confirm_after: timedelta = timedelta(seconds=30)
    blast_percent: int = 30
    blast_min: int = 3
    cool_down: timedelta = timedelta(minutes=10)
    most_per_day: int = 2


@dataclass(frozen=True, slots=True)
class History:
    """The switches of the pipeline, in any order, and the limits that count them."""

    switches: tuple[Past, ...] = ()
    limits: Limits = Limits()
