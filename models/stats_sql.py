"""The statements of the statistics, the same text for both engines; columns are named once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

MEASURES = (
    "impressions_requested", "impressions", "clicks", "clicks_unique", "social_impressions", "social_clicks",
    "social_clicks_unique", "partner_cost", "advertiser_cost", "view_ms",
)  # fmt: skip
REFUSALS = ("rejected_warning", "rejected_banned", "rejected_filtered", "errors")
UPPER = (*MEASURES, "block_views_requested", "block_views", *REFUSALS)


def _list(names: Sequence[str], form: str = "{}") -> str:
    return ", ".join(form.replace("{}", name) for name in names)


def _zeros(number: int) -> str:
    return ", ".join(["0"] * number)


_WRITE = """
insert into <table> (day, <columns>) select %s, <columns> from <fresh> where true
on conflict (day, <key>) do update set <assigned> where (<stored>) <> (<excluded>)
"""
_FORGET = """
delete from <table> where day = %s and not exists (select 1 from <fresh> where <same>)
"""


@dataclass(frozen=True, slots=True)
class Level:
    """Four statements: gather what the day should be, write what differs, delete what is gone, and clean up."""

    gather: str
    write: str
    forget: str
    drop: str


def _level(table: str, key: Sequence[str], others: Sequence[str], gather: str) -> Level:
    fresh = "fresh_" + table
    parts = {
        "table": table,
        "fresh": fresh,
        "columns": _list((*key, *others)),
        "key": _list(key),
        "assigned": _list(others, "{} = excluded.{}"),
        "stored": _list(others, table + ".{}"),
        "excluded": _list(others, "excluded.{}"),
        "same": " and ".join(f"{fresh}.{name} = {table}.{name}" for name in key),
    }
    source = "create temporary table " + fresh + " as" + gather
    return Level(source, _fill(_WRITE, parts), _fill(_FORGET, parts), "drop table " + fresh)


def _fill(template: str, parts: dict[str, str]) -> str:
    for name, text in parts.items():
        template = template.replace(f"<{name}>", text)
    return template


_OF_THE_DAY = "clicked_at >= %s and clicked_at < %s and click_day >= %s and click_day <= %s"

# a click knows its publisher and campaign, so that history stays when an informer changes hands
_DAILY = """
select v.informer_id, v.offer_id, coalesce(max(v.campaign_id), max(o.campaign_id), 0) as campaign_id,
    coalesce(max(v.account_id), max(i.account_id)) as account_id, <sums>
from (
    select informer_id, offer_id, max(campaign_id) as campaign_id, max(account_id) as account_id,
        0 as impressions_requested, 0 as impressions,
        count(*) filter (where not is_social) as clicks,
        count(*) filter (where not is_social and is_unique) as clicks_unique,
        0 as social_impressions, count(*) filter (where is_social) as social_clicks,
        count(*) filter (where is_social and is_unique) as social_clicks_unique,
        sum(partner_cost) as partner_cost, sum(advertiser_cost) as advertiser_cost, sum(view_ms) as view_ms
    from click where state = 'done' and <of_the_day> group by informer_id, offer_id
    union all
    select informer_id, offer_id, null, null, sum(case when is_social then 0 else requested end),
        sum(case when is_social then 0 else seen end), 0, 0, sum(case when is_social then seen else 0 end),
        0, 0, 0, 0, 0
    from impression_daily where day = %s group by informer_id, offer_id
) as v left join informer i on i.id = v.informer_id left join offer o on o.id = v.offer_id
group by v.informer_id, v.offer_id having coalesce(max(v.account_id), max(i.account_id)) is not null
"""
_INFORMERS = """
select v.informer_id, coalesce(max(v.account_id), max(i.account_id)) as account_id,
    coalesce(max(i.site_id), 0) as site_id, <sums>
from (
    select informer_id, max(case when clicks + social_clicks > 0 then account_id end) as account_id, <day_sums>,
        0 as block_views_requested, 0 as block_views, 0 as rejected_warning, 0 as rejected_banned,
        0 as rejected_filtered, 0 as errors
    from stats_daily where day = %s group by informer_id
    union all
    select informer_id, null, <zeros>, requested, seen, 0, 0, 0, 0 from block_view_daily where day = %s
    union all
    select informer_id, null, <zeros>, 0, 0, <refusals> from fresh_refused where informer_id <> 0
) as v left join informer i on i.id = v.informer_id
group by v.informer_id having coalesce(max(v.account_id), max(i.account_id)) is not null
"""
_ACCOUNTS = """
select v.account_id, <sums> from stats_daily_adv v where v.day = %s group by v.account_id
"""
_MANAGERS = """
select a.manager_id, coalesce(sum(u.advertiser_cost), 0) as advertiser_cost,
    coalesce(sum(u.partner_cost), 0) as partner_cost, count(*) as accounts_total,
    count(*) filter (where u.impressions >= 100 or u.clicks_unique >= 1) as accounts_active
from account a left join stats_daily_user u on u.account_id = a.id and u.day = %s
where a.kind = 'user' and a.manager_id is not null and a.created_at < %s
group by a.manager_id
"""
_SUMS = _list(MEASURES, "sum(v.{}) as {}")
_UPPER_SUMS = _list(UPPER, "sum(v.{}) as {}")
_PARTS = {
    "of_the_day": _OF_THE_DAY,
    "zeros": _zeros(len(MEASURES)),
    "day_sums": _list(MEASURES, "sum({}) as {}"),
    "refusals": _list(REFUSALS),
}

DAILY = _level(
    "stats_daily",
    ("informer_id", "offer_id"),
    ("campaign_id", "account_id", *MEASURES),
    _fill(_DAILY, {"sums": _SUMS} | _PARTS),
)
INFORMERS = _level(
    "stats_daily_adv",
    ("informer_id",),
    ("account_id", "site_id", *UPPER),
    _fill(_INFORMERS, {"sums": _UPPER_SUMS} | _PARTS),
)
ACCOUNTS = _level("stats_daily_user", ("account_id",), UPPER, _fill(_ACCOUNTS, {"sums": _UPPER_SUMS}))
MANAGERS = _level(
    "manager_day",
    ("manager_id",),
    ("advertiser_cost", "partner_cost", "accounts_total", "accounts_active"),
    _MANAGERS,
)

_OVERALL = """
insert into stats_overall_by_date (day, <upper>, accounts_total, accounts_active, sites_active, timezone, refreshed_at)
select %s, <sums>,
    (select count(*) from account where kind = 'user' and created_at < %s),
    (select count(*) from stats_daily_user where day = %s and (impressions >= 100 or clicks_unique >= 1)),
    (select count(*) from (
        select site_id from stats_daily_adv where day = %s and site_id <> 0
        group by site_id having sum(impressions) >= 100 or sum(clicks) >= 1) as s),
    %s, {instant}
from (
    select <upper> from stats_daily_user where day = %s
    union all
    select <zeros>, 0, 0, <refusals> from fresh_refused where informer_id = 0
) as v
where true
on conflict (day) do update set <assigned>, accounts_total = excluded.accounts_total,
    accounts_active = excluded.accounts_active, sites_active = excluded.sites_active,
    timezone = excluded.timezone, refreshed_at = excluded.refreshed_at
"""
OVERALL = _fill(
    _OVERALL,
    {
        "upper": _list(UPPER),
        "sums": _list(UPPER, "coalesce(sum(v.{}), 0)"),
        "assigned": _list(UPPER, "{} = excluded.{}"),
    }
    | _PARTS,
)

_REFUSED = """
create temporary table fresh_refused as
select coalesce(i.id, 0) as informer_id, <sums>
from (<rejected> union all <failed>) as v left join informer i on i.id = v.informer_id
group by coalesce(i.id, 0)
"""
_REJECTED = """
    select informer_id, count(*) filter (where sort = 'warning') as rejected_warning,
        count(*) filter (where sort = 'banned') as rejected_banned,
        count(*) filter (where sort = 'filtered') as rejected_filtered, 0 as errors
    from (
        select informer_id, case when reason_code {in:text} then 'banned' when reason_code {in:text} then 'filtered'
            else 'warning' end as sort
        from click_rejected where <of_the_day>
    ) as r group by informer_id
"""
_FAILED = """
    select informer_id, 0, 0, 0, count(*) from click_error where <of_the_day> group by informer_id
"""
# what is stored at the overall level beyond the sum of the informers belongs to unknown informers
_STORED = """
    select informer_id, <named> from stats_daily_adv where day = %s
    union all
    select null, <rest> from stats_overall_by_date o left join (
        select <day_sums> from stats_daily_adv where day = %s
    ) as a on true where o.day = %s
"""


@cache
def refused(*, stored: bool, errors_stored: bool) -> str:
    """Gather rejections and errors, each from the facts or, where those are gone, from the figures themselves."""
    rejected = _stored(REFUSALS[:3]) if stored else _REJECTED
    failed = _stored(REFUSALS[3:]) if errors_stored else _FAILED
    parts = {"sums": _list(REFUSALS, "sum(v.{}) as {}"), "rejected": rejected, "failed": failed}
    return _fill(_REFUSED, parts | {"of_the_day": _OF_THE_DAY})


def _stored(kept: Sequence[str]) -> str:
    rest = (f"o.{name} - coalesce(a.{name}, 0)" if name in kept else "0" for name in REFUSALS)
    parts = {
        "named": ", ".join(f"{name} as {name}" if name in kept else f"0 as {name}" for name in REFUSALS),
        "rest": ", ".join(rest),
        "day_sums": _list(REFUSALS, "sum({}) as {}"),
    }
    return _fill(_STORED, parts)
