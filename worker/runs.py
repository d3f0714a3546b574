"""One delivered message, from the checked connection to the closed books; the only place where a task is run."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from dramatiq.threading import Interrupt

from config.catalog import Task
from config.clock import now
from models.database import db, drop_connection, ensure_connection, execute, fetch, is_postgres, statement_timeout_ms
from models.fields import bind, instant
from models.runtime import RunState
from worker import metrics
from worker.failures import Busy, OpenTransaction, cause_of
from worker.interrupts import interrupts
from worker.tombstones import tombstones

FOLLOW_SECONDS = 5.0
PROCESS = f"{socket.gethostname()}-{os.getpid()}"
log = structlog.get_logger(__name__)

_LEASE = """
insert into task_lease (task, holder, expires_at) values (%s, %s, %s)
on conflict (task) do update set holder = excluded.holder, expires_at = excluded.expires_at
where task_lease.expires_at < %s returning holder
"""
_INHERIT = "update task_lease set holder = %s, expires_at = %s where task = %s and holder = %s"
_START = """
insert into task_run (task, message_id, attempt, started_at) values (%s, %s, %s, %s) returning id
"""
_END = "update task_run set finished_at = %s, result = %s, rows_done = %s, error = %s where id = %s"
_DUE_STARTED = """
update schedule_run set state = 'running', started_at = %s, finished_at = null
where task = %s and due_at = %s and state in ('enqueued', 'failed', 'running')
"""
_DUE_ENDED = """
update schedule_run set state = %s, finished_at = %s, result = %s
where task = %s and due_at = %s and state in ('enqueued', 'running')
"""


class Skipped(Exception):
    """The run must not happen, and nothing is wrong with that; the text says why."""


def deliver(actor: Any, message: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Run the task of this message; whatever it raises decides about a retry."""
    task: Task = actor.task
    fit = actor.fitting(args, kwargs)
    timeout = statement_timeout_ms.set(task.seconds * 1000)
    try:
        ensure_connection()
        _refuse_cancelled(message.message_id)
        if task.trigger is None and task.lease is None:
            message.rows_done = _call(actor, args, fit)
        else:
            with _lease(task, message), _books(task, message, kwargs):
                message.rows_done = _call(actor, args, fit)
    except Skipped as reason:
        message.outcome = str(reason)
    finally:
        statement_timeout_ms.reset(timeout)


def _call(actor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    task: Task = actor.task
    run = partial(actor.fn, *args, **kwargs)
    try:
        result = interrupts.run(task.seconds, actor.options["notify_shutdown"], run)
    except BaseException as error:
        if isinstance(error, Interrupt) or _transaction_is_open():
            drop_connection()  # an interrupt may have come in the middle of anything
        raise
    _refuse_open_transaction(task)
    return result if type(result) is int else None


def _refuse_cancelled(message_id: str) -> None:
    if tombstones.hold(message_id):
        raise Skipped("cancelled")


def _refuse_open_transaction(task: Task) -> None:
    if not _transaction_is_open():
        return
    metrics.ORPHANS.labels(task.name).inc()
    drop_connection()
    raise OpenTransaction(f"{task.name} left a transaction open")


def _transaction_is_open() -> bool:
    if db.in_transaction():
        return True
    if db.is_closed() or not db.is_connection_usable():
        return False
    connection = db.connection()
    return bool(connection.info.transaction_status) if is_postgres() else bool(connection.in_transaction)


@contextmanager
def _lease(task: Task, message: Any) -> Iterator[None]:
    """Hold the task's lease while it runs, if the catalog gives it one."""
    if task.lease is None:
        yield
        return
    holder = f"{message.message_id}/{PROCESS}"
    _take_lease(task, holder, message.message_id, message.options.get("follows"))
    try:
        yield
    finally:
        ensure_connection()
        execute("delete from task_lease where task = %s and holder = %s", (task.name, holder))


def _take_lease(task: Task, holder: str, message_id: str, follows: str | None) -> None:
    at = now()
    expires = at + timedelta(seconds=task.lease or 0)
    if fetch(_LEASE, (task.name, holder, bind(expires), bind(at))):
        return
    held = fetch("select holder, expires_at from task_lease where task = %s", (task.name,))
    if held and _died_here(str(held[0][0])) and execute(_INHERIT, (holder, bind(expires), task.name, held[0][0])):
        return
    if held and follows and str(held[0][0]).startswith(f"{follows}/"):
        raise Busy(FOLLOW_SECONDS)  # the run that sent it has all but ended; a chain must not break for that
    own = bool(held) and str(held[0][0]).startswith(f"{message_id}/")
    if held and not own and _overlap(task) == "skip":
        raise Skipped("overlap")
    # an earlier delivery of this very message died or hangs: it is the same work, so it must not be skipped
    raise Busy(_seconds_until(instant(held[0][1])) if held else 1.0)


def _died_here(holder: str) -> bool:
    """True if the process that holds the lease ran on this host and is gone: what it left need not wait for its end."""
    host, _, pid = holder.rpartition("/")[2].rpartition("-")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _overlap(task: Task) -> str:
    rows = fetch("select overlap from schedule where task = %s", (task.name,))
    return str(rows[0][0]) if rows else "skip"


def _seconds_until(expires_at: datetime) -> float:
    return max(1.0, (expires_at - now()).total_seconds() + 0.1)


@contextmanager
def _books(task: Task, message: Any, kwargs: dict[str, Any]) -> Iterator[None]:
    """Note start and end of a periodic run, and how its due time went."""
    due_at = _due_at(kwargs)
    run_id = _begin(task, message, due_at)
    try:
        yield
    except BaseException as error:
        ensure_connection()
        _end(run_id, task, due_at, RunState.FAILED, None, cause_of(error))
        raise
    _end(run_id, task, due_at, RunState.DONE, message.rows_done, None)


def _due_at(kwargs: dict[str, Any]) -> datetime | None:
    text = kwargs.get("due_at")
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _begin(task: Task, message: Any, due_at: datetime | None) -> int:
    at = bind(now())
    if due_at is not None:
        execute(_DUE_STARTED, (at, task.name, bind(due_at)))
    attempt = message.options.get("attempt", 0)
    return int(fetch(_START, (task.name, message.message_id, attempt, at))[0][0])


def _end(
    run_id: int, task: Task, due_at: datetime | None, state: RunState, rows: int | None, error: str | None
) -> None:
    at = bind(now())
    with db.atomic():  # whoever sees that the run has ended finds its due time closed as well
        execute(_END, (at, state.value, rows, error, run_id))
        if due_at is not None:
            text = error or (None if rows is None else f"{rows} rows")
            execute(_DUE_ENDED, (state.value, at, text, task.name, bind(due_at)))
