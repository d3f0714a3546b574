"""Rate limits that all processes share: one row per limit, taken from by a conditional update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.bulk import read, run
from models.database import db, execute
from models.fields import bind


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket that holds `burst` tokens and gets `rate` new ones a second."""

    name: str
    rate: float
    burst: float


class Exhausted(Exception):
    """There is no token now; there will be one in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("rate limit")
        self.seconds = seconds


_OPEN = "insert into rate_bucket (service, tokens, refilled_at) values (%s, %s, %s) on conflict do nothing"
# a bucket that is on hold was refilled in the future, so that it seems to hold less than nothing
_LEVEL = "(tokens + (%s - {us:refilled_at}) * %s / 1000000.0)"
_TAKE = """
update rate_bucket set refilled_at = %s,
    tokens = case when {level} > %s then %s else {level} end - 1
where service = %s and {level} >= %s
""".replace("{level}", _LEVEL)
_LOOK = "select {level} from rate_bucket where service = %s".replace("{level}", _LEVEL)
_HOLD = """
insert into rate_bucket (service, tokens, refilled_at) values (%s, 1, %s)
on conflict (service) do update set tokens = 1, refilled_at = excluded.refilled_at
where rate_bucket.refilled_at < excluded.refilled_at
"""
_ALMOST = 1e-6


def take(limits: Sequence[Limit], at: datetime, *, leave: float = 0) -> None:
    """Use one token of each bucket and leave so many in the first; raises Exhausted, having used none."""
    with db.atomic():
        for place, limit in enumerate(limits):
            _take(limit, at, leave if place == 0 else 0)


def hold(limit: Limit, until: datetime) -> None:
    """Let nothing through until an instant."""
    execute(_HOLD, (limit.name, bind(until)))


def _take(limit: Limit, at: datetime, leave: float) -> None:
    execute(_OPEN, (limit.name, limit.burst, bind(at)))
    level = int(at.timestamp() * 1_000_000), limit.rate
    wanted = min(1 + leave, limit.burst)
    changes = (bind(at), *level, limit.burst, limit.burst, *level)
    if not run(_TAKE, (*changes, limit.name, *level, wanted - _ALMOST)):
        found = float(read(_LOOK, (*level, limit.name))[0][0])
        raise Exhausted(max(0.05, (wanted - found) / limit.rate))
