"""Raw facts about a run, read by plain SQL and from the servers themselves, never through the product."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bench.chaos.checker import COUNTED, ERROR, PENDING, REJECTED, Row
from bench.chaos.nemesis import Deed
from bench.stage import Ground, Stage

_ROWS = f"""
select cast(click_id as text), case state when 'done' then '{COUNTED}' else '{PENDING}' end, url
from click where state in ('done', 'pending')
union all select cast(click_id as text), '{REJECTED}', url from click_rejected
union all select cast(click_id as text), '{ERROR}', {{url}} from click_error where state in ('open', 'unknown', 'retry')
"""  # noqa: S608  the values are constants
_STORED_AT = "select created_at from click order by 1"
_QUEUED = 'lists:sum([proplists:get_value(messages, rabbit_amqqueue:info(Q, [messages]), 0) || Q <- rabbit_amqqueue:list(<<"{}">>)])'  # noqa: E501


_REDELIVERED = (
    "lists:sum([maps:get(messages_redelivered_total, C, 0) || C <- maps:values(rabbit_global_counters:overview())])"
)


def rows(ground: Ground) -> list[Row]:
    """Every current row of the three stores of clicks."""
    url = "payload->>'url'" if isinstance(ground, Stage) else "json_extract(payload, '$.url')"
    return [Row(*row) for row in ground.query(_ROWS.replace("{url}", url))]


def open_work(ground: Ground) -> dict[str, int]:
    """What still waits, by where it waits; only what is above zero."""
    found = _on_servers(ground) if isinstance(ground, Stage) else _in_file(ground)
    found["spooled"] = spooled(ground.spool)
    found["pending"] = int(ground.query("select count(*) from click where state = 'pending'")[0][0])
    return {name: count for name, count in found.items() if count}


def _on_servers(stage: Stage) -> dict[str, int]:
    vhost = stage.variables["RABBITMQ_URL"].rpartition("/")[2]
    waiting = stage.query("select count(*) from outbox where available_at <= now()")
    return {"queued": int(stage.broker.evaluate(_QUEUED.format(vhost))), "outbox": int(waiting[0][0])}


def _in_file(ground: Ground) -> dict[str, int]:
    waiting = "select count(*) from queue_message where available_at <= strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"
    return {"queued": int(ground.query(waiting)[0][0])}


def redelivered(ground: Ground) -> int | None:
    """Messages that the broker has delivered again since it was started; None without a broker."""
    return int(ground.broker.evaluate(_REDELIVERED)) if isinstance(ground, Stage) else None


def spooled(directory: Path) -> int:
    """Lines in the spool files, torn ones included."""
    return sum(_lines(path) for path in directory.glob("clicks-*.jsonl"))


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def recovery_seconds(ground: Ground, started: float, deeds: Sequence[Deed]) -> list[float]:
    """For each deed, sorted: how long until the next click was stored; deeds after the last click are left out.

    `started` is the Unix time that deeds count from. Among several workers the next click may be another one's,
    which is the point: it is how long the system, not the process, stood still.
    """
    stored = [_unix(row[0]) - started for row in ground.query(_STORED_AT)]
    places = ((deed.t, bisect_right(stored, deed.t)) for deed in deeds)
    return sorted(stored[place] - at for at, place in places if place < len(stored))


def _unix(value: datetime | str) -> float:
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).timestamp()
