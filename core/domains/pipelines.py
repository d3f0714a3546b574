"""What people do with pipelines: create, extend, set, switch, park, unblock; each act is on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from config.clock import now
from core.domains import hosts
from core.domains.persons import AlreadyChanged, By, NoPipeline, Refused, reasoned, record
from models import conflicts, pipeline_writes, pipelines, roles, switches
from models.domain_states import Role, Trigger
from models.pipeline_writes import Settings
from models.pipelines import Gate, Line, Place, hold_still
from models.roles import Unblocked
from models.switches import Order, Switched

MOST_NAME = 100


def get(name: str) -> Line:
    """A pipeline by its name; raises NoPipeline."""
    return pipelines.line(_id(name))


def create(name: str, domains: Sequence[str], by: By, settings: Settings | None = None) -> Line:
    """Create a pipeline: the first domain is active (switch 1), the others are its spares in this order."""
    title, names, wish = named(name), named_hosts(domains), settings or Settings()
    return conflicts.transaction(lambda: _create(title, names, by, wish, now()))


def _create(name: str, domains: list[str], by: By, settings: Settings, at: datetime) -> Line:
    if pipelines.find(name) is not None:
        raise Refused(f"pipeline: {name!r} exists already; --update extends or changes it")
    expect_free(domains)
    record(by, "pipeline.create", subject(name), domains=", ".join(domains), **settings.facts())
    number = pipeline_writes.create([(name, settings)], at)[name]
    _place(number, domains, 0, at, first=Role.ACTIVE)
    pipeline_writes.open_new([number], by.name, at)
    return pipelines.line(number)


def extend(name: str, domains: Sequence[str], by: By, settings: Settings | None = None) -> Switched | None:
    """Add spares at the end of the line and change settings; the switch, if the pipeline had no active domain.

    Domains that work here already are left as they are.
    """
    number, names, wish = _id(name), named_hosts(domains) if domains else [], settings or Settings()
    return conflicts.transaction(lambda: _extend(number, names, by, wish, now()))


def _extend(number: int, domains: list[str], by: By, settings: Settings, at: datetime) -> Switched | None:
    line = _held(number)
    fresh = [domain for domain in domains if not _works_here(line, domain)]
    expect_free(fresh)
    record(by, "pipeline.change", subject(line.pipeline.name), domains=", ".join(fresh), **settings.facts())
    pipeline_writes.change([(line.pipeline.name, settings)])
    _place(number, fresh, line.last_position + 1, at)
    return roles.fill(number, _return("a spare was added", by), at) if fresh else None


def _works_here(line: Line, domain: str) -> bool:
    found = line.place(domain)
    if found and found.role is Role.PARKED:
        raise Refused(f"domain: {domain} is parked in {line.pipeline.name!r}; signalbox pipelines put-back")
    return found is not None and found.role in (Role.ACTIVE, Role.BACKUP)


def _place(number: int, domains: Sequence[str], position: int, at: datetime, first: Role = Role.BACKUP) -> None:
    ids = roles.know([(name, hosts.registrable(name)) for name in domains], at)
    kinds = [first, *[Role.BACKUP] * len(domains)]
    roles.place(
        [(number, ids[name], kinds[place].value, position + place, None, None) for place, name in enumerate(domains)],
        at,
    )


def switch(
    name: str, by: By, reason: str, *, to: str | None = None, block: bool = False, seq: int | None = None
) -> Switched:
    """Leave the active domain by hand, without brakes: it is blocked, or goes to the end of the line.

    `seq` is the switch number that the person has seen; raises AlreadyChanged if the pipeline has moved since.
    """
    number, why = _id(name), reasoned(reason)
    return conflicts.transaction(lambda: _switch(number, by, why, to, block, seq))


def _switch(number: int, by: By, reason: str, to: str | None, block: bool, seq: int | None) -> Switched:
    line = _held(number)
    if seq not in (None, line.pipeline.seq):
        raise AlreadyChanged(f"already changed: switch #{line.pipeline.seq} was made meanwhile; look again")
    target = aim(line, to, exhaust=block)
    facts = {"active": target.name if target else None, "blocked": block, "seq": line.pipeline.seq + 1}
    before = {"active": line.active.name if line.active else None}
    record(by, "pipeline.switch", subject(line.pipeline.name), reason=reason, before=before, **facts)
    to_id = target.domain_id if target else None
    order = Order(reason=reason, actor=by.name, trigger=Trigger.MANUAL, seq=line.pipeline.seq, to=to_id)
    made = switches.move(number, order, Role.BLOCKED if block else Role.BACKUP, now())
    assert made is not None, "the rows are held still"
    return made


def aim(line: Line, to: str | None, *, exhaust: bool = False) -> Place | None:
    """The spare that a switch would lead to; raises Refused if there is none that may be used.

    With `exhaust` a pipeline without a spare may be left without an active domain.
    """
    if line.active is None:
        raise Refused(f"pipeline: {line.pipeline.name!r} has no active domain; add a spare instead")
    if to is None:
        if line.next is None and not exhaust:
            raise Refused(f"pipeline: {line.pipeline.name!r} has no spare to switch to; add one first")
        return line.next
    target = line.place(named_hosts([to])[0])
    if target is None or target.role is not Role.BACKUP:
        raise Refused(f"to: {to} is no spare of {line.pipeline.name!r}; signalbox pipelines show lists them")
    if target.gate is Gate.BAD:
        raise Refused(f"to: {to} is known to be bad ({', '.join(target.faults)}); choose another spare")
    return target


def park(name: str, domain: str, reason: str, by: By) -> bool:
    """Keep a spare out until a person puts it back; False if it is parked already."""
    return _shift(name, domain, reasoned(reason), by, (Role.BACKUP, Role.PARKED))


def put_back(
    name: str, domain: str, reason: str, by: By, *, then: Callable[[Switched], object] = lambda made: None
) -> bool:
    """Make a parked domain a spare again, or the active one where there is none; False if it is at work already.

    `then` runs in the transaction of the switch, if there is one.
    """
    return _shift(name, domain, reasoned(reason), by, (Role.PARKED, Role.BACKUP), then)


def _shift(
    name: str, domain: str, reason: str, by: By, move: tuple[Role, Role],
    then: Callable[[Switched], object] = lambda made: None,
) -> bool:  # fmt: skip
    number, host = _id(name), named_hosts([domain])[0]

    def work() -> bool:
        line = _held(number)
        shifted = _shift_held(line, host, reason, by, move)
        made = roles.fill(number, _return("a spare was put back", by), now()) if shifted else None
        if made:
            then(made)
        return shifted

    return conflicts.transaction(work)


def _shift_held(line: Line, domain: str, reason: str, by: By, move: tuple[Role, Role]) -> bool:
    found = line.place(domain)
    if found and (found.role is move[1] or (move[1] is Role.BACKUP and found.role is Role.ACTIVE)):
        return False
    if found is None or found.role is not move[0]:
        role = found.role.value if found else "not there"
        raise Refused(f"domain: {domain} is {role} in {line.pipeline.name!r}, not {move[0].value}")
    if move[1] is Role.BACKUP:
        expect_free([domain])
    record(by, f"domain.{move[1].value}", f"domain:{domain}", reason=reason, pipeline=line.pipeline.name)
    return roles.change(line, found, move[1], now())


def unblock(domain: str, reason: str, by: By, *, force: bool = False) -> list[Unblocked]:
    """Take a domain out of the blocked ones of every pipeline, in id order; one that is still bad needs `force`."""
    host, why = named_hosts([domain])[0], reasoned(reason)
    return conflicts.transaction(lambda: _unblock(host, why, by, force))


def _unblock(domain: str, reason: str, by: By, force: bool) -> list[Unblocked]:
    lines = hold_still(pipelines.holding(domain, Role.BLOCKED))
    if (problem := _still_bad(lines.values(), domain)) and not force:
        raise Refused(problem)
    record(by, "domain.unblock", f"domain:{domain}", reason=reason, forced=force)
    return _unblocked(lines, domain, Order(reason=reason, actor=by.name, trigger=Trigger.RETURN, seq=None))


def objection(domain: str) -> str:
    """Why a domain would not be unblocked without force; raises AlreadyChanged if it is not blocked."""
    return _still_bad(pipelines.lines(pipelines.holding(domain, Role.BLOCKED)), domain)


def _still_bad(lines: Iterable[Line], domain: str) -> str:
    found = next((place for line in lines for place in line.of(Role.BLOCKED) if place.name == domain), None)
    if found is None:
        raise AlreadyChanged(f"domain: {domain} is not blocked anywhere")
    faults = ", ".join(found.faults) if found.gate is Gate.BAD else ""
    return faults and f"domain: {domain} is still bad ({faults}); --force unblocks it anyway"


def return_to_work(domain: str, *, evidence_id: int | None = None) -> list[Unblocked]:
    """Unblock a domain that is safe again in every pipeline that holds it; twice changes nothing."""
    order = Order(reason="safe again", actor="system", trigger=Trigger.RETURN, seq=None, evidence_id=evidence_id)
    return conflicts.transaction(lambda: _unblocked(hold_still(pipelines.holding(domain, Role.BLOCKED)), domain, order))


def _unblocked(lines: dict[int, Line], domain: str, order: Order) -> list[Unblocked]:
    moved = [roles.unblock(number, domain, order, now()) for number in sorted(lines)]
    return [each for each in moved if each is not None]


def expect_free(domains: Sequence[str]) -> None:
    """Raise Refused if a domain works in any pipeline, or is blocked in one."""
    if taken := roles.elsewhere(domains):
        domain, pipeline, role = taken[0]
        fix = "unblock it first" if role is Role.BLOCKED else "a domain works in one pipeline only"
        raise Refused(f"domain: {domain} is {role.value} in {pipeline!r}; {fix}")


def named(name: str) -> str:
    """The name of a pipeline without blanks around it; raises Refused if it is none."""
    text = name.strip()
    if not text or len(text) > MOST_NAME or not text.isprintable():
        raise Refused(f"pipeline: write 1 to {MOST_NAME} printable characters as its name")
    return text


def named_hosts(domains: Sequence[str]) -> list[str]:
    """Host names as they are stored, in order, each once; raises Refused."""
    try:
        names = list(dict.fromkeys(hosts.name_of(domain) for domain in domains))
    except ValueError as error:
        raise Refused(f"domain: {error}") from error
    if not names:
        raise Refused("domain: name at least one, such as --domain c1.example")
    return names


def subject(name: str) -> str:
    """A pipeline as the audit log names it."""
    return f"pipeline:{name}"


def _id(name: str) -> int:
    number = pipelines.find(name.strip())
    if number is None:
        raise NoPipeline(name)
    return number


def _held(number: int) -> Line:
    return hold_still([number])[number]


def _return(reason: str, by: By) -> Order:
    return Order(reason=reason, actor=by.name, trigger=Trigger.RETURN, seq=None)
