"""Who acts on pipelines, as the audit log names them, and how a refusal is worded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models import audit


@dataclass(frozen=True, slots=True)
class By:
    """A person, a token or the system."""

    name: str
    kind: str = "user"
    ip: str | None = None
    request_id: str | None = None


class Refused(ValueError):
    """This cannot be done; the text names the field and the fix, and nothing was changed."""


class AlreadyChanged(Refused):
    """Somebody else was faster: what this was decided on is no longer so."""


class NoPipeline(LookupError):
    """No pipeline has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"pipeline: there is no {name!r}; signalbox pipelines list shows those that exist")


def record(
    by: By, action: str, subject: str, *, reason: str = "", before: audit.Facts | None = None, **after: Any
) -> int:  # fmt: skip
    """Write the audit row of an act, before its effect and in its transaction."""
    return audit.record(
        actor_kind=by.kind, actor=by.name, action=action, object=subject, before=before, after=after or None,
        reason=reason, ip=by.ip, request_id=by.request_id,
    )  # fmt: skip


def reasoned(reason: str) -> str:
    """A reason without blanks around it; raises Refused for none, or a long one."""
    text = reason.strip()
    if not text or len(text) > 500 or "\0" in text:
        raise Refused("reason: write 1 to 500 characters that say why")
    return text
