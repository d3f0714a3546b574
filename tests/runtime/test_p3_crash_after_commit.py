"""P3: a worker that dies between commit and acknowledgement: the message comes again, so every task is run twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from config.catalog import TASKS, Area
from config.clock import now, today
from config.ids import new_id
from config.settings import Settings
from core import alerts
from core.ads import clicks
from models.ads import Campaign, ClickError, IpBlacklist, Offer
from models.database import db, execute, fetch
from models.dead_letters import Letter, bury
from models.envelope import decode, encode_message
from models.fields import bind
from models.runtime import DeadReason
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv
from tests.core.ads import old_days, stage
from tests.core.ads.letterbox import DATA_KEYS, payout
from tests.core.ads.stage import Stage
from tests.core.chatroom import CHAT
from tests.mailbox import mailbox
from tests.runtime import domain_samples as samples
from worker import events
from worker.broker import load_actors, make_broker

TABLES = (
    "click", "click_rejected", "click_error", "ip_blacklist", "adload_charge", "campaign", "offer", "click_price",
    "stats_dirty_day", "dead_letter", "queue_message", "mail", "account", "stats_daily", "stats_daily_adv",
    "stats_daily_user", "stats_overall_by_date", "manager_day", "ledger_entry", "payout_request", "audit_log", "alert",
    "pipeline_domain", "tracking_domain_pipeline", "domain_switch", "switch_step", "affise_switch_request",
    "domain_safety_request", "domain_state", "platform_change", "platform_observation", "affise_switch_item",
    "telegram_digest",
)  # fmt: skip
# when a row was written, and what was only asked for again, may differ between the runs
VOLATILE = {
    "created_at",
    "processed_at",
    "since",
    "marks",
    "synced_at",
    "updated_at",
    "held_since",
    "available_at",
    "refreshed_at",
    "id",
    "observed_at",
    "changed_at",
    "seen_at",
    "evidence_id",
    "asked_until",
}


# an incident counts how often it was seen, a state how often in a row
ALSO_VOLATILE = {
    "queue_message": {"body", "message_id"},
    "alert": {"count", "version", "last_seen_at", "asked"},
    "domain_state": {"streak", "detail"},
}


def one_click(here: Stage) -> dict[str, Any]:
    return {"click": clicks.payload(here.click())}


def five_clicks(here: Stage) -> dict[str, Any]:
    return {"clicks": [clicks.payload(here.click(number % 5, at=timedelta(seconds=number))) for number in range(5)]}


def old_entry(here: Stage) -> dict[str, Any]:
    at = now() - timedelta(days=40)
    IpBlacklist.create(
        net="203.0.113.9/32", reason_code="over_limit_day", source="auto", first_listed_at=at, last_violation_at=at
    )
    return {}


def failing_campaign(here: Stage) -> dict[str, Any]:
    Campaign.update(status="hold").execute()
    stage.local(*(here.click(number, ip=stage.ip(number)) for number in range(4)))
    assert ClickError.select().count() == 4
    return {}


def campaign(here: Stage) -> dict[str, Any]:
    return {"campaign_id": here.campaign.id}


def open_errors(here: Stage) -> dict[str, Any]:
    failing_campaign(here)
    Campaign.update(status="working").execute()
    return {}


def silent_server(here: Stage) -> dict[str, Any]:
    row = str(new_id()), "ad-1", bind(today()), 1, 0, "", bind(now() - timedelta(hours=2))
    execute("insert into impression_batch values (%s, %s, %s, %s, %s, %s, %s)", row)
    return {}


def dead_message(here: Stage) -> dict[str, Any]:
    body = encode_message("process_click", one_click(here))
    bury(Letter(decode(body)["message_id"], 0, "process_click", "clicks", body, DeadReason.EXHAUSTED, None))
    return {"dead_letter_id": fetch("select max(id) from dead_letter")[0][0]}


def held_for_long(here: Stage) -> dict[str, Any]:
    Campaign.update(status="hold", held_since=now() - timedelta(days=8)).execute()
    return {}


def ended_campaign(here: Stage) -> dict[str, Any]:
    Campaign.update(status="stop").execute()
    return {}


def idle_campaign(here: Stage) -> dict[str, Any]:
    Offer.update(active=False).execute()
    return {}


def event(here: Stage) -> dict[str, Any]:
    return {"key": "campaign.update", "document": events.document("campaign.update", {"campaign_id": here.campaign.id})}


def counted_clicks(here: Stage) -> dict[str, Any]:
    stage.local(*(here.click(number, ip=stage.ip(number)) for number in range(4)))
    return {}


def waiting_mail(here: Stage) -> dict[str, Any]:
    return {"template": "payout_paid", "request_id": str(payout(state="paid", external_ref="7"))}


def unconfirmed(here: Stage) -> dict[str, Any]:
    payout(confirm_expires_at=now() - timedelta(hours=1))
    return {}


def old_days_of_clicks(here: Stage) -> dict[str, Any]:
    old_days.make(91, 31)
    return {}


def person(here: Stage) -> dict[str, Any]:
    return {"account": str(here.account.guid), "reason": "asked for it", "by": "anna"}


def unreported(here: Stage) -> dict[str, Any]:
    dead_message(here)
    return {}


def open_incident(here: Stage) -> dict[str, Any]:
    with db.atomic():
        (alert_id,) = alerts.raise_alert("unsafe", "c4.example", alerts.Severity.CRITICAL, {"object": "c4.example"})
    return {"alert_id": alert_id}


def untold_incident(here: Stage) -> dict[str, Any]:
    open_incident(here)
    execute("update alert set first_seen_at = %s, last_seen_at = %s", (bind(now() - timedelta(minutes=1)),) * 2)
    return {}


def nothing(here: Stage) -> dict[str, Any]:
    return {}


SAMPLES: dict[str, Callable[[Stage], dict[str, Any]]] = {
    "process_click": one_click,
    "process_clicks": five_clicks,
    "finish_pending_clicks": nothing,
    "replay_spool": nothing,
    "clean_ip_blacklist": old_entry,
    "check_outdated_campaigns": failing_campaign,
    "check_impression_servers": silent_server,
    "refresh_campaign": campaign,
    "announce_campaign": campaign,
    "check_campaigns": idle_campaign,
    "stop_old_campaigns": held_for_long,
    "deactivate_orphan_offers": ended_campaign,
    "reconcile_adload": nothing,
    "report_dead_letters": unreported,
    "replay_click_errors": open_errors,
    "erase_account": person,
    "send_mail": waiting_mail,
    "decline_unconfirmed_moneyout_requests": unconfirmed,
    "keep_click_partitions": nothing,
    "archive_old_stats": old_days_of_clicks,
    "erase_old_addresses": old_days_of_clicks,
    "drop_old_rejections": old_days_of_clicks,
    "aggregate_stats": counted_clicks,
    "check_active_tracking_domains_via_gsb": samples.listed,
    "check_active_tracking_domains_via_dns": samples.unresolvable,
    "check_active_tracking_domains_via_gsc": samples.pipeline,
    "block_active_tracking_domain": samples.order_to_block,
    "check_blocked_tracking_domains": samples.clean_again,
    "unblock_blocked_tracking_domain": samples.safe_again,
    "check_spare_tracking_domains": samples.listed_spare,
    "update_voluum_campaigns": samples.campaigns_to_move,
    "plan_affise_switch_request": samples.drafted,
    "apply_affise_switch_item": samples.planned_item,
    "announce_pipeline_switch": samples.switched,
    "sweep_unfinished_switches": samples.unfinished,
    "check_platform_domains": samples.drifted,
    "dispatch_domain_safety_request": samples.open_request,
    "expire_domain_safety_requests": samples.overdue_request,
    "send_domains_digest": nothing,
    "give_up": dead_message,
    "publish_event": event,
    "announce_alert": open_incident,
    "remind_of_alerts": untold_incident,
}


@pytest.fixture(scope="module")
def smtp_url() -> Iterator[str]:
    with mailbox() as box:
        yield box.url


@pytest.fixture(scope="module")
def outside() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def settings(settings_env: SettingsEnv, sqlite_database: Any, smtp_url: str, outside: Sandbox) -> Iterator[Settings]:
    outside.reset()
    samples.OUTSIDE[:] = [outside]
    outside.edit("voluum", "settings", per_second=100_000)
    chat = {"TELEGRAM_BOT_TOKEN": "123:canary-token", "TELEGRAM_CHAT_ID": str(CHAT)}
    made = settings_env(
        DATA_KEYS=DATA_KEYS, SMTP_URL=smtp_url, SANDBOX_URL=outside.url, SAFE_BROWSING_PROVIDER="sandbox", **chat
    )
    broker = make_broker(made, "worker")
    load_actors()
    for queue in {task.queue for task in TASKS.values()}:
        broker.declare_queue(queue)
    yield made
    broker.close()


def state() -> dict[str, list[tuple[Any, ...]]]:
    """Every row that matters, without what may differ."""
    return {table: sorted(_rows(table), key=repr) for table in TABLES}


def _rows(table: str) -> list[tuple[Any, ...]]:
    columns = [column.name for column in db.get_columns(table)]
    wanted = [name for name in columns if name not in VOLATILE | ALSO_VOLATILE.get(table, set())]
    # what is ordered twice is harmless, as every task shows here
    distinct = "distinct " if table == "queue_message" else ""
    return fetch(f"select {distinct}{', '.join(wanted)} from {table}")


def test_every_task_of_the_catalog_has_a_sample_here() -> None:
    assert set(SAMPLES) == set(TASKS)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_same_message_twice_leaves_what_one_left(name: str, settings: Settings, outside: Sandbox) -> None:
    arguments = SAMPLES[name](stage.build())
    task = load_actors()[name]
    before = state(), samples.effects(outside)
    task.fn(**arguments)
    once = state(), samples.effects(outside)
    if TASKS[name].area is Area.DOMAINS:
        assert once != before, "a sample that nothing is done about shows nothing"
    if name in samples.MOVES_ROLES:
        assert once[0]["pipeline_domain"] != before[0]["pipeline_domain"]
    task.fn(**arguments)
    assert (state(), samples.effects(outside)) == once


def test_clicks_again_in_another_order_and_other_groups_change_nothing(settings: Settings) -> None:
    here = stage.build()
    bodies = five_clicks(here)["clicks"]
    tasks = load_actors()
    tasks["process_clicks"].fn(clicks=bodies)
    once = state()
    for body in reversed(bodies):
        tasks["process_click"].fn(click=body)
    tasks["process_clicks"].fn(clicks=bodies[2:] + bodies[:2])
    assert state() == once
