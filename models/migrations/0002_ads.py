"""Tables of the ad network: accounts to offers, prices, the three stores of clicks, the blacklist, local charges."""

from typing import Any

from models.database import is_postgres
from models.migrate import apply

DIMENSIONS = """
create table account (
    id {serial}, guid {uuid} not null unique, login text not null unique,
    kind text not null check (kind in ('user', 'manager', 'administrator')),
    block_state text not null default 'none' check (block_state in ('none', 'light', 'banned', 'filter')),
    manager_id bigint references account (id), email text, min_payout bigint not null default 100000000,
    prepayment {bool} not null default {false},
    credit_limit bigint not null default 0, click_min_seconds integer not null default 15,
    advertiser_percent_bp integer not null default 10000,
    currency text not null, created_at {instant} not null);

create table site (
    id {serial}, account_id bigint not null references account (id), host text not null unique,
    state text not null default 'active' check (state in ('requested', 'active', 'rejected')));

create table informer (
    id {serial}, guid {uuid} not null unique, account_id bigint not null references account (id),
    site_id bigint not null references site (id),
    title text not null, disable_filter {bool} not null default {false});

create table campaign (
    id {serial}, guid {uuid} not null unique, adload_id text, title text not null,
    account text not null default '', manager text not null default '',
    is_social {bool} not null default {false},
    status text not null check (status in ('created', 'started', 'configured', 'working', 'hold', 'stop')),
    partner_marker {bool} not null default {true}, hide_site {bool} not null default {false},
    disable_filter {bool} not null default {false},
    clicks_per_day_limit integer, budget bigint, spent bigint not null default 0, held_since {instant},
    synced_at {instant},
    settings {json} not null default '{{}}');

create table offer (
    id {serial}, guid {uuid} not null unique, campaign_id bigint not null references campaign (id),
    url text not null, title text not null,
    description text not null default '', click_cost bigint not null, active {bool} not null default {true},
    updated_at {instant} not null);
create index offer_campaign on offer (campaign_id);

create table click_price (
    id {serial}, account_id bigint not null references account (id), informer_id bigint references informer (id),
    kind text not null check (kind in ('fixed', 'floating')), fixed_cost bigint not null default 0,
    percent_bp integer,
    floor_cost bigint, cap_cost bigint, effective_from {instant} not null, created_by text not null,
    check (kind = 'fixed' or percent_bp between 1 and 10000));
create unique index click_price_once on click_price (account_id, coalesce(informer_id, 0), effective_from);

create table link_version (id integer primary key check (id = 1), version bigint not null);
insert into link_version values (1, 1);

create table click_rules (id {serial}, digest text not null unique, rules {json} not null,
    first_used_at {instant} not null);
"""

CLICKS = """
create table click (
    click_day {date} not null, click_id {uuid} not null, clicked_at {instant} not null, ip {inet},
    actor_net {cidr}, actor_hash {bytes},
    visitor_id text not null default '', offer_id bigint not null, campaign_id bigint not null,
    informer_id bigint not null,
    account_id bigint not null, url text not null, state text not null check (state in ('pending', 'done', 'void')),
    is_unique {bool} not null, is_social {bool} not null, advertiser_cost bigint, partner_cost bigint,
    price_id bigint, adload_charge_id text,
    charge_started_at {instant}, attempts integer not null default 0, next_attempt_at {instant}, last_failure text,
    view_ms bigint not null,
    flags integer not null default 0, day_count smallint not null default 0, rules_id bigint,
    referer text not null default '',
    user_agent text not null default '', created_at {instant} not null, processed_at {instant}, payload text,
    check (state <> 'done' or (advertiser_cost is not null and partner_cost is not null)),
    check (state <> 'done' or (is_unique and not is_social) or (advertiser_cost = 0 and partner_cost = 0)),
    primary key ({key})){partitioned};
create index click_actor on click (actor_net, clicked_at);
create index click_informer on click (informer_id, clicked_at);
create index click_pending on click (next_attempt_at) where state = 'pending';

create table click_rejected (
    click_day {date} not null, click_id {uuid} not null, clicked_at {instant} not null, ip {inet}, actor_net {cidr},
    visitor_id text not null default '', offer_id bigint, offer_guid {uuid}, informer_id bigint,
    informer_guid {uuid}, token text not null,
    url text not null, reason_code text not null, reason text not null, detail {json} not null,
    referer text not null default '',
    user_agent text not null default '', view_ms bigint not null, primary key ({key})){partitioned};

create table click_error (
    click_day {date} not null, click_id {uuid} not null, clicked_at {instant} not null, campaign_id bigint,
    informer_id bigint,
    stage text not null, code text not null, message text not null, payload {json} not null,
    attempts integer not null default 0,
    created_at {instant} not null, resolved_at {instant}, resolved_by text,
    state text not null check (state in ('retry', 'open', 'unknown', 'replayed', 'dismissed')),
    primary key ({key})){partitioned};
create index click_error_recent on click_error (created_at desc, campaign_id);

create table ip_blacklist (
    id {serial}, net {cidr} not null, visitor_id text not null default '', reason_code text not null,
    source text not null check (source in ('auto', 'manual')), first_listed_at {instant} not null,
    last_violation_at {instant} not null,
    hits bigint not null default 0, expires_at {instant}, note text not null default '',
    created_by text not null default 'system',
    unique (net, visitor_id));
create index ip_blacklist_age on ip_blacklist (last_violation_at) where source = 'auto';

create table adload_charge (click_id {uuid} primary key, campaign_id bigint not null, cost bigint not null,
    created_at {instant} not null);
create table campaign_day (campaign_id bigint not null, day {date} not null, clicks bigint not null,
    primary key (campaign_id, day));
create table stats_dirty_day (day {date} primary key, since {instant} not null, marks bigint not null default 1);
"""

# on PostgreSQL a partition is one day: an index led by the day would lure the planner into reading all of it
CONTAINMENT = "create index ip_blacklist_net on ip_blacklist using gist (net inet_ops);"


def up(migrator: Any, db: Any) -> None:
    """Create the tables."""
    key = "click_id, click_day" if is_postgres() else "click_day, click_id"
    apply(db, DIMENSIONS + CLICKS.replace("{key}", key), postgres=CONTAINMENT)
