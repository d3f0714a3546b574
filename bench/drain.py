"""B2: a backlog of clicks in RabbitMQ, drained by one worker into PostgreSQL; the Celery peer drains its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pika

from bench.clicks import drained, start_celery
from bench.report import Report, must_equal
from bench.stage import Stage, stage
from bench.system import System
from bench.world import Visit, visits
from config.clock import monotonic, now
from config.ids import new_id
from core.ads.clicks import ClickMessage, encode
from web.envelope import message

GROUPS = (100, 1, 10, 500)
PEER_CLICKS = 5_000
_DICE = random.Random(7)


def main(clicks: int = 1_000_000) -> Report:
    """Drain the whole backlog in groups of 100, and smaller ones in groups of 1, 10 and 500, then the peer's."""
    report = Report("drain", "B2 draining a backlog (one worker process; 2 cores shared by everything)")
    rates: dict[int, float] = {}
    for group in GROUPS:
        number = clicks if group == GROUPS[0] else max(clicks // 20, group)
        rates[group] = _ours(report, group, number if group > 1 else number // 4)
    peer = _peer(report, min(PEER_CLICKS, clicks))
    report.facts = {"times the peer": round(rates[GROUPS[0]] / peer, 1)}
    report.publish()
    return report


def _ours(report: Report, group: int, clicks: int) -> float:
    with stage() as here:
        publish(here, group, visits(here.world, here.settings, clicks))
        with here.system("drain") as system:
            rate, seconds = _timed(here, system, clicks)
        outcomes = here.outcomes()
    must_equal("drain", {"sent": clicks, "decided": outcomes.decided})
    report.add(
        what=f"Signalbox, {group} per message", clicks=clicks, seconds=seconds, rate=rate, rejected=outcomes.rejected
    )
    return rate


def _timed(here: Stage, system: System, clicks: int) -> tuple[float, float]:
    started = monotonic()
    system.start("worker", "worker", "--lane", "clicks")
    drained(lambda: here.outcomes().decided, 1)
    first = here.outcomes().decided
    begun = monotonic()
    drained(lambda: here.outcomes().decided, clicks)
    seconds = monotonic() - begun
    return (clicks - first) / seconds, monotonic() - started


def publish(here: Stage, group: int, source: Iterator[Visit]) -> None:
    """Publish persistent messages of so many clicks each, with the actor's own body, as the redirect would have."""
    channel = _channel(here, "clicks")
    while bodies := [encode(_click(visit)) for visit in islice(source, group)]:
        channel.basic_publish("", "clicks", message(bodies), pika.BasicProperties(delivery_mode=2))
    channel.connection.close()


def _channel(here: Stage, queue: str) -> Any:
    from worker.broker import HardenedRabbitmqBroker

    broker = HardenedRabbitmqBroker(here.settings, "worker", [])
    broker.declare_queue(queue, ensure=True)
    broker.close()
    return pika.BlockingConnection(pika.URLParameters(here.variables["RABBITMQ_URL"])).channel()


def _click(visit: Visit) -> ClickMessage:
    parts = urlsplit(visit.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    at = now() + timedelta(seconds=_DICE.randint(1, 50))
    return ClickMessage(
        click_id=new_id(), clicked_at=at, token=parts.path.removeprefix("/r/"), u=query["u"], h=query["h"],
        url=query["u"], ip=visit.address, actor_net=f"{visit.address}/32", user_agent="Mozilla/5.0 (X11; Linux x86_64)",
        view_ms=_DICE.randint(1000, 90_000), redirect_host="bench",
    )  # fmt: skip


def _peer(report: Report, clicks: int) -> float:
    with stage() as here:
        stored = _peer_tables(here)
        for _, call in zip(range(clicks), _peer_calls(here, clicks), strict=False):
            call()
        with here.system("peer") as system:
            start_celery(system)
            drained(stored, 1)
            first, begun = stored(), monotonic()
            drained(stored, clicks)
            seconds = monotonic() - begun
        must_equal("peer", {"sent": clicks, "decided": stored()})
    rate: float = (clicks - first) / seconds
    report.add(what="Celery, one task per click", clicks=clicks, seconds=seconds, rate=rate)
    return rate


def _peer_tables(here: Stage) -> Any:
    from bench.peers.celery_app import PeerBlacklist, PeerClick, database

    with database.connection_context():
        database.create_tables([PeerClick, PeerBlacklist])
    return lambda: int(here.query("select count(*) from peerclick")[0][0])


def _peer_calls(here: Stage, clicks: int) -> Iterator[Any]:
    from functools import partial

    from bench.peers.celery_app import send

    for visit in visits(here.world, here.settings, clicks):
        yield partial(send, str(new_id()), visit.address, here.world.offers[0], here.world.informers[0], visit.path)


if __name__ == "__main__":
    main()
