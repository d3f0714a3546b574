"""What must hold in the books: statistics, earnings, the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from config.clock import now, today
from config.settings import get_settings
from models import bulk, dirty_days
from models.database import fetch
from models.fields import bind
from models.fields import day as day_of
from models.invariant_check import Check, Found
from models.stats_sql import MEASURES, UPPER

_DAY = timedelta(days=1)

_UNEVEN = """
select v.account_id, v.day, sum(v.booked), sum(v.earned) from (
    select account_id, ref_day as day, amount as booked, 0 as earned from ledger_entry
    where ref_day >= %s and (kind = 'earning_day' or (kind = 'adjustment' and created_by = 'aggregate_stats'))
    union all
    select account_id, day, 0, partner_cost from stats_daily_user where day >= %s
) as v
group by v.account_id, v.day having sum(v.booked) <> sum(v.earned)
"""


def earnings_differ(since: date) -> Found:
    """I3: (account, day, booked, earned) where the ledger and the statistics do not say the same."""
    return bulk.read(_UNEVEN, (bind(since), bind(since)))


# every figure that is stored, minus what one click, one impression count adds to it: nothing may remain
_RECOUNT = """
select %s, v.informer_id, v.offer_id, <sums> from (
    select informer_id, offer_id, <measures> from stats_daily where day = %s
    union all
    select informer_id, offer_id, 0, 0, case when is_social then 0 else -1 end,
        case when is_unique and not is_social then -1 else 0 end, 0, case when is_social then -1 else 0 end,
        case when is_unique and is_social then -1 else 0 end, -partner_cost, -advertiser_cost, -view_ms
    from click
    where state = 'done' and clicked_at >= %s and clicked_at < %s and click_day >= %s and click_day <= %s
    union all
    select m.informer_id, m.offer_id, case when m.is_social then 0 else -m.requested end,
        case when m.is_social then 0 else -m.seen end, 0, 0, case when m.is_social then -m.seen else 0 end,
        0, 0, 0, 0, 0
    from impression_daily m join informer i on i.id = m.informer_id where m.day = %s
) as v
group by v.informer_id, v.offer_id having <wrong>
"""
_REFUSED = """
select %s, v.stored, v.refused from (
    select coalesce((select rejected_warning + rejected_banned + rejected_filtered + errors
            from stats_overall_by_date where day = %s), 0) as stored,
        (select count(*) from click_rejected
            where clicked_at >= %s and clicked_at < %s and click_day >= %s and click_day <= %s)
        + (select count(*) from click_error
            where clicked_at >= %s and clicked_at < %s and click_day >= %s and click_day <= %s) as refused
) as v where v.stored <> v.refused
"""


def statistics_differ(since: date) -> Found:
    """I5: (day, informer, offer, by how much each measure is off) of days whose facts are all here."""
    sums = ", ".join(f"sum(v.{name})" for name in MEASURES)
    wrong = " or ".join(f"sum(v.{name}) <> 0" for name in MEASURES)
    template = _RECOUNT.replace("<sums>", sums).replace("<wrong>", wrong).replace("<measures>", ", ".join(MEASURES))
    return [row for day in _settled(since) for row in bulk.read(template, _recount_of(day))]


def refusals_differ(since: date) -> Found:
    """I5: (day, counted, stored) of days whose rejections and errors are all here."""
    settings = get_settings()
    kept = timedelta(days=min(settings.rejected_retention_days, settings.error_retention_days))
    # a day may begin on the UTC day before
    complete = [day for day in _settled(since) if day - _DAY >= today() - kept]
    return [
        row
        for day in complete
        for row in bulk.read(_REFUSED, (str(day), bind(day), *_window(day), *_window(day)))
    ]  # fmt: skip


def _recount_of(day: date) -> tuple[object, ...]:
    return str(day), bind(day), *_window(day), bind(day)


def _settled(since: date) -> list[date]:
    """Days before today that are computed, not marked again, and of which nothing has left the tables."""
    last = now().astimezone(_zone()).date() - _DAY
    oldest = fetch("select min(day) from stats_overall_by_date")[0][0]
    if oldest is None:
        return []
    first = max(since, day_of(oldest))
    waiting = {*dirty_days.marked(last), *dirty_days.cut_by_another_zone(get_settings().local_timezone)}
    gone = dirty_days.left(first - _DAY)
    every = (first + number * _DAY for number in range((last - first).days + 1))
    return [day for day in every if day not in waiting and gone.isdisjoint((day - _DAY, day, day + _DAY))]


def _window(day: date) -> tuple[object, ...]:
    start, end = (_midnight(day), _midnight(day + _DAY))
    return bind(start), bind(end), bind(day - _DAY), bind(day + _DAY)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=_zone()).astimezone(UTC)


def _zone() -> ZoneInfo:
    return ZoneInfo(get_settings().local_timezone)


_LEVELS = """
select v.day, v.part, <sums> from (
    select day, <key> as part, <measures> from <upper> where day >= %s
    union all
    select day, <key>, <negative> from <lower> where day >= %s
) as v
where not exists (select 1 from archived_day a where a.day = v.day and a.name = 'stats_daily' and a.state <> 'restored')
group by v.day, v.part having <wrong>
"""


def levels_differ(since: date) -> Found:
    """I5: (day, key, by how much each measure is off) where a level is not the sum of the one below."""
    both = (bind(since), bind(since))
    return [
        *bulk.read(_level("stats_daily_adv", "stats_daily", "informer_id", MEASURES), both),
        *bulk.read(_level("stats_daily_user", "stats_daily_adv", "account_id", UPPER), both),
        *bulk.read(_level("stats_overall_by_date", "stats_daily_user", "0", UPPER[:-4]), both),
    ]


def _level(upper: str, lower: str, key: str, measures: Sequence[str]) -> str:
    parts = {
        "<upper>": upper,
        "<lower>": lower,
        "<key>": key,
        "<sums>": ", ".join(f"sum({name})" for name in measures),
        "<measures>": ", ".join(measures),
        "<negative>": ", ".join(f"-{name}" for name in measures),
        "<wrong>": " or ".join(f"sum({name}) <> 0" for name in measures),
    }
    text = _LEVELS
    for name, part in parts.items():
        text = text.replace(name, part)
    return text


CHECKS: tuple[Check, ...] = (
    Check("I3", "earnings differ", "the ledger holds what the statistics say was earned", earnings_differ),
    Check("I5", "statistics differ", "the figures of a day are a recount of its facts", statistics_differ),
    Check("I5", "refusals differ", "rejections and errors of a day are all counted", refusals_differ),
    Check("I5", "levels differ", "each level of the statistics is the sum of the one below", levels_differ),
)
