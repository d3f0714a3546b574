"""Admits clicks: decides a batch in one transaction, then charges what waits for AdLoad, then records the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from weakref import WeakKeyDictionary

from peewee import IntegrityError

from config.clock import now
from config.settings import get_settings
from core.ads import charging, facts, faults, finished, links, local_adload, recording
from core.ads.candidate import Candidate, Outcome
from core.ads.clicks import ClickMessage
from core.ads.decision import Judge
from core.ads.outcomes import Tally
from core.ads.rules import Rules, in_force
from integrations.adload.port import AdLoad
from models import click_writes, conflicts
from models.database import db
from models.fields import instant_text

Mode = Literal["queue", "sync"]
_rules_ids: WeakKeyDictionary[object, dict[str, int]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Session:
    """What is the same for every click of a call."""

    adload: AdLoad
    mode: Mode
    rules: Rules
    rules_id: int
    keyring: links.Keyring
    terms: charging.Terms


def admit(clicks: Sequence[ClickMessage], adload: AdLoad, *, mode: Mode = "queue") -> Tally:
    """Decide, charge and record clicks; safe to repeat with the same clicks any number of times.

    In mode `sync` nothing outside is spoken to: what AdLoad must confirm is due at once for `finish_pending_clicks`.
    """
    at = now()
    usable, misdated = faults.split_by_date(clicks, at)
    tally = faults.store(misdated, at)
    if not usable:
        return tally
    session = _session(adload, mode, at)
    decided = _decide(sorted(usable, key=_order), session)
    for candidate in decided:
        _count(candidate, tally)
    if get_settings().click_events:
        tally.done += [finished.of_candidate(candidate) for candidate in decided if _is_done(candidate)]
    return tally.merge(_charge(decided, session, at))


def admit_bodies(bodies: object, adload: AdLoad, *, mode: Mode = "queue") -> Tally:
    """Admit the clicks of a message, given as JSON values or as encoded bytes; broken ones are stored as faults."""
    at = now()
    clicks, broken = faults.read(bodies)
    tally = faults.store(broken, at)
    return tally.merge(admit(clicks, adload, mode=mode)) if clicks else tally


def _order(click: ClickMessage) -> tuple[datetime, object]:
    return click.clicked_at, click.click_id


def _session(adload: AdLoad, mode: Mode, at: datetime) -> Session:
    settings = get_settings()
    rules = in_force(settings)
    terms = charging.Terms(settings.local_timezone, timedelta(hours=settings.adload_retry_max_age_h))
    return Session(adload, mode, rules, _rules_id(rules, at), links.default_keyring(), terms)


def _rules_id(rules: Rules, at: datetime) -> int:
    """The stored id of these limits; kept by database, and committed before a decision refers to it."""
    known = _rules_ids.setdefault(db.obj, {})
    if rules.digest not in known:
        known[rules.digest] = click_writes.rules_id(rules.digest, rules.document, at)
    return known[rules.digest]


def _decide(clicks: Sequence[ClickMessage], session: Session) -> list[Candidate]:
    """Verdicts in click-time order; a click that the database refuses is found by halving and stored as a fault."""
    try:
        return _decide_with_partitions(clicks, session)
    except conflicts.REFUSED as error:
        if len(clicks) > 1:
            middle = len(clicks) // 2
            return _decide(clicks[:middle], session) + _decide(clicks[middle:], session)
        return [_refused(clicks[0], session, error)]


def _decide_with_partitions(clicks: Sequence[ClickMessage], session: Session) -> list[Candidate]:
    def work() -> list[Candidate]:
        return _decide_once(clicks, session)

    try:
        return conflicts.transaction(work)
    except IntegrityError as error:
        if not conflicts.lacks_partition(error):
            raise
    faults.make_partitions(click.clicked_at.date() for click in clicks)
    return conflicts.transaction(work)


def _refused(click: ClickMessage, session: Session, error: Exception) -> Candidate:
    candidate = Candidate(click, session.keyring)
    candidate.fail(*faults.store_refused(click, error))
    return candidate


def _decide_once(clicks: Sequence[ClickMessage], session: Session) -> list[Candidate]:
    batch = [Candidate(click, session.keyring) for click in clicks]
    facts.lock(batch)
    at, here = now(), session.adload.transactional
    loaded = facts.load(batch, at, charges_too=here)
    till = local_adload.open_till(loaded.offers.values(), loaded.charged) if here else None
    judge = Judge(session.rules, loaded, session.keyring, instant_text(at), till)
    for candidate in batch:
        judge.screen(candidate)
    facts.load_seen(loaded, batch, session.rules)
    facts.load_caps(loaded, batch, session.rules.zone)
    for candidate in batch:
        judge.decide(candidate)
    if till:
        local_adload.close_till(till, at)
    recording.store(batch, judge, _moment(session, at))
    return batch


def _moment(session: Session, at: datetime) -> recording.Moment:
    """A click that nobody charges right now is due at once; without idempotency a charge begins with the row."""
    now_charged = session.mode == "queue"
    started = at if now_charged and not session.adload.idempotent else None
    due_at = at + charging.FIRST_ATTEMPT_AFTER if now_charged else at
    return recording.Moment(at, session.rules_id, due_at, started)


def _charge(decided: Sequence[Candidate], session: Session, at: datetime) -> Tally:
    if session.mode == "sync":
        return Tally()
    dues = [charging.due_of(candidate, at) for candidate in decided if candidate.state == "pending"]
    again = [candidate for candidate in decided if candidate.outcome is Outcome.PENDING]
    if again:
        dues += charging.claim(again, session.adload)
    return charging.settle(dues, session.adload, session.terms) if dues else Tally()


def _count(candidate: Candidate, tally: Tally) -> None:
    """Count a verdict; what is charged in this call is counted when AdLoad has answered."""
    if candidate.outcome is Outcome.REJECTED:
        tally.add(f"rejected.{candidate.code}")
    elif candidate.outcome is Outcome.ERROR:
        tally.add(f"error.{candidate.code}")
    elif _is_done(candidate):
        tally.add(_kind(candidate))
    elif candidate.outcome is Outcome.FINAL:
        tally.add("duplicate")
    elif candidate.outcome is Outcome.TEST:
        tally.add("test")
    if candidate.price and candidate.price.contradictory:
        tally.alarm("price_floor_above_cap")


def _is_done(candidate: Candidate) -> bool:
    return candidate.outcome is Outcome.RECORDED and candidate.state == "done"


def _kind(candidate: Candidate) -> str:
    if candidate.social:
        return "social"
    return "counted" if candidate.unique else "not_unique"
