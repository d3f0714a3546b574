"""Tables of the tracking domains: pipelines and roles, evidence, switches and their steps, requests, incidents."""

from typing import Any

from models.migrate import apply

PIPELINES = """
create table tracking_domain (
    id {serial}, name text not null unique check (length(name) between 1 and 253), registrable text not null,
    note text not null default '', created_at {instant} not null);

create table tracking_domain_pipeline (
    id {serial}, name text not null unique, enabled {bool} not null default {true},
    status text not null default 'active' check (status in ('active', 'exhausted')),
    mode text not null default 'auto' check (mode in ('auto', 'suggest', 'watch')),
    with_update_voluum {bool} not null default {false}, with_update_affise {bool} not null default {false},
    return_to_work {bool} not null default {false}, switch_seq bigint not null default 0,
    held_at {instant}, held_by text, held_reason text, held_until {instant}, trafficback_url text,
    expected_cname text, block_on_tls {bool} not null default {false},
    affise_auto_approve {bool} not null default {true}, affise_max_items integer, max_switches_per_day integer,
    cool_down_s integer, blast_radius_exempt_until {instant}, created_at {instant} not null);

create table domain_evidence (
    id {serial}, domain_id bigint not null references tracking_domain (id),
    source text not null check (source in ('gsb', 'dns', 'gsc', 'tls', 'http', 'rdap', 'manual')),
    verdict text not null check (verdict in ('safe', 'suspect', 'unsafe', 'unknown')), subject text not null,
    provider text not null, live {bool} not null, cycle_id bigint, canary_ok {bool}, detail {json} not null,
    observed_at {instant} not null, expires_at {instant} not null);
create index domain_evidence_of on domain_evidence (domain_id, source, observed_at);
create index domain_evidence_age on domain_evidence (observed_at);

create table pipeline_domain (
    pipeline_id bigint not null references tracking_domain_pipeline (id),
    domain_id bigint not null references tracking_domain (id),
    role text not null check (role in ('active', 'backup', 'blocked', 'parked')), position integer not null default 0,
    role_since {instant} not null, block_reason text, block_evidence_id bigint references domain_evidence (id),
    blocked_at {instant}, clean_count integer not null default 0, last_clean_at {instant},
    primary key (pipeline_id, domain_id), check ((role = 'blocked') = (blocked_at is not null)));
create unique index pipeline_domain_one_active on pipeline_domain (pipeline_id) where role = 'active';
create unique index pipeline_domain_one_work on pipeline_domain (domain_id) where role in ('active', 'backup');

create table pipeline_destination (
    pipeline_id bigint not null references tracking_domain_pipeline (id), url text not null,
    source text not null check (source in ('operator', 'voluum')), primary key (pipeline_id, url));

create table domain_state (
    domain_id bigint not null references tracking_domain (id), source text not null, verdict text not null,
    evidence_id bigint, observed_at {instant} not null, first_bad_at {instant}, streak integer not null default 0,
    changed_at {instant} not null, clean_since {instant}, detail {json},
    primary key (domain_id, source));

create table check_cycle (
    id {serial}, source text not null, started_at {instant} not null, ended_at {instant}, safe integer,
    suspect integer, unsafe integer, unknown integer, canary_ok {bool},
    action text check (action in ('acted', 'blind', 'held')));

create table failover_control (
    id integer primary key check (id = 1), held_at {instant}, held_by text, reason text, released_until {instant},
    version integer not null default 1);
insert into failover_control (id) values (1);
"""

SWITCHES = """
create table domain_switch (
    id {serial}, pipeline_id bigint not null references tracking_domain_pipeline (id), seq bigint not null,
    from_domain_id bigint references tracking_domain (id), to_domain_id bigint references tracking_domain (id),
    trigger text not null check (trigger in ('check', 'manual', 'return', 'create', 'undo')), reason text not null,
    actor text not null, evidence_id bigint references domain_evidence (id), observed_at {instant},
    decided_at {instant} not null, unverified {bool} not null default {false}, skipped {json} not null default '[]',
    superseded_at {instant}, announced_at {instant}, chat_id bigint, message_id bigint, unique (pipeline_id, seq));
create index domain_switch_unannounced on domain_switch (decided_at) where announced_at is null;

create table switch_step (
    switch_id bigint not null references domain_switch (id),
    step text not null check (step in ('voluum', 'affise', 'telegram')),
    state text not null check (state in
        ('pending', 'running', 'done', 'partial', 'failed', 'superseded', 'not_needed')),
    attempts integer not null default 0, lease_until {instant}, next_attempt_at {instant},
    items_total integer not null default 0, items_done integer not null default 0, last_error text,
    proved_at {instant}, opened_at {instant}, tries integer not null default 0, primary key (switch_id, step));
create index switch_step_open on switch_step (next_attempt_at) where state in ('pending', 'running');

create table platform_change (
    id {serial}, switch_id bigint not null references domain_switch (id), platform text not null,
    object_type text not null, object_id text not null, field text not null, before text not null,
    after text not null, whole {json}, remote_updated_at text,
    state text not null check (state in ('planned', 'applying', 'applied', 'verified', 'skipped', 'conflict',
        'failed', 'superseded', 'rolled_back')),
    attempts integer not null default 0, last_error text, applied_at {instant}, verified_at {instant},
    unique (switch_id, platform, object_type, object_id, field));

create table platform_observation (
    platform text not null, object_type text not null, object_id text not null, field text not null,
    pipeline_id bigint references tracking_domain_pipeline (id), seen_domain text not null, seen_at {instant} not null,
    primary key (platform, object_type, object_id, field));

create table affise_switch_request (
    id {uuid} primary key, pipeline_id bigint not null references tracking_domain_pipeline (id),
    switch_id bigint references domain_switch (id), old_domain text not null, new_domain text not null,
    reason text not null, created_by text not null,
    status text not null check (status in ('draft', 'planned', 'awaiting_approval', 'approved', 'applying', 'done',
        'partial', 'failed', 'rejected', 'expired', 'superseded', 'rolled_back')),
    version integer not null default 1, items_sha256 text, approved_by text, approved_at {instant},
    created_at {instant} not null, expires_at {instant}, undo_of {uuid} references affise_switch_request (id),
    look_again {bool} not null default {false});
create unique index affise_switch_request_open on affise_switch_request (pipeline_id, old_domain, new_domain)
    where status in ('draft', 'planned', 'awaiting_approval', 'approved', 'applying', 'partial');
create table affise_switch_item (
    id {serial}, request_id {uuid} not null references affise_switch_request (id), offer_id bigint not null,
    offer_title text not null default '', field text not null check (field in ('url', 'trafficback_url')),
    before text not null, after text not null, offer_updated_at text,
    status text not null check (status in ('planned', 'applying', 'applied', 'verified', 'skipped', 'conflict',
        'failed', 'superseded', 'rolled_back')),
    attempts integer not null default 0, last_error text, applied_at {instant}, verified_at {instant},
    passing {bool} not null default {false}, next_attempt_at {instant}, unique (request_id, offer_id, field));

create table domain_safety_request (
    id {uuid} primary key, domain_id bigint not null references tracking_domain (id),
    pipeline_id bigint not null references tracking_domain_pipeline (id), source text not null default 'gsc',
    bucket {instant} not null,
    status text not null check (status in ('pending', 'dispatched', 'safe', 'unsafe', 'unknown', 'failed', 'expired',
        'cancelled')),
    nonce text not null, dispatched_at {instant}, expires_at {instant} not null, answered_at {instant}, verdict text,
    evidence {json}, answer_sha256 text, attempts integer not null default 0, created_at {instant} not null,
    unique (domain_id, source, bucket));
create unique index domain_safety_request_open on domain_safety_request (domain_id, source)
    where status in ('pending', 'dispatched');

create table switch_proposal (
    id {serial}, pipeline_id bigint not null references tracking_domain_pipeline (id),
    domain_id bigint not null references tracking_domain (id), reason text not null, evidence_id bigint,
    expected_seq bigint not null, expires_at {instant} not null, decision text, decided_by text,
    created_at {instant} not null);
create unique index switch_proposal_open on switch_proposal (pipeline_id) where decision is null;
"""

OUTSIDE = """
create table reputation_cache (
    provider text not null, prefix text not null, full_hashes {json} not null, observed_at {instant} not null,
    expires_at {instant} not null, primary key (provider, prefix));
create table integration_pause (service text primary key, reason text not null, since {instant} not null);
create table rate_bucket (service text primary key, tokens double precision not null, refilled_at {instant} not null);

create table alert (
    id {serial}, kind text not null, dedupe_key text not null,
    severity text not null check (severity in ('critical', 'warning', 'info')), first_seen_at {instant} not null,
    last_seen_at {instant} not null, count integer not null default 1, payload {json} not null, acked_by text,
    acked_at {instant}, chat_id bigint, message_id bigint, message_text text, announced_at {instant},
    repeat_at {instant}, repeats integer not null default 0, resolved_at {instant}, closing_told_at {instant},
    version integer not null default 1, told_version integer not null default 0, claimed_until {instant},
    group_id bigint, notes {json} not null default '[]');
create unique index alert_open on alert (kind, dedupe_key) where resolved_at is null;
create index alert_latest on alert (kind, dedupe_key, id);
create index alert_recent on alert (first_seen_at);
create index alert_untold on alert (id) where told_version < version and group_id is null;
create index alert_members on alert (group_id) where group_id is not null;
create table telegram_chat (id bigint primary key, moved_to bigint not null, moved_at {instant} not null);
create table telegram_update (update_id bigint primary key, received_at {instant} not null);
create table telegram_button (
    id text primary key, action text not null, object text not null, expected text not null,
    allowed {json} not null, expires_at {instant} not null, used_by text, used_at {instant});
create table telegram_person (
    id {serial}, telegram_id bigint not null, name text not null,
    role text not null check (role in ('viewer', 'operator', 'admin')), linked_at {instant} not null,
    unlinked_at {instant});
create unique index telegram_person_linked on telegram_person (telegram_id) where unlinked_at is null;
create unique index telegram_person_named on telegram_person (name) where unlinked_at is null;
create table telegram_code (
    hash text primary key, name text not null, role text not null check (role in ('viewer', 'operator', 'admin')),
    expires_at {instant} not null, used_at {instant});
create table telegram_digest (day text primary key, claimed_until {instant} not null, sent_at {instant});
create table alert_mute (kind text primary key, muted_by text not null, until {instant} not null);
"""


def up(migrator: Any, db: Any) -> None:
    """Create the tables."""
    apply(db, PIPELINES + SWITCHES + OUTSIDE)
