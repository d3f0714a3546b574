"""Rows of the tracking domains: names, pipelines, roles, evidence, switches; and the pipeline as an object."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from peewee import BigAutoField, BigIntegerField, BooleanField, CompositeKey, IntegerField, TextField

from config.clock import now
from models import conflicts, pipelines, roles, switches
from models.domain_states import Mode, PipelineStatus, Role, Source, StepState, Trigger, Verdict
from models.fields import EnumText, Json, UtcDateTime
from models.runtime import Row


class TrackingDomain(Row):
    """A name that clicks pass through: lower case, A-labels, no trailing dot."""

    id = BigAutoField()
    name = TextField(unique=True)
    registrable = TextField()
    note = TextField(default="")
    created_at = UtcDateTime()


class DomainEvidence(Row):
    """One answer of one check about one domain at one instant; append-only."""

    id = BigAutoField()
    domain_id = BigIntegerField()
    source = EnumText(Source)
    verdict = EnumText(Verdict)
    subject = TextField()
    provider = TextField()
    live = BooleanField()
    cycle_id = BigIntegerField(null=True)
    canary_ok = BooleanField(null=True)
    detail = Json(default=dict)
    observed_at = UtcDateTime()
    expires_at = UtcDateTime()

    def facts(self) -> dict[str, Any]:
        """What an order to switch says of it."""
        return {"evidence_id": self.id, "observed_at": self.observed_at, "about": self.domain_id}


class TrackingDomainPipeline(Row):
    """A chain of tracking domains: one active, a line of spares, those that were blocked."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        PipelineStatus.ACTIVE: (PipelineStatus.EXHAUSTED,),
        PipelineStatus.EXHAUSTED: (PipelineStatus.ACTIVE,),
    }

    id = BigAutoField()
    name = TextField(unique=True)
    enabled = BooleanField(default=True)
    status = EnumText(PipelineStatus, default=PipelineStatus.ACTIVE)
    mode = EnumText(Mode, default=Mode.AUTO)
    with_update_voluum = BooleanField(default=False)
    with_update_affise = BooleanField(default=False)
    return_to_work = BooleanField(default=False)
    switch_seq = BigIntegerField(default=0)
    held_at = UtcDateTime(null=True)
    held_by = TextField(null=True)
    held_reason = TextField(null=True)
    held_until = UtcDateTime(null=True)
    trafficback_url = TextField(null=True)
    expected_cname = TextField(null=True)
    block_on_tls = BooleanField(default=False)
    affise_auto_approve = BooleanField(default=True)
    affise_max_items = IntegerField(null=True)
    max_switches_per_day = IntegerField(null=True)
    cool_down_s = IntegerField(null=True)
    blast_radius_exempt_until = UtcDateTime(null=True)
    created_at = UtcDateTime()

    @property
    def active_domain(self) -> str | None:
        """The domain that is in use now."""
        active = pipelines.line(self.id).active
        return active.name if active else None

    @property
    def next_domain(self) -> str | None:
        """The spare that would be taken now: the first that passes every gate, else the first not known to be bad."""
        spare = pipelines.line(self.id).next
        return spare.name if spare else None

    @property
    def blocked_domains(self) -> list[str]:
        """Domains that were blocked here, oldest first."""
        return pipelines.blocked(self.id)

    def block_active_domain(
        self, reason: str, *, evidence: DomainEvidence | None = None, actor: str = "system", seq: int | None = None
    ) -> bool:
        """Block the active domain and move to the next one, if any; False if the pipeline has moved since it was read.

        `seq` is the switch number that the decision is about, by default the one this object was read with; evidence
        about another domain, or from before this one became active, changes nothing.
        """
        order = switches.Order(
            reason=reason,
            actor=actor,
            seq=self.switch_seq if seq is None else seq,
            trigger=Trigger.CHECK if evidence and actor == "system" else Trigger.MANUAL,
            **evidence.facts() if evidence else {},
        )
        return conflicts.transaction(lambda: switches.move(self.id, order, Role.BLOCKED, now())) is not None

    def unblock_domain(self, domain: str) -> bool:
        """Take a domain out of `blocked_domains`: to work if this pipeline wants that, else to the parked ones."""
        order = switches.Order(reason="safe again", actor="system", trigger=Trigger.RETURN, seq=None)
        return conflicts.transaction(lambda: roles.unblock(self.id, domain, order, now())) is not None


class PipelineDomain(Row):
    """The role of a domain in a pipeline."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        Role.BACKUP: (Role.ACTIVE, Role.BLOCKED, Role.PARKED),
        Role.ACTIVE: (Role.BLOCKED, Role.BACKUP),
        Role.BLOCKED: (Role.ACTIVE, Role.BACKUP, Role.PARKED),
        Role.PARKED: (Role.BACKUP,),
    }

    pipeline_id = BigIntegerField()
    domain_id = BigIntegerField()
    role = EnumText(Role)
    position = IntegerField(default=0)
    role_since = UtcDateTime()
    block_reason = TextField(null=True)
    block_evidence_id = BigIntegerField(null=True)
    blocked_at = UtcDateTime(null=True)
    clean_count = IntegerField(default=0)
    last_clean_at = UtcDateTime(null=True)

    class Meta:
        primary_key = CompositeKey("pipeline_id", "domain_id")


class PipelineDestination(Row):
    """A page behind a pipeline; a listing of it is a cause that no switch removes."""

    pipeline_id = BigIntegerField()
    url = TextField()
    source = TextField()

    class Meta:
        primary_key = CompositeKey("pipeline_id", "url")


class DomainState(Row):
    """The latest answer of a source about a domain."""

    domain_id = BigIntegerField()
    source = EnumText(Source)
    verdict = EnumText(Verdict)
    evidence_id = BigIntegerField(null=True)
    observed_at = UtcDateTime()
    first_bad_at = UtcDateTime(null=True)
    streak = IntegerField(default=0)
    changed_at = UtcDateTime()
    clean_since = UtcDateTime(null=True)
    detail = Json(null=True)

    class Meta:
        primary_key = CompositeKey("domain_id", "source")


class CheckCycle(Row):
    """One sweep of one source over the active domains."""

    id = BigAutoField()
    source = TextField()
    started_at = UtcDateTime()
    ended_at = UtcDateTime(null=True)
    safe = IntegerField(null=True)
    suspect = IntegerField(null=True)
    unsafe = IntegerField(null=True)
    unknown = IntegerField(null=True)
    canary_ok = BooleanField(null=True)
    action = TextField(null=True)


class DomainSwitch(Row):
    """A pipeline left a domain for another; never deleted."""

    id = BigAutoField()
    pipeline_id = BigIntegerField()
    seq = BigIntegerField()
    from_domain_id = BigIntegerField(null=True)
    to_domain_id = BigIntegerField(null=True)
    trigger = EnumText(Trigger)
    reason = TextField()
    actor = TextField()
    evidence_id = BigIntegerField(null=True)
    observed_at = UtcDateTime(null=True)
    decided_at = UtcDateTime()
    unverified = BooleanField(default=False)
    skipped = Json(default=list)
    superseded_at = UtcDateTime(null=True)
    announced_at = UtcDateTime(null=True)
    chat_id = BigIntegerField(null=True)
    message_id = BigIntegerField(null=True)


_P = StepState


class SwitchStep(Row):
    """What has to follow a switch at one outside system; partial and failed ones may be started again."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        _P.PENDING: (_P.RUNNING, _P.FAILED, _P.SUPERSEDED),
        _P.RUNNING: (_P.PENDING, _P.DONE, _P.PARTIAL, _P.FAILED, _P.SUPERSEDED),
        _P.DONE: (_P.PENDING,),
        _P.PARTIAL: (_P.PENDING, _P.SUPERSEDED),
        _P.FAILED: (_P.PENDING, _P.SUPERSEDED),
        _P.SUPERSEDED: (),
        _P.NOT_NEEDED: (),
    }

    switch_id = BigIntegerField()
    step = TextField()
    state = EnumText(StepState)
    attempts = IntegerField(default=0)
    lease_until = UtcDateTime(null=True)
    next_attempt_at = UtcDateTime(null=True)
    items_total = IntegerField(default=0)
    items_done = IntegerField(default=0)
    last_error = TextField(null=True)
    proved_at = UtcDateTime(null=True)
    opened_at = UtcDateTime(null=True)
    tries = IntegerField(default=0)
    look_again_at = UtcDateTime(null=True)

    class Meta:
        primary_key = CompositeKey("switch_id", "step")
