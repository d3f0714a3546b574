"""What must hold in the books: statistics, earnings, the ledger."""

from __future__ import annotations

from datetime import date

from models import bulk
from models.fields import bind
from models.invariant_check import Check, Found

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


CHECKS: tuple[Check, ...] = (
    Check("I3", "earnings differ", "the ledger holds what the statistics say was earned", earnings_differ),
)
