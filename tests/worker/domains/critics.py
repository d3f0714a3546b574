"""Who judges a history: from the rows, and from what the sandbox holds and has noted, and from nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from config.clock import now
from models import invariants_domains
from models.database import fetch
from models.fields import instant
from tests.worker.domains.happenings import History
from tests.worker.domains.theatre import owner_of

_LINES = """
select l.name, l.mode, l.with_update_voluum, l.with_update_affise, d.name,
    (select max(s.decided_at) from domain_switch s where s.pipeline_id = l.id), l.id, l.held_at, x.role_since
from tracking_domain_pipeline l
left join pipeline_domain x on x.pipeline_id = l.id and x.role = 'active'
left join tracking_domain d on d.id = x.domain_id
"""
_SWITCHES = """
select l.name, s.seq, s.trigger, d.name, s.decided_at, s.observed_at, e.source, s.announced_at, s.id
from domain_switch s join tracking_domain_pipeline l on l.id = s.pipeline_id
left join tracking_domain d on d.id = s.from_domain_id left join domain_evidence e on e.id = s.evidence_id
"""
_SEEN = "select object_id, field, seen_domain, seen_at from platform_observation where platform = %s"
_PROPOSED = "select 1 from switch_proposal where pipeline_id = %s and (decision is null or decision = 'ignored')"
_OPEN = "select kind, dedupe_key from alert where resolved_at is null"
SLACK, QUIET = 2.0, timedelta(minutes=12)


def behind(history: History) -> list[str]:
    """N6: objects that do not follow, though the last switch is a minute ago, and healing, too."""
    quiet = now() - timedelta(seconds=60 + history.theatre.went_back)
    lines = {row[0]: row for row in fetch(_LINES)}
    return [
        f"a minute later {service} {key} {name} still shows {host}, {lines[owner][4]} is active"
        for service, key, name, host in _shown(history)
        if (owner := str(owner_of(key))) and service not in history.paused and key not in history.touched
        and lines[owner][4] and _follows(lines[owner], service) and instant(lines[owner][5]) < quiet
        and host != lines[owner][4] and not _given_up(lines[owner][6], service)
    ]  # fmt: skip


def _follows(line: tuple[Any, ...], service: str) -> bool:
    return bool(line[2] if service == "voluum" else line[3])


def _given_up(pipeline_id: int, service: str) -> bool:
    """A person was told that a write went wrong, and has to look."""
    return ("step_failed", f"{pipeline_id}:{service}") in _incidents()


def _incidents() -> set[tuple[str, str]]:
    return {(kind, key) for kind, key in fetch(_OPEN)}


def _shown(history: History) -> Iterator[tuple[str, str, str, str]]:
    """(service, object, field, host) as the platforms really hold it."""
    for raw in history.sandbox.control("GET", "state/voluum")["campaigns"]:
        if owner_of(raw["id"]):
            yield "voluum", raw["id"], "preferredTrackingDomain", raw["preferredTrackingDomain"]
    for raw in history.sandbox.control("GET", "state/affise")["offers"]:
        for name in ("url", "trafficback_url") if owner_of(str(raw["id"])) else ():
            yield "affise", str(raw["id"]), name, str(urlsplit(raw[name]).hostname)


def all_of(history: History) -> list[str]:
    """Everything that is wrong in the end."""
    checks = [check for check in invariants_domains.CHECKS if check.name != "verdicts lost"]
    broken = [
        f"{check.id} {check.name}: {found}"
        for check in checks
        if (found := check.find((now() - timedelta(days=1)).date()))
    ]
    return [*broken, *_false(history), *_lost(history), *_elsewhere(history), *_untold(history)]


def _false(history: History) -> Iterator[str]:
    """Switches by a check of a domain that was well: then, or when it was asked about again."""
    slack = timedelta(seconds=SLACK + history.theatre.went_back)
    for name, seq, trigger, host, decided, observed, source, *_ in fetch(_SWITCHES):
        if trigger != "check":
            continue
        at = instant(decided)
        lately = _was_bad(history, host, at - timedelta(seconds=60) - slack, at + slack)
        if not lately or not instant(observed) <= at + slack:
            yield f"P4 {name} #{seq} left {host} for {source} though nothing was wrong with it"


def _was_bad(history: History, host: str, since: datetime, until: datetime) -> bool:
    spans = [span for kind in ("gsb", "dns") for span in history.truth.get((host, kind), [])]
    return any(begin is not None and begin <= until and (end is None or end >= since) for begin, end in spans)


def _lost(history: History) -> Iterator[str]:
    """Active domains that have long been bad, with nobody switching, asking, or holding."""
    told = {kind for kind, _ in _incidents()}
    all_held = fetch("select 1 from failover_control where held_at is not null")
    for name, mode, _, _, host, _, number, held, since in fetch(_LINES):
        if host is None and "exhausted" not in told:
            yield f"P3 {name} has no domain, and no incident says so"
        if host is None or not _long_bad(history, host, instant(since)):
            continue
        if held or all_held:
            if "held" not in told:
                yield f"P3 {name} is held, {host} is bad, and no incident says so"
        elif mode == "auto" or (mode == "suggest" and not fetch(_PROPOSED, (number,))):
            yield f"P3 {name} ({mode}) still uses {host}"
        elif mode == "watch" and "unsafe" not in told:
            yield f"P3 {name} ({mode}) uses {host}, and no incident says so"


def _long_bad(history: History, host: str, since: datetime) -> bool:
    limit = now() - QUIET - timedelta(seconds=history.theatre.went_back)
    spans = [span for kind in ("gsb", "dns") for span in history.truth.get((host, kind), [])]
    return since < limit and any(end is None and begin is not None and begin < limit for begin, end in spans)


def _elsewhere(history: History) -> Iterator[str]:
    """P6: what is not where it belongs must show as that."""
    lines = {row[0]: row for row in fetch(_LINES)}
    for service, key, field, host in _shown(history):
        line = lines[str(owner_of(key))]
        if not _follows(line, service) or host == line[4]:
            continue
        seen = {(row[0], row[1]): row[2] for row in fetch(_SEEN, (service,))}
        if seen.get((key, field), host) != host:
            yield f"P6 {service} {key} {field} shows {host}, we say {seen[key, field]}"
        if line[4] and line[1] == "auto" and key not in history.touched and not _given_up(line[6], service):
            yield f"P6 {service} {key} {field} shows {host}, and nobody moves it to {line[4]}"


def _untold(history: History) -> Iterator[str]:
    """P8: a switch nobody was told of, or an incident that was told twice without need."""
    for name, seq, trigger, *_, announced, _ in fetch(_SWITCHES):
        if trigger != "create" and announced is None:
            yield f"P8 {name} #{seq} was not announced"
    seen: Counter[str] = Counter()
    for message in history.sandbox.control("GET", "telegram/messages")["messages"]:
        if not message["reply_to"]:
            seen[message["text"].rpartition("incident #")[2].split()[0].rstrip(",")] += 1
    doubts = sum(history.theatre.deaths[task] for task in ("announce_alert", "announce_pipeline_switch"))
    doubts += sum(bool(row["fault"]) for row in history.sandbox.journal("telegram"))
    twice = {number: times - 1 for number, times in seen.items() if times > 1}
    if sum(twice.values()) > doubts:
        yield f"P8 told twice without need: {twice}, {doubts} doubts"
