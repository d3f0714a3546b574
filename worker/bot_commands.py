"""What commands do: those that read answer with a page, those that act run a guarded function, some ask first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import orjson

from config.clock import now
from config.settings import get_settings
from core import digest
from core.bot import pages
from core.bot.commands import Command, lasting
from core.bot.people import Role
from core.buttons import Action, Wanted, make
from core.domains import holds, pipelines
from core.domains.persons import AlreadyChanged, By, Refused, record
from integrations.telegram_text import shown
from models import incidents, mutes, pipeline_writes
from models import pipelines as lines
from models.bot_people import Linked
from models.buttons import ButtonRow
from worker import bot_actions, bot_tasks
from worker.bot_actions import Deed
from worker.bot_queues import depths

SURE_HOURS = 5 / 60
MUTED_FOR = timedelta(hours=2)
LONGEST_MUTE = timedelta(days=7)
BY_COMMAND = "a command in Telegram"
UNKNOWN = "I do not know that; /help lists what I know"


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered to a command: HTML, and rows of buttons as an incident's payload holds them."""

    text: str
    buttons: tuple[tuple[dict[str, str], ...], ...] = ()


def read(command: Command, person: Linked) -> Page:
    """The page that somebody asked for; raises Refused, LookupError."""
    return Page(_PAGES[command.verb](command, person))


def act(command: Command, by: By) -> Page:
    """Do what was asked, in the caller's transaction; raises Refused, AlreadyChanged, LookupError."""
    if command == Command("ack") and len(waiting := _waiting()) > 1:
        return Page(pages.unacknowledged(waiting))
    return Page(shown(_ACTS[command.verb](command, by).said))


def ask(command: Command, person: Linked) -> Page:
    """The question before a command that does harm by mistake; only whoever asked may answer, for five minutes."""
    question, words, expected = _QUESTIONS[command.verb](command)
    text = orjson.dumps([command.verb, *words]).decode()
    whom = (person.telegram_id,)
    yes = Wanted(f"Yes, {command.verb}", Action.COMMAND, text, expected, SURE_HOURS, whom)
    no = Wanted("No", Action.COMMAND, orjson.dumps(["no"]).decode(), "", SURE_HOURS, whom)
    return Page(f"Sure? {shown(question)}", (tuple(make([yes, no])),))


def confirmed(row: ButtonRow, by: By) -> Deed:
    """Do what was asked before; raises AlreadyChanged if it is no longer as it was when it was asked."""
    verb, *words = orjson.loads(row.object)
    return _CONFIRMED[verb](words, row.expected, by) if verb in _CONFIRMED else Deed("nothing was changed")


def role_of(row: ButtonRow) -> Role:
    """What may only be ordered by an admin is only confirmed by one."""
    return Role.ADMIN if orjson.loads(row.object)[0] == "run" else Role.OPERATOR


def _pipelines(command: Command, person: Linked) -> str:
    return pages.pipeline(command.text) if command.words else pages.all_pipelines()


def _domain(command: Command, person: Linked) -> str:
    if not command.words:
        raise Refused("domain: name one, as in /domain c4.example")
    return pages.domain(command.words[0])


_PAGES: dict[str, Callable[[Command, Linked], str]] = {
    "status": lambda command, person: pages.status(),
    "pipelines": _pipelines,
    "domain": _domain,
    "queues": lambda command, person: pages.queues(depths(get_settings())),
    "dead": lambda command, person: pages.dead(),
    "clicks": lambda command, person: pages.clicks(),
    "digest": lambda command, person: digest.today(),
    "whoami": lambda command, person: pages.whoami(person),
    "help": lambda command, person: pages.usage(Role(person.role)),
}


def _ack(command: Command, by: By) -> Deed:
    word = command.text.lstrip("#")
    if word:
        if not word.isdecimal() or len(word) > 18:
            raise Refused("id: write the number of the incident, as in /ack 482")
        return bot_actions.acknowledge(int(word), by)
    waiting = _waiting()
    if not waiting:
        raise Refused("nothing is open")
    return bot_actions.acknowledge(waiting[0].id, by)


def _waiting() -> list[incidents.Incident]:
    return [one for one in incidents.open_ones(pages.MOST_ROWS) if one.acked_at is None]


def _hold(command: Command, by: By) -> Deed:
    words, time = lasting(command.words)
    if not words or words == ("all",):
        if time:
            raise Refused("a hold on all has no end; /hold alone holds, /release ends it")
        return bot_actions.hold_all(by, BY_COMMAND)
    name, rest = _pipeline(words)
    until = now() + time if time else None
    holds.hold(name, " ".join(rest) or BY_COMMAND, by, until=until)
    return Deed(f"{name} is held" + (f" for {command.words[-1]}" if time else ""))


def _mute(command: Command, by: By) -> Deed:
    words, time = lasting(command.words)
    kind = "_".join(words).lower()
    if not kind or len(kind) > 60:
        raise Refused("kind: name one, as in /mute drift 2h")
    lasts = min(time or MUTED_FOR, LONGEST_MUTE)
    until = now() + lasts
    record(by, "alert.mute", f"kind:{kind}", until=until.isoformat())
    mutes.mute(kind, by.name, until)
    doubt = "" if mutes.seen(kind) else f"; there was none of {kind} so far, is it written so?"
    return Deed(f"new warnings of {kind} are silent for {lasts}, critical ones are not{doubt}")


_ACTS: dict[str, Callable[[Command, By], Deed]] = {"ack": _ack, "hold": _hold, "mute": _mute}


def _pipeline(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The pipeline that the words begin with, whose name may hold blanks, and the words after it."""
    for end in range(len(words), 0, -1):
        if lines.find(name := " ".join(words[:end])) is not None:
            return name, words[end:]
    pipelines.get(words[0])
    raise AssertionError("a pipeline that is not there was found")


_Question = tuple[str, list[str], str]


def _ask_switch(command: Command) -> _Question:
    if not command.words:
        raise Refused("pipeline: name one, as in /switch DE-sweeps")
    name, rest = _pipeline(command.words)
    line = pipelines.get(name)
    target = pipelines.aim(line, rest[0] if rest else None)
    assert target is not None, "without a spare it is refused"
    assert line.active is not None, "without an active domain it is refused"
    return f"{name}: {line.active.name} -> {target.name}", [name, target.name], str(line.pipeline.seq)


def _ask_release(command: Command) -> _Question:
    if command.words and command.text != "all":
        facts = pipelines.get(command.text).pipeline
        held_at, why, what = facts.held_at, facts.held_reason, f"pipeline: {facts.name!r}"
    else:
        control = pipeline_writes.control()
        held_at, why, what = control.held_at, control.reason, "all: failover"
    if held_at is None:
        raise Refused(f"{what} is not held")
    name = "" if command.text == "all" else command.text
    return f"release {name or 'all'}, held because: {why}", [name], held_at.isoformat()


def _ask_run(command: Command) -> _Question:
    row, values = bot_tasks.order(command.words)
    return f"run {row.name} {values or ''}".strip(), list(command.words), ""


_QUESTIONS: dict[str, Callable[[Command], _Question]] = {
    "switch": _ask_switch,
    "release": _ask_release,
    "run": _ask_run,
}


def _switch(words: list[str], expected: str, by: By) -> Deed:
    from worker.domains import persons

    name, target = words
    made = persons.switch(name, by, BY_COMMAND, to=target, seq=int(expected))
    return Deed(f"{name} is on {made.to}, switch #{made.seq}")


def _release(words: list[str], expected: str, by: By) -> Deed:
    name = words[0]
    held_at = pipelines.get(name).pipeline.held_at if name else pipeline_writes.control().held_at
    if held_at is None or held_at.isoformat() != expected:
        raise AlreadyChanged("already changed: that hold is over")
    return bot_actions.release(name, by)


def _run(words: list[str], expected: str, by: By) -> Deed:
    row, values = bot_tasks.order(tuple(words))
    record(by, "task.enqueue", f"task:{row.name}", arguments=orjson.dumps(values, default=str).decode())
    message = bot_tasks.send(row, values)
    return Deed(f"sent {row.name} to {row.queue}: {message}")


_CONFIRMED: dict[str, Callable[[list[str], str, By], Deed]] = {"switch": _switch, "release": _release, "run": _run}
