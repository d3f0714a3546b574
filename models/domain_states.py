"""The words of the tracking domains that are stored: roles, statuses, verdicts, and what starts a switch."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a domain is in a pipeline; parked is kept out until a person puts it back."""

    ACTIVE = "active"
    BACKUP = "backup"
    BLOCKED = "blocked"
    PARKED = "parked"


WORKING = (Role.ACTIVE, Role.BACKUP)
"""Roles of which a domain has at most one over all pipelines."""


class PipelineStatus(StrEnum):
    """Whether a pipeline has an active domain."""

    ACTIVE = "active"
    EXHAUSTED = "exhausted"


class Mode(StrEnum):
    """How far a pipeline goes by itself: it switches, asks a person, or only tells."""

    AUTO = "auto"
    SUGGEST = "suggest"
    WATCH = "watch"


class Source(StrEnum):
    """Who gave an answer about a domain."""

    GSB = "gsb"
    DNS = "dns"
    GSC = "gsc"
    TLS = "tls"
    HTTP = "http"
    RDAP = "rdap"
    MANUAL = "manual"


class Verdict(StrEnum):
    """What the answers amount to; nothing is ever done because of unknown."""

    SAFE = "safe"
    SUSPECT = "suspect"
    UNSAFE = "unsafe"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a machine asks for a switch; a person may write any other text."""

    GSB_UNSAFE = "GSB_UNSAFE"
    DNS_NOT_RESOLVABLE = "DNS_NOT_RESOLVABLE"
    GSC_UNSAFE = "GSC_UNSAFE"
    TLS_INVALID = "TLS_INVALID"
    MANUAL = "MANUAL"


class Trigger(StrEnum):
    """What started a switch; only a check is automatic."""

    CHECK = "check"
    MANUAL = "manual"
    RETURN = "return"
    CREATE = "create"
    UNDO = "undo"


class Step(StrEnum):
    """One consequence of a switch at one outside system."""

    VOLUUM = "voluum"
    AFFISE = "affise"
    TELEGRAM = "telegram"


class StepState(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    NOT_NEEDED = "not_needed"


class ChangeState(StrEnum):
    """Where one change of one object at a platform stands; skipped was already there."""

    PLANNED = "planned"
    APPLYING = "applying"
    APPLIED = "applied"
    VERIFIED = "verified"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"


class SwitchRequestState(StrEnum):
    """Where a request to change offers at Affise stands."""

    DRAFT = "draft"
    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    APPLYING = "applying"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"


class SafetyRequestState(StrEnum):
    """Where a request for an opinion about a domain stands."""

    PENDING = "pending"
    DISPATCHED = "dispatched"
    SAFE = "safe"
    UNSAFE = "unsafe"
    UNKNOWN = "unknown"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
