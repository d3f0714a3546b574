"""Rows of what is asked of the outside because of tracking domains: changes, requests, what was seen there."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from peewee import BigAutoField, BigIntegerField, BooleanField, CompositeKey, IntegerField, TextField

from models.domain_states import ChangeState, SafetyRequestState, SwitchRequestState
from models.fields import EnumText, Json, UtcDateTime, Uuid
from models.runtime import Row

_C, _R, _S = ChangeState, SwitchRequestState, SafetyRequestState
CHANGE_MOVES: dict[StrEnum, tuple[StrEnum, ...]] = {
    _C.PLANNED: (_C.APPLYING, _C.SKIPPED, _C.CONFLICT, _C.FAILED, _C.SUPERSEDED),
    _C.APPLYING: (_C.APPLIED, _C.VERIFIED, _C.SKIPPED, _C.CONFLICT, _C.FAILED, _C.SUPERSEDED),
    _C.APPLIED: (_C.VERIFIED, _C.CONFLICT, _C.FAILED, _C.SUPERSEDED, _C.ROLLED_BACK),
    _C.VERIFIED: (_C.PLANNED, _C.ROLLED_BACK),
    _C.SKIPPED: (_C.PLANNED,),
    _C.CONFLICT: (_C.PLANNED, _C.SUPERSEDED),
    _C.FAILED: (_C.PLANNED, _C.APPLYING, _C.SUPERSEDED, _C.ROLLED_BACK),
    _C.SUPERSEDED: (),
    _C.ROLLED_BACK: (),
}


class PlatformChange(Row):
    """One field of one object at a platform, as it was and as it shall be."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = CHANGE_MOVES

    id = BigAutoField()
    switch_id = BigIntegerField()
    platform = TextField()
    object_type = TextField()
    object_id = TextField()
    field = TextField()
    before = TextField()
    after = TextField()
    whole = Json(null=True)
    remote_updated_at = TextField(null=True)
    state = EnumText(ChangeState, default=ChangeState.PLANNED)
    attempts = IntegerField(default=0)
    last_error = TextField(null=True)
    applied_at = UtcDateTime(null=True)
    verified_at = UtcDateTime(null=True)


class PlatformObservation(Row):
    """The domain that a field of an object at a platform was last read with."""

    platform = TextField()
    object_type = TextField()
    object_id = TextField()
    field = TextField()
    pipeline_id = BigIntegerField(null=True)
    seen_domain = TextField()
    seen_at = UtcDateTime()

    class Meta:
        primary_key = CompositeKey("platform", "object_type", "object_id", "field")


class AffiseSwitchRequest(Row):
    """Offers at Affise shall show another domain; one open request for each pipeline, old and new domain."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        _R.DRAFT: (_R.PLANNED, _R.DONE, _R.FAILED, _R.EXPIRED, _R.SUPERSEDED),
        _R.PLANNED: (_R.AWAITING_APPROVAL, _R.APPROVED, _R.DONE, _R.EXPIRED, _R.SUPERSEDED),
        _R.AWAITING_APPROVAL: (_R.APPROVED, _R.REJECTED, _R.PLANNED, _R.EXPIRED, _R.SUPERSEDED),
        _R.APPROVED: (_R.APPLYING, _R.PLANNED, _R.EXPIRED, _R.SUPERSEDED),
        _R.APPLYING: (_R.DONE, _R.PARTIAL, _R.FAILED, _R.SUPERSEDED),
        _R.DONE: (_R.ROLLED_BACK,),
        _R.PARTIAL: (_R.APPLYING, _R.DONE, _R.FAILED, _R.SUPERSEDED, _R.ROLLED_BACK),
        _R.FAILED: (_R.ROLLED_BACK,),
        _R.REJECTED: (),
        _R.EXPIRED: (),
        _R.SUPERSEDED: (),
        _R.ROLLED_BACK: (),
    }

    id = Uuid(primary_key=True)
    pipeline_id = BigIntegerField()
    switch_id = BigIntegerField(null=True)
    old_domain = TextField()
    new_domain = TextField()
    reason = TextField()
    created_by = TextField()
    status = EnumText(SwitchRequestState, default=SwitchRequestState.DRAFT)
    version = IntegerField(default=1)
    items_sha256 = TextField(null=True)
    approved_by = TextField(null=True)
    approved_at = UtcDateTime(null=True)
    created_at = UtcDateTime()
    expires_at = UtcDateTime(null=True)
    undo_of = Uuid(null=True)
    look_again = BooleanField(default=False)


class AffiseSwitchItem(Row):
    """One address of one offer, as it was and as it shall be."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = CHANGE_MOVES

    id = BigAutoField()
    request_id = Uuid()
    offer_id = BigIntegerField()
    offer_title = TextField(default="")
    field = TextField()
    before = TextField()
    after = TextField()
    offer_updated_at = TextField(null=True)
    status = EnumText(ChangeState, default=ChangeState.PLANNED)
    attempts = IntegerField(default=0)
    last_error = TextField(null=True)
    applied_at = UtcDateTime(null=True)
    verified_at = UtcDateTime(null=True)
    passing = BooleanField(default=False)
    next_attempt_at = UtcDateTime(null=True)


class DomainSafetyRequest(Row):
    """An opinion about a domain that is answered later, once an hour and source."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        _S.PENDING: (_S.DISPATCHED, _S.FAILED, _S.EXPIRED, _S.CANCELLED),
        _S.DISPATCHED: (_S.SAFE, _S.UNSAFE, _S.UNKNOWN, _S.FAILED, _S.EXPIRED, _S.CANCELLED),
        _S.SAFE: (),
        _S.UNSAFE: (),
        _S.UNKNOWN: (),
        _S.FAILED: (),
        _S.EXPIRED: (),
        _S.CANCELLED: (),
    }

    id = Uuid(primary_key=True)
    domain_id = BigIntegerField()
    pipeline_id = BigIntegerField()
    source = TextField(default="gsc")
    bucket = UtcDateTime()
    status = EnumText(SafetyRequestState, default=SafetyRequestState.PENDING)
    nonce = TextField()
    dispatched_at = UtcDateTime(null=True)
    expires_at = UtcDateTime()
    answered_at = UtcDateTime(null=True)
    verdict = TextField(null=True)
    evidence = Json(null=True)
    answer_sha256 = TextField(null=True)
    attempts = IntegerField(default=0)
    created_at = UtcDateTime()


class SwitchProposal(Row):
    """A switch that waits for a person; one open for each pipeline."""

    id = BigAutoField()
    pipeline_id = BigIntegerField()
    domain_id = BigIntegerField()
    reason = TextField()
    evidence_id = BigIntegerField(null=True)
    expected_seq = BigIntegerField()
    expires_at = UtcDateTime()
    decision = TextField(null=True)
    decided_by = TextField(null=True)
    created_at = UtcDateTime()


class FailoverControl(Row):
    """The one row of the hold on all pipelines."""

    id = IntegerField(primary_key=True)
    held_at = UtcDateTime(null=True)
    held_by = TextField(null=True)
    reason = TextField(null=True)
    released_until = UtcDateTime(null=True)
    version = IntegerField(default=1)
