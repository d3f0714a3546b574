"""Pipelines under kills: hosts are listed one after another while the workers that switch and follow are killed."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from bench import outside
from bench.chaos.run import NoVerdict, Trial
from bench.outside import CAMPAIGNS, OFFERS, Outside
from bench.servers.kept import until
from core.domains import pipelines
from core.domains.persons import By
from models.database import connect, disconnect, execute
from models.pipeline_writes import Settings

LANDING = "https://clean.landing.sandbox.test/"
TWICE_EVERY = 3
"""Of every third pipeline the next domain is listed, too, while campaigns and offers still move to it."""
MOST_PIPELINES = 40
"""Affise takes two reads a second, so that the offers of more could not follow while somebody waits."""
CHAT_HEAL = 300
_SOON = 4.0
_DESTINATIONS = """
insert into pipeline_destination (pipeline_id, url, source) select id, %s, 'operator' from tracking_domain_pipeline
"""
_STATE = """
select p.name, p.held_reason, (select d.name from pipeline_domain x join tracking_domain d on d.id = x.domain_id
    where x.pipeline_id = p.id and x.role = 'active')
from tracking_domain_pipeline p order by p.id
"""
_SWITCHES = """
select p.name, count(*), count(distinct s.seq), max(s.seq) from domain_switch s
join tracking_domain_pipeline p on p.id = s.pipeline_id where s.trigger <> 'create' group by p.name
"""
_OPEN = """
select count(*) from domain_switch s where s.announced_at is null or exists (
    select 1 from switch_step t where t.switch_id = s.id and t.state in ('pending', 'running'))
"""


def variables(folder: Path) -> dict[str, str]:
    """Settings of a run whose outside is the sandbox."""
    return outside.variables(outside.free_port(), folder)


def chat(trial: Trial) -> dict[str, str]:
    """Without a chat where the run is short: what is told of so many switches at once takes minutes."""
    return {} if trial.size.heal >= CHAT_HEAL else {"TELEGRAM_BOT_TOKEN": ""}


def count(trial: Trial) -> int:
    """How many pipelines switch; where that is fewer than kills, each is met by several."""
    return min(trial.size.kills, MOST_PIPELINES)


def hosts(number: int) -> list[str]:
    """The domains of a pipeline, in order."""
    return [f"k{number}-{place}.sandbox.test" for place in (1, 2, 3)]


def last_host(number: int) -> str:
    """The domain that a pipeline ends with."""
    return hosts(number)[2 if number % TWICE_EVERY == 0 else 1]


def prepare(trial: Trial, sandbox: Outside) -> None:
    """The pipelines, with campaigns and offers."""
    connect(trial.ground.settings, role="chaos")
    try:
        wish = Settings(with_update_voluum=True, with_update_affise=True)
        for number in range(count(trial)):
            pipelines.create(f"K{number}", hosts(number), By("chaos"), wish)
            sandbox.furnish(number, hosts(number)[0])
        execute(_DESTINATIONS, (LANDING,))
    finally:
        disconnect()


class Lister(threading.Thread):
    """Lists the active domain of one pipeline after another, spread over the load."""

    def __init__(self, trial: Trial, sandbox: Outside) -> None:
        super().__init__(name="lister", daemon=True)
        self._sandbox, self._stop_asked = sandbox, threading.Event()
        self._number = count(trial)
        self._share = trial.size.seconds / self._number
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            later: list[str] = []
            for number in range(self._number):
                self._list(hosts(number)[0])
                if number % TWICE_EVERY == 0:
                    later.append(hosts(number)[1])
                self._stop_asked.wait(self._share)
                if later and number * self._share % _SOON < self._share:
                    self._list(later.pop(0))
            for host in later:
                self._list(host)
        except Exception as error:  # noqa: BLE001  handed to whoever joins
            self.failure = error

    def _list(self, host: str) -> None:
        self._sandbox.post("hosts", {"host": host, "listed": ["SOCIAL_ENGINEERING"]})

    def done(self) -> None:
        """Wait until everything is listed; raises what went wrong."""
        self.join()
        if self.failure:
            raise self.failure


def compare(trial: Trial, sandbox: Outside) -> None:
    """Wait until every pipeline has ended where it must, and note all that did not follow."""
    until(lambda: _settled(trial), trial.size.heal, lambda: NoVerdict(_why_not(trial)))
    number = count(trial)
    wrong = [f"{name} has {made} switches, numbers to {last}" for name, made, seqs, last in _switches(trial)
             if made != seqs or last != made + 1]  # fmt: skip
    trial.violated["I7 switches lost or doubled"] = wrong
    trial.violated["I8 campaigns elsewhere"] = _elsewhere(number, CAMPAIGNS, sandbox.campaigns_on)
    trial.violated["I8 offers elsewhere"] = _elsewhere(number, OFFERS * 2, sandbox.addresses_on)
    trial.violated["I8 went back"] = _back(sandbox)
    trial.notes["pipelines"] = {"switches": sum(row[1] for row in _switches(trial)), "pipelines": number}


def _settled(trial: Trial) -> bool:
    return not _unsettled(trial) and trial.ground.query(_OPEN)[0][0] == 0


def _why_not(trial: Trial) -> str:
    return f"{trial.ground.query(_OPEN)[0][0]} switches are open, not settled: {_unsettled(trial)[:5]}"


def _unsettled(trial: Trial) -> list[str]:
    rows = trial.ground.query(_STATE)
    return [f"{name}: {active} {held or ''}" for name, held, active in rows if active != last_host(int(name[1:]))]


def _switches(trial: Trial) -> list[tuple[Any, ...]]:
    return trial.ground.query(_SWITCHES)


def _elsewhere(number: int, wanted: int, on: Callable[[str], int]) -> Sequence[str]:
    found = {last_host(place): on(last_host(place)) for place in range(number)}
    return [f"{host}: {there} of {wanted}" for host, there in found.items() if there != wanted]


def _back(sandbox: Outside) -> list[str]:
    """Campaigns that were moved to a domain after they had been moved to a later one."""
    moves: dict[str, list[str]] = defaultdict(list)
    for row in sandbox.get("journal?service=voluum")["rows"]:
        if row["method"] == "PUT" and row["status"] == 200:
            moves[row["path"]].append(orjson.loads(row["body"])["preferredTrackingDomain"])
    return [f"{path}: {' then '.join(seen)}" for path, seen in moves.items() if seen != sorted(seen)]
