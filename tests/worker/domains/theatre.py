"""A stage for whole histories: real tasks before a sandbox behind sockets; workers are late, run twice, or die."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from config.clock import now
from config.ids import new_id
from integrations.errors import RateLimited, Unavailable
from models import outbox
from models.database import db, drop_connection, ensure_connection, execute, fetch, is_postgres
from models.envelope import decode
from models.fields import bind
from sandbox.server import Sandbox
from tests.core.domains.machine import hurry
from worker.actor import ACTORS
from worker.failures import PERMANENT, Busy
from worker.retries import backoff

SWEEPS = {
    "check_active_tracking_domains_via_gsb": 150, "check_spare_tracking_domains": 300, "sweep_unfinished_switches": 60,
    "check_platform_domains": 600, "remind_of_alerts": 60, "check_blocked_tracking_domains": 1800,
}  # fmt: skip
FATES = ("plain",) * 14 + ("late", "twice", "dies", "dies", "overtaken", "slow")
HARD = ("plain", "plain", "plain", "late", "twice", "dies", "dies", "overtaken", "overtaken", "overtaken", "slow")
WRITERS = ("update_voluum_campaigns", "plan_affise_switch_request", "apply_affise_switch_item")
_ACTIVE = """
select l.name, d.name from tracking_domain_pipeline l
left join pipeline_domain x on x.pipeline_id = l.id and x.role = 'active'
left join tracking_domain d on d.id = x.domain_id
"""


class Gone(BaseException):
    """The process is gone, and nothing of it runs any more."""


class Theatre:
    """`wrong` is what was written that no pipeline used then, `touched` what strangers moved; `deaths` is by task."""

    def __init__(self, sandbox: Sandbox, random: Random) -> None:
        self.sandbox, self.random = sandbox, random
        self.ran: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.deaths: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.touched: set[str] = set()
        self.wild, self.went_back, self.seconds = True, 0.0, 0.0
        self._tries: Counter[str] = Counter()
        self._due = {task: random.uniform(0, every) for task, every in SWEEPS.items()}
        self._fuse: int | None = None
        self._guest: int | None = None
        self._slow = False

    def pass_time(self, seconds: float, step: float = 5) -> None:
        """Let time go by in steps, with everything that becomes due."""
        self.work()
        while seconds > 0:
            self.shift(min(step, seconds))
            seconds -= step
            for task, at in self._due.items():
                if at <= self.seconds:
                    self._due[task] = self.seconds + SWEEPS[task]
                    with db.atomic():
                        ACTORS[task].send()
            self.work()

    def shift(self, seconds: float) -> None:
        """Move the clock; durations never go back, though the clock may be put right."""
        self.travel(timedelta(seconds=seconds))
        self.seconds += max(0.0, seconds)
        self.went_back += max(0.0, -seconds)

    def work(self, most: int = 600) -> None:
        """Run what is due, in any order, and what follows from it."""
        while row := self._next():
            most -= 1
            assert most, f"messages chase each other: {self.ran.most_common(5)}"
            self._run(*row)

    def _next(self) -> tuple[int, bytes] | None:
        table = "outbox" if is_postgres() else "queue_message"
        sql = f"select id, body from {table} where available_at <= %s order by available_at, id limit 12"
        rows = fetch(sql, (bind(now()),))
        if not rows:
            return None
        number, body = self.random.choice(rows)
        execute(f"delete from {table} where id = %s", (number,))
        return int(number), bytes(body)

    def _run(self, number: int, body: bytes, fate: str | None = None) -> None:
        message = decode(body)
        task = message["actor_name"]
        if fate is None:
            fate = self.random.choice(HARD if task in WRITERS else FATES) if self.wild else "plain"
        if fate == "late":
            return self._back(message, body, self.random.uniform(0.5, 20))
        if fate == "twice":
            self._back(message, body, self.random.uniform(0, 90))
        self._fuse = self.random.randrange(1, 60) if fate == "dies" else None
        self._guest = self.random.randrange(1, 4 if task in WRITERS else 9) if fate == "overtaken" else None
        self._slow = fate == "slow"
        self.ran[task] += 1
        try:
            self._act(task, message)
        except (Busy, RateLimited) as error:
            self._back(message, body, error.seconds if isinstance(error, Busy) else error.retry_after)
        except PERMANENT:
            self.dead[task] += 1
        except Unavailable:
            self._fail(task, message, body)
        except Gone:
            self._bury(task, message, body)
        return None

    def _act(self, task: str, message: dict[str, Any]) -> None:
        try:
            ACTORS[task].fn(*message["args"], **message["kwargs"])
        finally:
            self._fuse, self._guest, self._slow = None, None, False

    def _fail(self, task: str, message: dict[str, Any], body: bytes) -> None:
        self._tries[message["message_id"]] += 1
        if self._tries[message["message_id"]] <= ACTORS[task].task.retry.times:
            self._back(message, body, backoff(ACTORS[task].options, self._tries[message["message_id"]] - 1))
        else:
            self.dead[task] += 1

    def _bury(self, task: str, message: dict[str, Any], body: bytes) -> None:
        """Its connection is cut, and its message comes again when the broker has noticed."""
        drop_connection()
        ensure_connection()
        hurry()
        self.deaths[task] += 1
        self._back(message, body, self.random.uniform(0, 60))

    def _back(self, message: dict[str, Any], body: bytes, seconds: float) -> None:
        at = now() + timedelta(seconds=max(0.001, seconds))
        outbox.put(message["actor_name"], message["queue_name"], body, new_id(), available_at=at)

    def burn(self) -> None:
        """One more statement or call on the way to a death."""
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse <= 0:
                raise Gone

    def before(self, service: str, method: str) -> dict[str, str | None] | None:
        """What may happen right before a call; for a write to a platform, what each pipeline uses at this moment."""
        assert not db.in_transaction(), f"a transaction is open while {service} is asked"
        self.burn()
        if service in ("voluum", "affise") and method != "GET":
            return dict(fetch(_ACTIVE))
        if self._slow:
            self.shift(self.random.uniform(0, 4))
        if self._guest is not None:
            self._guest -= 1
            if self._guest <= 0:
                self._guest = None
                self._intrude()
        return None

    def _intrude(self) -> None:
        """Somebody else is faster: a person who switches, or another worker with whatever is due."""
        slow = self._slow
        if self.random.random() < 0.7:
            self.intruder()
        elif row := self._next():
            self._run(*row, fate="plain")
        self._slow = slow

    def after(self, service: str, used: dict[str, str | None], since: int) -> None:
        """Whatever has been written must have been what its pipeline uses."""
        for row in self.sandbox.control("GET", f"journal?service={service}&since={since}")["rows"]:
            for key, host in _written(row):
                owner = owner_of(key)
                fits = owner is not None and (used[owner] == host or (key in self.touched and host in used.values()))
                if not fits:
                    self.wrong.append(f"{service} {key} was written with {host} while {owner} used {used}")

    def last(self) -> int:
        """The newest line of the journal."""
        return self.sandbox._journal._seq  # no call over the wire is worth that number

    travel: Any
    intruder: Callable[[], object]


def owner_of(key: str) -> str | None:
    """The pipeline of an object that a history has put up."""
    return key[0] if key[:1] in "PQR" else {"7": "P", "8": "Q", "9": "R"}.get(key[:1]) if len(key) == 4 else None


def _written(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    effect = row["effect"] or {}
    if "campaign" in effect:
        yield effect["campaign"], effect["domain"]
    if "offer" in effect:
        form = dict(parse_qsl(row["body"]))
        for name in effect["fields"]:
            yield str(effect["offer"]), str(urlsplit(form[name]).hostname)
