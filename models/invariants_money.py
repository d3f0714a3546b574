"""What must hold of ledger, payouts and audit log."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from models import audit, bulk
from models.fields import bind
from models.invariant_check import Check, Found

# the database's own keys and checks say much of this too, but a table that was restored or mended may lack them
_TWICE = "select source_key, count(*) from ledger_entry group by source_key having count(*) > 1"
_UNSOURCED = """
select e.id, e.kind, e.account_id, e.amount from ledger_entry e left join payout_request p on p.id = e.request_id
where e.created_at >= %s and (e.source_key is null
    or (e.kind in ('payout_hold', 'payout_release', 'payout_paid') and (p.id is null or p.account_id <> e.account_id))
    or (e.kind = 'earning_day' and e.ref_day is null) or (e.kind = 'adjustment' and e.reason = ''))
"""
_UNEVEN = """
select v.public_id, v.state, v.amount, v.hold, v.released, v.paid from (
    select p.public_id, p.state, p.amount,
        coalesce(sum(case when e.kind = 'payout_hold' then e.amount end), 0) as hold,
        coalesce(sum(case when e.kind = 'payout_release' then e.amount end), 0) as released,
        coalesce(sum(case when e.kind = 'payout_paid' then e.amount end), 0) as paid
    from payout_request p left join ledger_entry e on e.request_id = p.id
    where p.decided_at is null or p.decided_at >= %s
    group by p.id, p.public_id, p.state, p.amount
) as v
where v.hold <> -v.amount
    or v.released <> case when v.state in ('paid', 'declined', 'cancelled') then v.amount else 0 end
    or v.paid <> case when v.state = 'paid' then -v.amount else 0 end
"""
_HELD = """
select v.account_id, sum(v.held), sum(v.asked) from (
    select account_id, -amount as held, 0 as asked from ledger_entry where book = 'holds'
    union all
    select account_id, 0, amount from payout_request where state in ('pending_confirmation', 'confirmed', 'agreed')
) as v
group by v.account_id having sum(v.held) <> sum(v.asked)
"""
_UNRECORDED = """
select p.public_id, p.state from payout_request p
where (p.decided_at is null or p.decided_at >= %s) and not exists (
    select 1 from audit_log a where a.object = 'payout:' || cast(p.public_id as text) and (
        (p.state = 'pending_confirmation' and a.action = 'payout.create')
        or (p.state = 'confirmed' and a.action = 'payout.confirm') or (p.state = 'agreed' and a.action = 'payout.agree')
        or (p.state = 'paid' and a.action = 'payout.pay') or (p.state = 'cancelled' and a.action = 'payout.cancel')
        or (p.state = 'declined' and a.action in ('payout.decline', 'payout.expire'))))
"""
_BY_NOBODY = """
select e.id, e.account_id, e.amount, e.created_by from ledger_entry e
where e.kind = 'adjustment' and substr(e.source_key, 1, 5) = 'hand:' and e.created_at >= %s
    and not exists (select 1 from audit_log a where a.object = 'ledger:' || e.source_key and a.at <= e.created_at)
"""
_CLAWED = """
select c.informer_id, c.day, -c.amount, coalesce(e.amount, 0) from claw_back c left join ledger_entry e
    on e.source_key = 'claw_back:' || c.informer_id || ':' || cast(c.day as text) and e.kind = 'adjustment'
where c.created_at >= %s and coalesce(e.amount, 0) <> -c.amount
"""


def booked_twice(since: date) -> Found:
    """I3: source keys that more than one row of the ledger has."""
    return bulk.read(_TWICE)


def booked_without_source(since: date) -> Found:
    """I3: rows of the ledger that nothing stands behind: no key, no request of that account, no day, no reason."""
    return bulk.read(_UNSOURCED, (_start(since),))


def payouts_do_not_add_up(since: date) -> Found:
    """I3: (payout, state, amount, hold, released, paid) where the rows of a payout are not what its state says."""
    return bulk.read(_UNEVEN, (_start(since),))


def holds_differ(since: date) -> Found:
    """I3: (account, held, asked for) where the holds are not the open requests."""
    return bulk.read(_HELD)


def claw_backs_differ(since: date) -> Found:
    """I3: (informer, day, taken back, booked) where earnings that were taken back are not what the ledger says."""
    return bulk.read(_CLAWED, (_start(since),))


def chain_broken(since: date) -> Found:
    """I19: (row, problem) where the audit log was changed behind its back."""
    return [(broken.id, broken.problem) for broken in audit.verify(_midnight(since))]


def payouts_unrecorded(since: date) -> Found:
    """I19: payouts in a state that nobody is on record for."""
    return bulk.read(_UNRECORDED, (_start(since),))


def adjusted_by_nobody(since: date) -> Found:
    """I19: corrections by hand without a row of the audit log, or with one that came later."""
    return bulk.read(_BY_NOBODY, (_start(since),))


def _midnight(since: date) -> datetime:
    return datetime.combine(since, time(), UTC)


def _start(since: date) -> Any:
    return bind(_midnight(since))


CHECKS: tuple[Check, ...] = (
    Check("I3", "booked twice", "a source is booked once", booked_twice),
    Check("I3", "booked without source", "every row of the ledger has something behind it", booked_without_source),
    Check("I3", "payouts do not add up", "hold, release and payment are what the state says", payouts_do_not_add_up),
    Check("I3", "holds differ", "what is held is what open requests ask for", holds_differ),
    Check("I3", "claw-backs differ", "what was taken back is an adjustment of the same amount", claw_backs_differ),
    Check("I19", "audit chain broken", "the audit log is as it was written", chain_broken),
    Check("I19", "payouts unrecorded", "every state of a payout has its audit row", payouts_unrecorded),
    Check("I19", "adjusted by nobody", "a correction by hand has an audit row before it", adjusted_by_nobody),
)
