"""Turns the verdicts of a batch into rows: one statement per table that has any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from core.ads import clicks as messages
from core.ads import days
from core.ads.candidate import Candidate, Outcome
from core.ads.decision import Judge
from core.ads.outcomes import SENTENCES, Stage
from models import blacklist, charges, click_writes

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """What is the same for every row of a batch."""

    now: datetime
    rules_id: int
    next_attempt_at: datetime
    charge_started_at: datetime | None


def store(batch: Sequence[Candidate], judge: Judge, moment: Moment) -> None:
    """Write everything that was decided, inside the deciding transaction."""
    recorded = [candidate for candidate in batch if candidate.outcome is Outcome.RECORDED]
    rejected = [candidate for candidate in batch if candidate.outcome is Outcome.REJECTED]
    failed = [candidate for candidate in batch if candidate.outcome is Outcome.ERROR]
    kept = [candidate for candidate in rejected if candidate.over_limit] if judge.rules.keep_over_limit else []
    _store_clicks([*map(_click_row, recorded), *map(_over_limit_row, kept)], moment, revive=bool(judge.facts.void))
    if rejected:
        click_writes.insert_rejected([_rejected_row(candidate, moment) for candidate in rejected])
    if failed:
        click_writes.insert_errors([_error_row(candidate) for candidate in failed], moment.now)
    _settle_replays(batch, moment)
    _store_bans(judge, moment)
    done = [candidate for candidate in recorded if candidate.state == "done"]
    mark((candidate.at for candidate in (*done, *rejected, *failed)), judge.rules.zone, moment.now)
    if judge.capped:
        charges.add_clicks(judge.capped)


def _store_clicks(rows: list[Row], moment: Moment, *, revive: bool) -> None:
    if rows:
        click_writes.insert_clicks(
            rows,
            moment.now,
            rules_id=moment.rules_id,
            next_attempt_at=moment.next_attempt_at,
            charge_started_at=moment.charge_started_at,
            revive=revive,
        )


def _click_row(candidate: Candidate) -> Row:
    click, offer, informer = candidate.click, candidate.offer, candidate.informer
    assert offer is not None
    assert informer is not None
    waits = candidate.state == "pending"
    return (
        candidate.day, candidate.id, click.clicked_at, click.ip, click.actor_net, click.visitor_id, offer.id,
        offer.campaign_id, informer.id, informer.account_id, click.url, candidate.state, candidate.unique,
        candidate.social, candidate.advertiser_cost, candidate.partner_cost, candidate.price and candidate.price.id,
        candidate.charge_id, candidate.view_ms, candidate.flags, candidate.day_count, click.referer,
        click.user_agent, messages.encode(click).decode() if waits else None,
    )  # fmt: skip


def _over_limit_row(candidate: Candidate) -> Row:
    """The refused click as one that counts for nothing, for reports that want to see it."""
    assert candidate.offer
    before = candidate.state, candidate.advertiser_cost, candidate.partner_cost, candidate.social
    candidate.state, candidate.advertiser_cost, candidate.partner_cost = "done", 0, 0
    candidate.social = candidate.offer.social
    row = _click_row(candidate)
    candidate.state, candidate.advertiser_cost, candidate.partner_cost, candidate.social = before
    return row


def _rejected_row(candidate: Candidate, moment: Moment) -> Row:
    click, offer, informer, link = candidate.click, candidate.offer, candidate.informer, candidate.link
    return (
        candidate.day, candidate.id, click.clicked_at, click.ip, click.actor_net, click.visitor_id,
        link and link.offer_id, offer and offer.guid, link and link.informer_id, informer and informer.guid,
        click.token, click.url, candidate.code, SENTENCES[candidate.code], _detail(candidate, moment),
        click.referer, click.user_agent, candidate.view_ms,
    )  # fmt: skip


def _detail(candidate: Candidate, moment: Moment) -> str:
    detail = {"rule": candidate.rule, "measured": candidate.measured, "rules_id": moment.rules_id}
    if candidate.hit:
        detail |= {"since": candidate.hit.since, "listed_for": candidate.hit.reason_code}
    elif candidate.link:
        detail["age_seconds"] = (candidate.at - candidate.link.issued_at * days.SECOND) // days.SECOND
    return json_text(detail | (candidate.detail or {}))


def _error_row(candidate: Candidate) -> Row:
    link, offer = candidate.link, candidate.offer
    stage = Stage.CHARGE if candidate.code.startswith("adload_") else Stage.DECIDE
    return (
        candidate.day, candidate.id, candidate.click.clicked_at, offer and offer.campaign_id,
        link and link.informer_id, stage.value, candidate.code, candidate.message,
        json_text(messages.payload(candidate.click)), 1, "open",
    )  # fmt: skip


def json_text(document: Any) -> str:
    """JSON without NUL characters, which no jsonb column takes."""
    return orjson.dumps(document).replace(b"\\u0000", b"").decode()


def _settle_replays(batch: Iterable[Candidate], moment: Moment) -> None:
    settled = [candidate for candidate in batch if candidate.replayed and _is_settled(candidate)]
    if settled:
        keys = [(candidate.day, candidate.id) for candidate in settled]
        click_writes.settle_errors(keys, moment.now, "replay")


def _is_settled(candidate: Candidate) -> bool:
    return candidate.outcome is Outcome.REJECTED or candidate.state == "done"


def _store_bans(judge: Judge, moment: Moment) -> None:
    if rows := judge.bans.rows():
        blacklist.ban(rows, moment.now)
    if judge.bans.hits:
        blacklist.hit(judge.bans.hits, moment.now, renew=judge.rules.renew_on_hit)


def mark(instants: Iterable[int], zone: str, now: datetime) -> None:
    """Ask for new statistics of the days of these clicks."""
    touched: set[date] = {days.stat_day(at, zone) for at in instants}
    if touched:
        click_writes.mark_days(touched, days.stat_day(days.microseconds(now), zone), now)
