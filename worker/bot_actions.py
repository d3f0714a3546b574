"""What each button does: the guarded function that commands and pages use too, in the transaction of the press."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.clock import now
from core.buttons import Action
from core.domains import holds, pipelines
from core.domains.persons import AlreadyChanged, By, Refused, record
from models import incidents, pipeline_writes
from models.buttons import ButtonRow
from models.domain_states import Role
from worker import alerts

BY_BUTTON = "a button in Telegram"


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done: `said` to whoever asked; `note` with name and time under the incident, "" = nothing."""

    said: str
    note: str = ""


def perform(row: ButtonRow, by: By) -> Deed:
    """Do what a button says, in the caller's transaction; raises Refused, AlreadyChanged, LookupError."""
    return _ACTIONS[Action(row.action)](row, by)


def acknowledge(alert_id: int, by: By) -> Deed:
    """Somebody looks after an incident; raises AlreadyChanged if somebody did before, or it is over."""
    record(by, "alert.ack", f"alert:{alert_id}")
    if alerts.acknowledge(alert_id, by.name):
        return Deed(f"incident #{alert_id} is yours")
    found = incidents.find(alert_id)
    if found is None:
        raise Refused(f"incident: there is no #{alert_id}")
    who = f"acked by {found.acked_by}" if found.open else "it is over"
    raise AlreadyChanged(f"already changed: {who}")


def hold_all(by: By, reason: str) -> Deed:
    """No automatic switch anywhere; raises AlreadyChanged if it is so."""
    control = pipeline_writes.control()
    if control.held_at is not None:
        raise AlreadyChanged(f"already changed: held by {control.held_by}")
    holds.hold_all(reason, by)
    return Deed("failover is held everywhere", "Failover held")


def release(name: str, by: By) -> Deed:
    """Let a pipeline, or with "" all of them, switch again; domains that are still bad are decided about at once."""
    from worker.domains import persons

    unsafe = persons.release(name, by) if name else persons.release_all(by)
    bad = f"; still suspected: {', '.join(each.domain for each in unsafe[:5])}" if unsafe else ""
    return Deed(f"{name or 'failover'} is released{bad}")


def asks(row: ButtonRow) -> list[str] | None:
    """The command, as words, that a button stands for if that is one to ask about first."""
    if row.action == Action.RELEASE_PIPELINE:
        return ["release", *row.object.split()]
    return ["release"] if row.action == Action.RELEASE_ALL else None


def takes_long(row: ButtonRow) -> bool:
    """Whether a button asks outside systems, so that it is not done in a transaction."""
    return row.action == Action.ROLLBACK_VOLUUM


def perform_at_length(row: ButtonRow, by: By) -> Deed:
    """Do what such a button says; raises an outcome besides. Done twice, it changes nothing more."""
    from core.domains import voluum_rollback

    done, wanted = voluum_rollback.roll_back(int(row.object), by)
    return Deed("", f"Voluum: {done} of {wanted} campaigns rolled back")


def _acknowledge(row: ButtonRow, by: By) -> Deed:
    return acknowledge(int(row.object), by)


def _hold_pipeline(row: ButtonRow, by: By) -> Deed:
    line = pipelines.get(row.object).pipeline
    if line.held(now()):
        raise AlreadyChanged(f"already changed: held by {line.held_by}")
    holds.hold(row.object, BY_BUTTON, by)
    return Deed(f"{row.object} is held", "Held")


def _hold_all(row: ButtonRow, by: By) -> Deed:
    return hold_all(by, BY_BUTTON)


def _undo_switch(row: ButtonRow, by: By) -> Deed:
    from core.domains import undo
    from worker.domains.steps import follow

    made = undo.undo(int(row.object), by)
    follow(made)
    return Deed(f"back to {made.to}", "Undone")


def _approve_affise(row: ButtonRow, by: By) -> Deed:
    from worker.domains import affise_acts

    affise_acts.approve(row.object, by, row.expected)
    return Deed("approved", "Affise approved")


def _reject_affise(row: ButtonRow, by: By) -> Deed:
    from worker.domains import affise_acts

    affise_acts.reject(row.object, by)
    return Deed("rejected", "Affise rejected")


def _rollback_affise(row: ButtonRow, by: By) -> Deed:
    from worker.domains import affise_acts

    affise_acts.rollback(row.object, by)
    return Deed("rolling back", "Affise rolled back")


def _rollback_voluum(row: ButtonRow, by: By) -> Deed:
    from worker.domains import voluum

    voluum.roll_back(int(row.object), by)
    return Deed("rolling back", "Voluum rolled back")


def _accept_proposal(row: ButtonRow, by: By) -> Deed:
    from worker.domains import persons

    persons.accept_proposal(int(row.object), by)
    return Deed("accepted; the evidence is confirmed first", "Switch accepted")


def _ignore_proposal(row: ButtonRow, by: By) -> Deed:
    from worker.domains import persons

    persons.ignore_proposal(int(row.object), by)
    return Deed("ignored for 6 h", "Ignored")


def _return_to_work(row: ButtonRow, by: By) -> Deed:
    from worker.domains import persons

    domain, _, name = row.object.partition("/")
    if not persons.put_back(name, domain, BY_BUTTON, by):
        raise AlreadyChanged(f"already changed: {domain} is at work in {name}")
    alerts.well("parked", row.object)
    return Deed(f"{domain} works again", "Returned to work")


def _keep_out(row: ButtonRow, by: By) -> Deed:
    domain, _, name = row.object.partition("/")
    found = pipelines.get(name).place(domain)
    if found is None or found.role is not Role.PARKED:
        raise AlreadyChanged(f"already changed: {domain} is {found.role.value if found else 'not'} in {name}")
    record(by, "domain.keep_out", f"domain:{domain}", pipeline=name)
    alerts.well("parked", row.object)
    return Deed(f"{domain} stays out", "Kept out")


def _command(row: ButtonRow, by: By) -> Deed:
    from worker import bot_commands

    return bot_commands.confirmed(row, by)


_ACTIONS: dict[Action, Callable[[ButtonRow, By], Deed]] = {
    Action.ACK: _acknowledge,
    Action.HOLD_PIPELINE: _hold_pipeline,
    Action.HOLD_ALL: _hold_all,
    Action.UNDO_SWITCH: _undo_switch,
    Action.APPROVE_AFFISE: _approve_affise,
    Action.REJECT_AFFISE: _reject_affise,
    Action.ROLLBACK_AFFISE: _rollback_affise,
    Action.ROLLBACK_VOLUUM: _rollback_voluum,
    Action.ACCEPT_PROPOSAL: _accept_proposal,
    Action.IGNORE_PROPOSAL: _ignore_proposal,
    Action.RETURN_TO_WORK: _return_to_work,
    Action.KEEP_OUT: _keep_out,
    Action.COMMAND: _command,
}
