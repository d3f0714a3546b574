"""The peer's worker: Celery, one task per click, late acknowledgement, the ORM row by row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from celery.signals import worker_process_init
from peewee import BigIntegerField, CharField, DateTimeField, IntegrityError, Model, PostgresqlDatabase, fn
from psycopg2.extensions import parse_dsn

from config.clock import now
from config.settings import get_settings

_settings = get_settings()
_broker = _settings.rabbitmq_url.get_secret_value() if _settings.rabbitmq_url else ""
_options = parse_dsn(_settings.database_dsn)
database = PostgresqlDatabase(_options.pop("dbname"), **_options, options="-c timezone=UTC")

app = Celery("peer", broker=_broker)
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue="peer-clicks",
    task_default_delivery_mode="persistent",
    worker_prefetch_multiplier=4,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
)

LIMIT = 3
WINDOW = timedelta(hours=24)


class PeerClick(Model):
    """One stored click of the peer."""

    click_id = CharField(primary_key=True)
    ip = CharField()
    offer_id = BigIntegerField()
    informer_id = BigIntegerField()
    url = CharField(max_length=1024)
    cost = BigIntegerField()
    clicked_at = DateTimeField()
    outcome = CharField()

    class Meta:
        database = database
        indexes = ((("ip", "clicked_at"), False),)


class PeerBlacklist(Model):
    """One listed address of the peer."""

    ip = CharField(primary_key=True)

    class Meta:
        database = database


@worker_process_init.connect
def _connect(**_: Any) -> None:
    database.connect(reuse_if_open=True)


@app.task(name="peer.process_click")
def process_click(click_id: str, ip: str, offer_id: int, informer_id: int, url: str, clicked_at: str) -> None:
    """Blacklist, limit, store: the same decisions as ours, one click at a time."""
    at = datetime.fromisoformat(clicked_at).replace(tzinfo=None)
    row = {
        "click_id": click_id,
        "ip": ip,
        "offer_id": offer_id,
        "informer_id": informer_id,
        "url": url,
        "clicked_at": at,
    }
    try:
        with database.atomic():
            PeerClick.create(**row, cost=50_000, outcome=_decide(ip, at))
    except IntegrityError:
        return


def _decide(ip: str, at: datetime) -> str:
    if PeerBlacklist.get_or_none(PeerBlacklist.ip == ip):
        return "blacklisted"
    recent = (PeerClick.ip == ip) & (PeerClick.clicked_at > at - WINDOW) & (PeerClick.outcome == "counted")
    if PeerClick.select(fn.COUNT(PeerClick.click_id)).where(recent).scalar() < LIMIT:
        return "counted"
    PeerBlacklist.insert(ip=ip).on_conflict_ignore().execute()
    return "over_limit_day"


def send(click_id: str, ip: str, offer_id: int, informer_id: int, url: str) -> None:
    """Queue one click, waiting for the broker's confirm."""
    process_click.delay(click_id, ip, offer_id, informer_id, url, now().isoformat())


@app.task(name="peer.noop", queue="peer-noop")
def noop(number: int) -> None:
    """Do nothing, for the cost of a message."""
