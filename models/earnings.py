"""What publishers earned per day, as rows of the ledger; an open day is re-stated, a closed one only adjusted."""

from __future__ import annotations

from datetime import date, datetime

from models import bulk
from models.fields import bind

AUTHOR = "aggregate_stats"

# `adjusted` is what this task itself has added to a closed day; adjustments of people are another matter
_DUE = """
select v.account_id, sum(v.total) as total, sum(v.booked) as booked, sum(v.adjusted) as adjusted,
    sum(v.adjustments) as adjustments
from (
    select account_id, partner_cost as total, 0 as booked, 0 as adjusted, 0 as adjustments
    from stats_daily_user where day = %s
    union all
    select account_id, 0, amount, 0, 0 from ledger_entry where ref_day = %s and kind = 'earning_day'
    union all
    select account_id, 0, 0, amount, 1 from ledger_entry
    where ref_day = %s and kind = 'adjustment' and created_by = %s
) as v
group by v.account_id
"""
_RESTATE = """
insert into ledger_entry (account_id, kind, amount, ref_day, source_key, created_by, created_at)
select d.account_id, 'earning_day', d.total - d.adjusted, %s, 'earning_day:' || d.account_id || ':' || %s, %s,
    {instant}
from (<due>) as d
where d.total - d.adjusted <> d.booked
on conflict (account_id, ref_day) where kind = 'earning_day' do update set amount = excluded.amount
""".replace("<due>", _DUE)
_ADJUST = """
insert into ledger_entry (account_id, kind, amount, ref_day, source_key, reason, created_by, created_at)
select d.account_id, 'adjustment', d.total - d.booked - d.adjusted, %s,
    'earning_change:' || d.account_id || ':' || %s || ':' || (d.adjustments + 1), %s, %s, {instant}
from (<due>) as d
where d.total <> d.booked + d.adjusted
""".replace("<due>", _DUE)
REASON = "earnings of {day} changed after the day was closed"


def restate(day: date, at: datetime) -> int:
    """Make the earnings of an open day what the statistics say; how many rows were written.

    An account whose earnings fell to nothing keeps a row of 0.
    """
    stored = bind(day)
    return bulk.run(_RESTATE, (stored, str(day), AUTHOR, bind(at), stored, stored, stored, AUTHOR))


def adjust(day: date, at: datetime) -> int:
    """Add to a closed day what its statistics have changed by since, one row per account; how many were written."""
    stored = bind(day)
    reason = REASON.format(day=day)
    return bulk.run(_ADJUST, (stored, str(day), reason, AUTHOR, bind(at), stored, stored, stored, AUTHOR))
