"""Tables of the books: impressions, statistics at every grain, what is archived, ledger, payouts, the audit log."""

from typing import Any

from models.migrate import apply

MEASURES = """
    impressions_requested bigint not null default 0, impressions bigint not null default 0,
    clicks bigint not null default 0, clicks_unique bigint not null default 0,
    social_impressions bigint not null default 0, social_clicks bigint not null default 0,
    social_clicks_unique bigint not null default 0, partner_cost bigint not null default 0,
    advertiser_cost bigint not null default 0, view_ms bigint not null default 0
"""
UPPER = (
    MEASURES
    + """,
    block_views_requested bigint not null default 0, block_views bigint not null default 0,
    rejected_warning bigint not null default 0, rejected_banned bigint not null default 0,
    rejected_filtered bigint not null default 0, errors bigint not null default 0
"""
)

IMPRESSIONS = """
create table impression_batch (batch_id {uuid} primary key, server text not null, day {date} not null,
    impressions bigint not null, block_views bigint not null, digest text not null, received_at {instant} not null);
create index impression_batch_server on impression_batch (server, received_at);

create table impression_daily (day {date} not null, informer_id bigint not null, offer_id bigint not null,
    is_social {bool} not null, requested bigint not null, seen bigint not null,
    primary key (day, informer_id, offer_id, is_social)){by_day};
create table block_view_daily (day {date} not null, informer_id bigint not null, requested bigint not null,
    seen bigint not null, primary key (day, informer_id)){by_day};
"""

STATISTICS = """
create table stats_daily (day {date} not null, informer_id bigint not null, offer_id bigint not null,
    campaign_id bigint not null, account_id bigint not null, <measures>,
    primary key (day, informer_id, offer_id)){by_day};
create table stats_daily_adv (day {date} not null, informer_id bigint not null, account_id bigint not null,
    site_id bigint not null, <upper>, primary key (day, informer_id));
create index stats_daily_adv_account on stats_daily_adv (account_id, day);
create table stats_daily_user (day {date} not null, account_id bigint not null, <upper>,
    primary key (day, account_id));
create index stats_daily_user_account on stats_daily_user (account_id, day);
create table stats_overall_by_date (day {date} primary key, <upper>, accounts_total bigint not null default 0,
    accounts_active bigint not null default 0, sites_active bigint not null default 0, timezone text not null,
    refreshed_at {instant} not null);
create table manager_day (day {date} not null, manager_id bigint not null, advertiser_cost bigint not null,
    partner_cost bigint not null, accounts_total bigint not null, accounts_active bigint not null,
    primary key (day, manager_id));

create table archived_day (day {date} not null, name text not null,
    state text not null check (state in ('moving', 'archived', 'purged')),
    row_count bigint not null, advertiser_cost bigint not null default 0, partner_cost bigint not null default 0,
    archived_at {instant} not null, primary key (day, name));
create table reconciliation (day {date} not null, campaign_id bigint not null, clicks_here bigint not null,
    clicks_there bigint not null, cost_here bigint not null, cost_there bigint not null, differs {bool} not null,
    checked_at {instant} not null, primary key (day, campaign_id));
"""

# one row moves `amount` from a book of the network to the publisher (negative: back), so both sides always sum to zero
MONEY = """
create table payout_request (
    id {serial}, public_id {uuid} not null unique, account_id bigint not null references account (id),
    amount bigint not null check (amount > 0), currency text not null, method text not null, details_enc text,
    state text not null check (state in
        ('pending_confirmation', 'confirmed', 'agreed', 'paid', 'declined', 'cancelled')),
    reason text, confirm_token_hash text, confirm_expires_at {instant} not null, created_at {instant} not null,
    confirmed_at {instant}, agreed_by text, agreed_at {instant}, decided_by text, decided_at {instant},
    external_ref text, protection_code_enc text, comment text not null default '', ip {inet},
    version integer not null default 1);
create unique index payout_request_open on payout_request (account_id)
    where state in ('pending_confirmation', 'confirmed', 'agreed');
create index payout_request_token on payout_request (confirm_token_hash) where confirm_token_hash is not null;
create index payout_request_due on payout_request (confirm_expires_at) where state = 'pending_confirmation';

create table ledger_entry (
    id {serial}, account_id bigint not null references account (id),
    kind text not null check (kind in ('earning_day', 'payout_hold', 'payout_release', 'payout_paid', 'adjustment')),
    book text not null generated always as (case kind when 'earning_day' then 'earnings'
        when 'payout_paid' then 'payments' when 'adjustment' then 'adjustments' else 'holds' end) stored,
    amount bigint not null, ref_day {date}, request_id bigint references payout_request (id),
    source_key text unique, reason text not null default '', created_by text not null, created_at {instant} not null,
    check (kind <> 'earning_day' or (ref_day is not null and request_id is null)),
    check (kind not in ('payout_hold', 'payout_release', 'payout_paid') or request_id is not null),
    check (kind <> 'adjustment' or reason <> ''));
create unique index ledger_entry_day on ledger_entry (account_id, ref_day) where kind = 'earning_day';
create unique index ledger_entry_request on ledger_entry (request_id, kind) where request_id is not null;
create index ledger_entry_account on ledger_entry (account_id, created_at);
create index ledger_entry_corrected on ledger_entry (ref_day, account_id) where kind = 'adjustment';

create table claw_back (informer_id bigint not null, day {date} not null, amount bigint not null,
    reason text not null, created_by text not null, created_at {instant} not null, primary key (informer_id, day));

alter table account add column payout_methods {json};
"""

AUDIT = """
create table audit_log (
    id {serial}, at {instant} not null, actor_kind text not null, actor text not null, ip {inet},
    action text not null, object text not null, before {json}, after {json}, reason text not null default '',
    request_id text, result text not null default 'ok', undo_of bigint, previous_hash text not null,
    hash text not null unique);
create index audit_log_object on audit_log (object, id);
"""
APPEND_ONLY_POSTGRES = """
create function audit_log_is_append_only() returns trigger language plpgsql as
    $$ begin raise exception 'audit_log is append-only'; end $$;
create trigger audit_log_append_only before update or delete or truncate on audit_log
    execute function audit_log_is_append_only();
"""
APPEND_ONLY_SQLITE = """
create trigger audit_log_no_update before update on audit_log begin select raise(abort, 'append-only'); end;
create trigger audit_log_no_delete before delete on audit_log begin select raise(abort, 'append-only'); end;
"""


def up(migrator: Any, db: Any) -> None:
    """Create the tables."""
    tables = STATISTICS.replace("<measures>", MEASURES.strip()).replace("<upper>", UPPER.strip())
    apply(db, IMPRESSIONS + tables + MONEY + AUDIT, postgres=APPEND_ONLY_POSTGRES, sqlite=APPEND_ONLY_SQLITE)
