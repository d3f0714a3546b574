"""Taking back what an informer earned on days that turned out to be fraud: at most once per informer and day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from models import bulk
from models.database import fetch, is_postgres
from models.fields import bind, day, instant


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose earnings of which days are meant: of one informer, or of all informers of an account."""

    first: date
    last: date
    informer_id: int | None = None
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one informer earned on one day, in micro-units; `taken` if it was taken back before."""

    informer_id: int
    day: date
    account_id: int
    amount: int
    taken: bool


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A payout that is asked for and not decided."""

    public_id: str
    account_id: int
    amount: int
    state: str


_CHOSEN = "s.day >= %s and s.day <= %s and (%s or s.informer_id = %s) and (%s or s.account_id = %s)"
_PARTS = """
select s.informer_id, s.day, s.account_id, coalesce(c.amount, s.partner_cost), c.informer_id is not null
from stats_daily_adv s left join claw_back c on c.informer_id = s.informer_id and c.day = s.day
where <chosen> and (s.partner_cost > 0 or c.informer_id is not null)
order by s.informer_id, s.day
""".replace("<chosen>", _CHOSEN)
# the days that ask to be computed again are left out by the same snapshot that reads what was earned
_TAKE = """
insert into claw_back (informer_id, day, amount, reason, created_by, created_at)
select s.informer_id, s.day, s.partner_cost, %s, %s, {instant} from stats_daily_adv s
where <chosen> and s.partner_cost > 0 and not exists (select 1 from stats_dirty_day d where d.day = s.day)
order by s.informer_id, s.day
on conflict do nothing returning informer_id, day, amount
""".replace("<chosen>", _CHOSEN)
_LOCK = "select id from account where id {in:int} order by id for no key update"
_COMPUTED = "select day, refreshed_at from stats_overall_by_date where day >= %s and day <= %s"
_MARKED = "select day from stats_dirty_day where day >= %s and day <= %s order by day"
_OPEN = """
select public_id, account_id, amount, state from payout_request
where state in ('pending_confirmation', 'confirmed', 'agreed') and account_id {in:int} order by id
"""


def parts(choice: Choice) -> list[Part]:
    """What was earned, by informer and day."""
    return [
        Part(int(informer), day(of), int(account), int(amount), bool(taken))
        for informer, of, account, amount, taken in fetch(_PARTS, _conditions(choice))
    ]


def take(choice: Choice, reason: str, by: str, at: datetime) -> dict[tuple[int, date], int]:
    """Record what is taken back by (informer, day), in the caller's transaction; only what never was before."""
    rows = bulk.read(_TAKE, (reason, by, bind(at), *_conditions(choice)))
    return {(int(informer), day(of)): int(amount) for informer, of, amount in rows}


def hold_still(account_ids: Iterable[int]) -> None:
    """Lock accounts until the transaction ends, so that nobody is paid what is being taken back."""
    if is_postgres():
        bulk.read(_LOCK, (bulk.among(sorted(set(account_ids))),))


def computed(first: date, last: date) -> dict[date, datetime]:
    """When the statistics of each day were computed last."""
    return {day(of): instant(at) for of, at in fetch(_COMPUTED, (bind(first), bind(last)))}


def marked(first: date, last: date) -> list[date]:
    """The days that ask to be computed again."""
    return [day(row[0]) for row in fetch(_MARKED, (bind(first), bind(last)))]


def open_requests(account_ids: Sequence[int]) -> list[OpenRequest]:
    """Payouts that these accounts have asked for."""
    rows = bulk.read(_OPEN, (bulk.among(account_ids),))
    return [OpenRequest(str(public), int(account), int(amount), state) for public, account, amount, state in rows]


def _conditions(choice: Choice) -> tuple[Any, ...]:
    informer, account = choice.informer_id, choice.account_id
    return (
        bind(choice.first), bind(choice.last), informer is None, informer or 0, account is None, account or 0,
    )  # fmt: skip
