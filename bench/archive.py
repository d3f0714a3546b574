"""B9: a day of clicks leaves the live tables while others read and write today's; how long, and who had to wait."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from time import sleep

from bench.report import Report, must_equal
from bench.stage import embedded_stage, stage
from config.clock import monotonic, today
from config.settings import get_settings
from core.ads import archive, statistics
from core.ads.archive import Turn
from models import partitions
from models.archive import ArchivedDay, store
from models.database import connect, disconnect, ensure_connection, execute, fetch, is_postgres
from models.fields import bind

CLICKS = 5_000_000
SQLITE_SHARE = 10
PAUSE = 0.005
CALM_SECONDS = 5.0

_NUMBERS = {
    True: "generate_series(0, %s - 1) as s (n)",
    False: "(with recursive s (n) as (select 0 union all select n + 1 from s where n + 1 < %s) select n from s) as s",
}
_ID = {True: "lpad(to_hex(n), 32, '0')::uuid", False: "printf('00000000-0000-0000-0000-%012x', n)"}
_ADDRESS = {
    True: "'11.0.0.0'::inet + n / 2",
    False: "'11.' || (n >> 17) || '.' || ((n >> 9) & 255) || '.' || (n & 255)",
}
_NET = {True: "network('11.0.0.0'::inet + n / 2)", False: "'11.' || (n >> 17) || '.' || (n & 255) || '.0/32'"}
_LOAD = """
insert into click (click_day, click_id, clicked_at, ip, actor_net, offer_id, campaign_id, informer_id, account_id, url,
    state, is_unique, is_social, advertiser_cost, partner_cost, price_id, view_ms, user_agent, created_at)
select {day}, {id}, {at}, {ip}, {net}, 1 + n %% 10, 1, 1 + n %% 4, 1, 'https://shop.example/buy?n=' || n, 'done',
    n %% 10 <> 1, {false}, case when n %% 10 <> 1 then 50000 else 0 end,
    case when n %% 10 <> 1 then 28500 else 0 end, 1, 1000 + n %% 60000,
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', {at}
from {numbers}
"""
_WRITE = """
insert into click (click_day, click_id, clicked_at, offer_id, campaign_id, informer_id, account_id, url, state,
    is_unique, is_social, view_ms, created_at)
values (%s, %s, %s, 1, 1, 1, 1, 'https://shop.example/', 'pending', %s, %s, 1, %s)
"""
_READ = "select count(*) from click where click_day = %s and click_id = %s"


@dataclass
class Visitor:
    """Somebody at today's clicks, and the longest that one statement took."""

    work: Callable[[int], object]
    done: int = 0
    longest: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        ensure_connection()
        while not self.stop.is_set():
            begun = monotonic()
            self.work(self.done)
            self.longest = max(self.longest, monotonic() - begun)
            self.done += 1
            sleep(PAUSE)
        disconnect()


def main(clicks: int = CLICKS) -> Report:
    """The day on PostgreSQL, then a tenth of it on SQLite."""
    report = Report("archive", "B9 a day of clicks leaves the live tables (goal: nobody waits longer than 1 s)")
    with stage() as here:
        connect(here.settings)
        _measure(report, "PostgreSQL", clicks)
        disconnect()
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        connect(embedded_stage(Path(folder)).settings)
        _measure(report, "SQLite", clicks // SQLITE_SHARE)
        disconnect()
    report.publish()
    return report


def _measure(report: Report, engine: str, clicks: int) -> None:
    ensure_connection()
    day = today() - timedelta(days=get_settings().archive_after_days + 1)
    partitions.keep_ahead(day, day)
    partitions.keep_ahead()
    _load(day, clicks)
    statistics.refresh_day(day, get_settings())
    with _visitors(0) as calm:
        sleep(CALM_SECONDS)
    with _visitors(calm[0].done) as busy:
        begun = monotonic()
        turn = archive.step()
        seconds = monotonic() - begun
    _count(day, clicks, turn, calm[0].done + busy[0].done)
    for what, found in (("before", calm), ("while the day leaves", busy)):
        own = {"clicks": clicks, "seconds": seconds, "rate": clicks / seconds} if found is busy else {}
        waits = {"longest write s": round(found[0].longest, 3), "longest read s": round(found[1].longest, 3)}
        report.add(what=f"{engine}, {what}", **own, **waits, writes=found[0].done, reads=found[1].done)


def _load(day: date, clicks: int) -> None:
    postgres = is_postgres()
    at = f"timestamptz '{day} 12:00Z'" if postgres else f"'{day}T12:00:00.000000Z'"
    text = _LOAD.replace("{day}", f"date '{day}'" if postgres else f"'{day}'").replace("{at}", at)
    text = text.replace("{numbers}", _NUMBERS[postgres]).replace("{false}", "false" if postgres else "0")
    text = text.replace("{id}", _ID[postgres]).replace("{ip}", _ADDRESS[postgres]).replace("{net}", _NET[postgres])
    if postgres:
        execute("set statement_timeout = 0")
    execute(text if postgres else text.replace("%%", "%"), (clicks,))
    execute("analyze")


@contextmanager
def _visitors(first: int) -> Iterator[tuple[Visitor, Visitor]]:
    """One who writes and one who reads today's clicks; `first` is the number of the first click."""
    day = today()
    at = f"{day}T00:00:00.000000Z"

    def write(number: int) -> None:
        execute(_WRITE, (bind(day), _today_id(first + number), at, True, False, at))

    def read(number: int) -> None:
        fetch(_READ, (bind(day), _today_id(number)))

    found = Visitor(write), Visitor(read)
    threads = [threading.Thread(target=visitor.run) for visitor in found]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        for visitor in found:
            visitor.stop.set()
        for thread in threads:
            thread.join()


def _today_id(number: int) -> str:
    return f"11111111-0000-0000-0000-{number:012x}"


def _count(day: date, clicks: int, turn: Turn, written: int) -> None:
    with store().reading():
        kept = store().totals("click", day)
    remembered = ArchivedDay.get((ArchivedDay.day == day) & (ArchivedDay.name == "click"))
    live = "select count(*) from click where click_day = %s"
    must_equal("left", {"loaded": clicks, "moved": turn.moved.get("click", 0), "archived": kept.rows})
    must_equal("booked", {"rows": remembered.row_count, "archived": kept.rows})
    must_equal("money", {"archived": kept.partner_cost, "remembered": remembered.partner_cost})
    must_equal("live", {"day": int(fetch(live, (bind(day),))[0][0]), "none": 0})
    must_equal("today", {"written": written, "live": int(fetch(live, (bind(today()),))[0][0])})


if __name__ == "__main__":
    main()
