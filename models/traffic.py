"""What the clicks of each informer look like over a period, in statements whose number does not depend on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from models import bulk
from models.database import fetch
from models.fields import bind
from models.period import Period

MOST = 4
"""Actors with so many clicks or more are counted together."""


class Recorded(NamedTuple):
    """Recorded clicks of an informer; the median is that of the time between show and click."""

    clicks: int
    unique: int
    datacenter: int
    too_fast: int
    median_view_ms: int


class Refused(NamedTuple):
    """Refused clicks of an informer, and those of them that were refused for two reasons."""

    clicks: int
    datacenter: int
    too_fast: int


@dataclass(frozen=True, slots=True)
class Signs:
    """What to count: the bits of flags, and the codes of refusals, that mean a data centre or too fast a click."""

    datacenter_bit: int
    too_fast_bit: int
    datacenter_code: str
    too_fast_code: str


_WITHIN = """
click_day >= %s and click_day <= %s and clicked_at >= %s and clicked_at < %s and (cast(%s as bigint) is null
    or informer_id in (select id from informer where account_id = cast(%s as bigint)))
"""
# the middle place of a sorted group, which for an even number is the lower of two
_RECORDED = """
select informer_id, count(*), count(*) filter (where is_unique), count(*) filter (where (flags & %s) <> 0),
    count(*) filter (where (flags & %s) <> 0), max(case when place = (total + 1) / 2 then view_ms end)
from (
    select informer_id, is_unique, flags, view_ms, count(*) over (partition by informer_id) as total,
        row_number() over (partition by informer_id order by view_ms) as place
    from click where state = 'done' and <within>
) as c group by informer_id
""".replace("<within>", _WITHIN)
_REFUSED = """
select informer_id, count(*), count(*) filter (where reason_code = %s), count(*) filter (where reason_code = %s)
from click_rejected where informer_id is not null and <within> group by informer_id
""".replace("<within>", _WITHIN)
# an address that was erased for its age is told apart by its hash
_ACTORS = """
select informer_id, case when clicks < %s then clicks else %s end as times, count(*) from (
    select informer_id, count(*) as clicks from click where state = 'done' and <within>
    group by informer_id, actor_net, actor_hash
) as a group by informer_id, times
""".replace("<within>", _WITHIN)
_NAMES = """
select i.id, i.title, s.host, a.login from informer i join site s on s.id = i.site_id
join account a on a.id = i.account_id where i.id {in:int}
"""


def recorded(period: Period, account_id: int | None, signs: Signs) -> dict[int, Recorded]:
    """By informer."""
    bits = signs.datacenter_bit, signs.too_fast_bit
    rows = fetch(_RECORDED, (*bits, *_params(period, account_id)))
    return {int(key): Recorded._make(map(int, counts)) for key, *counts in rows}


def refused(period: Period, account_id: int | None, signs: Signs) -> dict[int, Refused]:
    """By informer."""
    codes = signs.datacenter_code, signs.too_fast_code
    rows = fetch(_REFUSED, (*codes, *_params(period, account_id)))
    return {int(key): Refused._make(map(int, counts)) for key, *counts in rows}


def actors(period: Period, account_id: int | None) -> dict[int, tuple[int, ...]]:
    """By informer: how many actors have one recorded click, two, …, MOST or more."""
    found: dict[int, list[int]] = defaultdict(lambda: [0] * MOST)
    for key, clicks, number in fetch(_ACTORS, (MOST, MOST, *_params(period, account_id))):
        found[int(key)][int(clicks) - 1] = int(number)
    return {key: tuple(numbers) for key, numbers in found.items()}


def names(informer_ids: Iterable[int]) -> dict[int, tuple[str, str, str]]:
    """Title, site and publisher of informers."""
    rows = bulk.read(_NAMES, (bulk.among(sorted(informer_ids)),))
    return {int(key): (title, host, login) for key, title, host, login in rows}


def _params(period: Period, account_id: int | None) -> tuple[Any, ...]:
    instants = (period.first, period.last, period.start, period.end)
    return (*map(bind, instants), account_id, account_id)
