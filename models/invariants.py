"""What must hold whatever happened: each check returns the rows that violate it, by plain SQL on the stored facts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from config.clock import now
from config.ids import lowest_id
from config.settings import get_settings
from models import bulk, invariants_books, invariants_domains, invariants_kept, invariants_messages, invariants_money
from models.database import fetch
from models.fields import bind, day
from models.invariant_check import Check, Found, ago

EVER = date(1, 1, 1)
PENDING_SECONDS = 600


def violations(since: date = EVER) -> dict[str, Found]:
    """The violating rows of every check that has some, by `id name`; clicks of days before `since` are left out."""
    found = {f"{check.id} {check.name}": check.find(since) for check in CHECKS}
    return {name: rows for name, rows in found.items() if rows}


_OUTCOMES = """
select click_id, count(*), min(kind), max(kind)
from (
    select click_id, 'counted' as kind from click where state in ('done', 'pending') and click_day >= %s
    union all select click_id, 'rejected' from click_rejected where click_day >= %s and reason_code <> %s
    union all select click_id, 'error' from click_error where state in ('open', 'unknown') and click_day >= %s
) as outcome
group by click_id having count(*) > 1
"""


def decided_twice(since: date) -> Found:
    """I2: (click id, how many current rows, kinds); an over-limit click may be stored as a free one on request."""
    twofold = "over_limit_day" if get_settings().record_over_limit_as_nonunique else ""
    day = bind(since)
    return bulk.read(_OUTCOMES, (day, day, twofold, day))


_VANISHED = """
select c.click_day, c.click_id, c.state from click c
where c.state = 'void' and c.click_day >= %s
    and not exists (select 1 from click_error e where e.click_day = c.click_day and e.click_id = c.click_id)
    and not exists (select 1 from click_rejected r where r.click_day = c.click_day and r.click_id = c.click_id)
union all
select e.click_day, e.click_id, e.state from click_error e
where e.state = 'replayed' and e.click_day >= %s
    and not exists (select 1 from archived_day d where d.day = e.click_day and d.name = 'click')
    and not exists (select 1 from click c where c.click_day = e.click_day and c.click_id = e.click_id)
    and not exists (select 1 from click_rejected r where r.click_day = e.click_day and r.click_id = e.click_id)
"""


def without_outcome(since: date) -> Found:
    """I2: clicks taken back, or errors replayed, of which nothing came; only of days whose refusals are still kept."""
    first = max(since, now().date() - timedelta(days=get_settings().rejected_retention_days))
    return bulk.read(_VANISHED, (bind(first), bind(first)))


_OVERDUE = (
    "select click_day, click_id, attempts, last_failure from click where state = 'pending' and next_attempt_at < %s"
)


def pending_too_long(since: date) -> Found:
    """I2: clicks whose next attempt to charge is long due, so nobody works on them."""
    return bulk.read(_OVERDUE, (ago(PENDING_SECONDS),))


_UNCHARGED = """
select c.click_day, c.click_id, c.advertiser_cost, a.cost
from click c left join adload_charge a on a.click_id = c.click_id
where c.state = 'done' and c.is_unique and not c.is_social and c.click_day >= %s
    and (a.cost is null or a.cost <> c.advertiser_cost)
"""
_UNCOUNTED = """
select a.click_id, a.cost, c.state
from adload_charge a left join click c on c.click_id = a.click_id
where a.cost > 0 and a.created_at >= %s and (c.state = 'void' or (c.state is null and a.click_id >= %s))
"""
_LAST_ARCHIVED = "select max(day) from archived_day where name = 'click' and state in ('moving', 'archived', 'purged')"


def counted_without_charge(since: date) -> Found:
    """I3: paid clicks that the advertiser was not charged for, or another amount (only the local driver's are here)."""
    return bulk.read(_UNCHARGED, (bind(since),)) if _charges_here() else []


def charged_without_count(since: date) -> Found:
    """I3: charges of the local driver whose click is neither counted nor under way."""
    if not _charges_here():
        return []
    return bulk.read(_UNCOUNTED, (f"{bind(since)}T00:00:00.000000Z", _first_live_click()))


def _first_live_click() -> str:
    """Ids are made at click time, so clicks below this one may be in the archive and are not missed here."""
    last = fetch(_LAST_ARCHIVED)[0][0]
    if not last:
        return str(UUID(int=0))
    return str(lowest_id(datetime.combine(day(last) + timedelta(days=1), time(), UTC)))


def _charges_here() -> bool:
    return get_settings().adload_driver == "local"


_PAY = """
select v.click_id, v.partner_cost, v.expected from (
    select w.click_id, w.partner_cost, w.effective, case
        when w.kind = 'fixed' then w.fixed_cost
        when w.floor_cost is not null and w.capped < w.floor_cost then w.floor_cost
        else w.capped end as expected
    from (
        select c.click_id, c.partner_cost, p.kind, p.fixed_cost, p.floor_cost,
            p.effective_from <= c.clicked_at and p.account_id = c.account_id as effective,
            case when p.cap_cost is not null
                and (2 * c.advertiser_cost * p.percent_bp + 1000000) / 2000000 * 100 > p.cap_cost then p.cap_cost
            else (2 * c.advertiser_cost * p.percent_bp + 1000000) / 2000000 * 100 end as capped
        from click c left join click_price p on p.id = c.price_id
        where c.state = 'done' and c.is_unique and not c.is_social and c.click_day >= %s
    ) as w
) as v
where v.expected is null or v.expected <> v.partner_cost or not v.effective
"""


def paid_another_rate(since: date) -> Found:
    """I3: (click id, paid, due) of counted clicks that do not earn what their price row says."""
    return bulk.read(_PAY, (bind(since),))


_CROWDED = """
select v.actor_net, v.click_id, v.at, v.earlier from (
    select c.actor_net, c.click_id, {us:c.clicked_at} as at,
        lag({us:c.clicked_at}, %s) over (partition by {key} order by c.clicked_at) as earlier
    from click c
    where c.state <> 'void' and c.actor_net is not null and c.click_day >= %s {only}
) as v
where v.at - v.earlier < %s
"""
_UNLISTED = """and not exists (
    select 1 from click_rejected r where r.click_day = c.click_day and r.click_id = c.click_id)"""
_HOUR = 3_600_000_000


def over_the_limit(since: date) -> Found:
    """I4: (clicker, click, its time, time of the click it is too close to) beyond MAX_CLICKS_PER_DAY in any window."""
    settings = get_settings()
    window = settings.limit_window_hours * _HOUR
    return _crowded("", _UNLISTED, (settings.max_clicks_per_day, bind(since), window))


def paid_twice_for_one_offer(since: date) -> Found:
    """I4: unique clicks of one clicker on one offer within UNIQUE_WINDOW_HOURS."""
    window = (get_settings().unique_window_hours or 100 * 365 * 24) * _HOUR
    return _crowded(", c.offer_id", "and c.is_unique", (1, bind(since), window))


def _crowded(more: str, only: str, parameters: tuple[Any, ...]) -> Found:
    settings = get_settings()
    key = ("c.actor_net, c.visitor_id" if settings.actor_key == "net+visitor" else "c.actor_net") + more
    rows = bulk.read(_CROWDED.replace("{key}", key).replace("{only}", only), parameters)
    return [row for row in rows if not any(_within(row[0], net) for net in settings.allowlist_nets)]


def _within(net: str, wide: Any) -> bool:
    narrow = ip_network(net)
    return narrow.version == wide.version and narrow.subnet_of(wide)


CHECKS: tuple[Check, ...] = (
    Check("I2", "decided twice", "a click has one outcome", decided_twice),
    Check("I2", "without outcome", "a click never ends in nothing", without_outcome),
    Check("I2", "pending too long", "a pending click is charged or ends as an error", pending_too_long),
    Check("I3", "counted without charge", "a paid click was charged, once and exactly", counted_without_charge),
    Check("I3", "charged without count", "a charge belongs to a counted click", charged_without_count),
    Check("I3", "paid another rate", "a counted click earns the rate at click time", paid_another_rate),
    Check("I4", "over the limit", "no clicker has more counted clicks in any window", over_the_limit),
    Check("I4", "paid twice for one offer", "a double click is free", paid_twice_for_one_offer),
    *invariants_messages.CHECKS,
    *invariants_books.CHECKS,
    *invariants_money.CHECKS,
    *invariants_kept.CHECKS,
    *invariants_domains.CHECKS,
)
