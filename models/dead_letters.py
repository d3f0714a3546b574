"""Messages that were given up: kept whole, each with the message that lets its task say what that means."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config import catalog
from config.clock import now
from config.ids import new_id
from models import outbox
from models.database import db, execute, fetch
from models.envelope import encode_message
from models.fields import bind
from models.runtime import DeadReason

GIVE_UP = "give_up"
_INSERT = """
insert into dead_letter (message_id, attempt, task, queue, body, reason, error, fingerprint, first_seen_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning id
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is known of a message that was given up; `error` names a class and never repeats a value."""

    message_id: UUID | str
    attempt: int
    task: str
    queue: str
    body: bytes
    reason: DeadReason
    error: str | None = None

    @property
    def fingerprint(self) -> str:
        """The same for letters that died of the same cause, so that they are shown as one."""
        return hashlib.sha256(f"{self.task}|{self.reason}|{self.error}".encode()).hexdigest()[:16]


def bury(letter: Letter) -> int | None:
    """Keep a letter and tell its task, in one transaction; its id, or None if this attempt is kept already."""
    with db.atomic():
        values = (letter.message_id, letter.attempt, letter.task, letter.queue, letter.body, letter.reason)
        rest = (letter.error, letter.fingerprint, now())
        rows = fetch(_INSERT, [bind(value) for value in (*values, *rest)])
        if not rows:
            return None
        _tell(letter.task, int(rows[0][0]))
        return int(rows[0][0])


def _tell(task: str, letter_id: int) -> None:
    row = catalog.TASKS.get(task)
    if row is None or row.gave_up is None:
        return
    message_id = new_id()
    body = encode_message(GIVE_UP, {"dead_letter_id": letter_id}, message_id=message_id)
    outbox.put(GIVE_UP, catalog.find(GIVE_UP).queue, body, message_id)


def forget_settled(before: datetime) -> int:
    """Delete letters that were replayed or discarded before this instant; how many. Open ones stay."""
    return execute("delete from dead_letter where state <> 'dead' and resolved_at < %s", (bind(before),))
