"""What people read who ask the bot: status, pipelines, a domain, dead letters, clicks, themselves, help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from config.clock import now
from config.settings import get_settings
from core.bot.commands import VERBS
from core.bot.people import Role
from core.bot.tables import page, row, table
from core.domains import hosts, pipelines
from core.domains.persons import Refused
from models import bot_facts, incidents, mutes, pipeline_writes, switch_history
from models import pipelines as lines
from models.alerts import Severity
from models.bot_people import Linked
from models.domain_states import Role as Place
from models.pipelines import Line

MOST_ROWS = 30
MOST_DOMAINS = 8


def status() -> str:
    """How things are, in a few numbers."""
    at, facts, opened = now(), bot_facts.pipelines(now()), incidents.open_counts()
    held = pipeline_writes.control()
    rows: list[tuple[object, object]] = [
        *((f"open {severity.value}", opened.get(severity, (0, 0))[0]) for severity in Severity),
        ("pipelines", facts.enabled),
        ("  exhausted", facts.exhausted),
        ("  held", facts.held),
        ("dead letters", bot_facts.dead_count()),
    ]
    brake = f"failover HELD by {held.held_by}" if held.held_at else "failover free"
    silent = [f"{kind} silent until {_clock(until)}" for kind, _, until in mutes.listed(at)[:MOST_DOMAINS]]
    return page(f"STATUS {_clock(at)}", table(rows, (20, 8)), row(brake), *map(row, silent))


def all_pipelines() -> str:
    """Every pipeline: its active domain, how many spares it has, whether it is held."""
    found = lines.all_lines()
    rows = [(_name(line), line.active.name if line.active else "EXHAUSTED", len(line.spares)) for line in found]
    more = f"and {len(rows) - MOST_ROWS} more" if len(rows) > MOST_ROWS else ""
    head = table([("pipeline", "active", "n")], (13, 17, 2)) if rows else "none yet"
    return page(f"PIPELINES {len(rows)}", head, table(rows[:MOST_ROWS], (13, 17, 2)), more)


def _name(line: Line) -> str:
    return ("!" if line.pipeline.held(now()) else "") + line.pipeline.name


def pipeline(name: str) -> str:
    """One pipeline: how far it goes by itself, its domains, its last switches; raises NoPipeline."""
    line = pipelines.get(name)
    facts = line.pipeline
    held = f"HELD by {facts.held_by}: {facts.held_reason}" if facts.held(now()) else ""
    places = [(place.role.value, place.name, "") for place in line.of(Place.ACTIVE)]
    places += [("spare", place.name, place.gate.name.lower()) for place in line.of(Place.BACKUP)[:MOST_DOMAINS]]
    places += [("blocked", place.name, "") for place in line.of(Place.BLOCKED)[:MOST_DOMAINS]]
    past = [
        (f"#{switch.seq}", f"{switch.decided_at.astimezone(_zone()):%d.%m %H:%M}", switch.to or "nothing left")
        for switch in switch_history.last(facts.id, 5)
    ]
    summary = row(f"{facts.mode.value}, {facts.status.value}, switch #{facts.seq}")
    return page(facts.name, summary, row(held), table(places, (7, 18, 8)), table(past, (4, 11, 18)))


def domain(word: str) -> str:
    """What a domain is in each pipeline, and what was last said about it."""
    try:
        name = hosts.name_of(word)
    except ValueError as error:
        raise Refused(f"domain: {error}") from error
    roles, states = switch_history.roles_of(name), bot_facts.states_of(name)
    if not roles and not states:
        raise Refused(f"domain: {name} is no tracking domain here")
    places = [(place.role, place.pipeline) for place in roles[:MOST_ROWS]]
    said = [(source, verdict, _clock(seen)) for source, verdict, seen in states]
    return page(name, table(places, (8, 26)), table(said, (8, 10, 15)))


def dead() -> str:
    """What was given up, by task."""
    rows = [(task, count, _clock(since)) for task, count, since in bot_facts.dead_letters(MOST_ROWS)]
    return page("DEAD LETTERS", table(rows, (18, 5, 10)) if rows else "none")


def clicks() -> str:
    """The clicks of the day, as of the last time they were added up."""
    day = now().astimezone(_zone()).date()
    found = bot_facts.clicks_on(day)
    if found is None:
        return page(f"CLICKS {day:%d.%m}", "not added up yet")
    rows = [
        ("counted", found.counted),
        ("  unique", found.unique),
        ("social", found.social),
        ("refused", found.refused),
        ("errors", found.errors),
    ]
    return page(f"CLICKS {day:%d.%m}", table(rows, (12, 12)), f"as of {_clock(found.as_of)}")


def queues(depths: Mapping[str, int | None]) -> str:
    """How many messages wait in each queue that has any; None is not known."""
    rows = [(queue, "?" if depth is None else depth) for queue, depth in sorted(depths.items()) if depth != 0]
    return page("QUEUES", table(rows, (24, 10)) if rows else "nothing waits")


def unacknowledged(found: Sequence[incidents.Incident]) -> str:
    """Incidents that nobody looks after, for somebody to choose from."""
    rows = [(f"#{one.id}", one.kind, str(one.payload.get("object") or one.key)) for one in found[:MOST_ROWS]]
    return page("Which one? /ack ID", table(rows, (6, 12, 15)))


def whoami(person: Linked) -> str:
    """Who somebody is here."""
    return page("YOU", table([("name", person.name), ("role", person.role)], (6, 28)))


def usage(role: Role) -> str:
    """The commands that a role may use."""
    rows = [(verb.usage, verb.what) for verb in VERBS.values() if role.may(verb.role)]
    return page("COMMANDS", table(rows, (17, 17)))


def _clock(at: datetime) -> str:
    local = at.astimezone(_zone())
    return f"{local:%H:%M}" if local.date() == now().astimezone(_zone()).date() else f"{local:%d.%m %H:%M}"


def _zone() -> ZoneInfo:
    return ZoneInfo(get_settings().local_timezone)
