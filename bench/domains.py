"""B10: how fast domains are looked at, and how soon after a verdict a pipeline has switched and everything follows."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dns.resolver
import requests

from bench import outside
from bench.journal import quantile
from bench.outside import CAMPAIGNS, OFFERS, Outside
from bench.report import CountsDiffer, Report, must_equal
from bench.servers.kept import until
from bench.stage import Stage, stage
from bench.system import System
from config.catalog import LANES
from config.clock import monotonic
from core.domains import dns_round, pipelines, reputation
from core.domains.dns_votes import Resolution
from core.domains.persons import By
from models.database import connect, disconnect
from models.pipeline_writes import Settings

NAMES, DENIED, URLS, LISTED = 500, 20, 10_000, 100
SWITCHES = 20
EVERY = 12.0
"""Seconds between two listings: the chat takes 15 messages a minute, and Affise about one write a second."""
_PEER_NAMES, _PEER_URLS, _PEER_THREADS = 100, 200, 32
_OTHER = tuple(word for name in LANES if name != "clicks" for word in ("--lane", name))
_TIMES = """
select extract(epoch from s.decided_at - e.at),
    (select extract(epoch from t.proved_at - e.at) from switch_step t where t.switch_id = s.id and t.step = 'voluum'),
    (select extract(epoch from t.proved_at - e.at) from switch_step t where t.switch_id = s.id and t.step = 'affise'),
    extract(epoch from s.announced_at - e.at)
from domain_switch s join lateral (
    select max(observed_at) as at from domain_evidence v where v.domain_id = s.from_domain_id and v.source = 'gsb'
        and v.verdict = 'unsafe' and v.observed_at <= s.decided_at) e on true
where s.trigger = 'check'
"""
_OPEN = """
select count(*) from domain_switch s where s.trigger = 'check' and (s.announced_at is null or exists (
    select 1 from switch_step t where t.switch_id = s.id and t.state in ('pending', 'running')))
"""
_MADE = "select count(*) from domain_switch where trigger = 'check'"


def main(switches: int = SWITCHES) -> Report:
    """Sweeps of many names beside the usual way, then switches one after another, on real servers."""
    report = Report("domains", f"B10 sweeps of {NAMES} names and {URLS:,} addresses; {switches} switches")
    with tempfile.TemporaryDirectory(prefix="signalbox-domains-") as folder:
        chosen = outside.variables(outside.free_port(), Path(folder))
        with stage(**chosen) as here, here.system() as system, outside.outside(system) as sandbox:
            connect(here.settings, role="bench")
            _names(here, report)
            _addresses(sandbox, report)
            _switches(here, system, sandbox, report, switches)
            disconnect()
    report.publish()
    return report


def _names(here: Stage, report: Report) -> None:
    names = [f"n{number}.sandbox.test" for number in range(NAMES - DENIED)]
    names += [f"nx.n{number}.sandbox.test" for number in range(DENIED)]
    begun = monotonic()
    found = dns_round.ask(names, here.settings)
    seconds = monotonic() - begun
    denied = [vote for vote in found.votes.values() if vote.resolution is Resolution.NOT_RESOLVABLE]
    must_equal("names that do not resolve", {"asked": DENIED, "found": len(denied)})
    must_equal("names", {"asked": NAMES, "answered": len(found.votes)})
    report.add(what=f"DNS, 3 resolvers, {NAMES} names", seconds=seconds, rate=NAMES / seconds)
    report.add(what=f"  a thread per name, {_PEER_THREADS} at once", **_one_by_one(here, names[:_PEER_NAMES]))


def _one_by_one(here: Stage, names: list[str]) -> dict[str, float]:
    """The usual way: a blocking resolver in threads, for each upstream and type."""

    def resolve(name: str) -> None:
        for upstream in here.settings.dns_upstreams.split(","):
            host, _, port = upstream.rpartition(":")
            resolver = dns.resolver.Resolver(configure=False)
            resolver.nameservers, resolver.port = [host], int(port)
            for kind in ("A", "AAAA"):
                resolver.resolve(name, kind)

    return _timed(resolve, names)


def _timed(work: Any, items: list[str]) -> dict[str, float]:
    begun = monotonic()
    with ThreadPoolExecutor(_PEER_THREADS) as pool:
        list(pool.map(work, items))
    seconds = monotonic() - begun
    return {"seconds": seconds, "rate": len(items) / seconds}


def _addresses(sandbox: Outside, report: Report) -> None:
    urls = [f"https://u{number}.sandbox.test/" for number in range(URLS)]
    for number in range(LISTED):
        sandbox.post("hosts", {"host": f"u{number}.sandbox.test", "listed": ["MALWARE"]})
    begun = monotonic()
    found = reputation.look_up(urls)
    seconds = monotonic() - begun
    must_equal("listed addresses", {"listed": LISTED, "found": len(found.unsafe)})
    report.add(what=f"Safe Browsing, {URLS:,} addresses", seconds=seconds, rate=URLS / seconds)
    report.add(what=f"  a request per address, {_PEER_THREADS} at once", **_asked_singly(sandbox, urls[:_PEER_URLS]))


def _asked_singly(sandbox: Outside, urls: list[str]) -> dict[str, float]:
    def ask(url: str) -> None:
        requests.get(f"{sandbox.url}/gsb/v5/urls:search", params={"urls": url, "key": "sandbox"}, timeout=10)

    return _timed(ask, urls)


def _switches(here: Stage, system: System, sandbox: Outside, report: Report, switches: int) -> None:
    hosts = [(f"b{number}-1.sandbox.test", f"b{number}-2.sandbox.test") for number in range(switches)]
    wish = Settings(with_update_voluum=True, with_update_affise=True)
    for number, pair in enumerate(hosts):
        pipelines.create(f"pipeline {number}", pair, By("bench"), wish)
        sandbox.furnish(number, pair[0])
    system.start("worker", "worker", *_OTHER)
    system.start("relay", "relay")
    system.start("scheduler", "scheduler")
    time.sleep(EVERY)
    for old, _ in hosts:
        sandbox.post("hosts", {"host": old, "listed": ["SOCIAL_ENGINEERING"]})
        time.sleep(EVERY)
    until(lambda: _ended(here, switches), 120, lambda: CountsDiffer(f"not all has followed: {here.query(_OPEN)}"))
    moved = {"wanted": switches * CAMPAIGNS, "found": sum(sandbox.campaigns_on(new) for _, new in hosts)}
    must_equal("campaigns on the new domains", moved)
    moved = {"wanted": switches * OFFERS * 2, "found": sum(sandbox.addresses_on(new) for _, new in hosts)}
    must_equal("addresses of offers on the new domains", moved)
    for place, what in enumerate(("switched in the database", "Voluum proved", "Affise proved", "told in Telegram")):
        times = sorted(float(row[place]) for row in here.query(_TIMES))
        report.add(what=f"verdict to {what}", seconds=quantile(times, 0.5), p95_s=quantile(times, 0.95))


def _ended(here: Stage, switches: int) -> bool:
    return bool(here.query(_MADE)[0][0] == switches and here.query(_OPEN)[0][0] == 0)


if __name__ == "__main__":
    main()
