"""Any order of verdicts, switches by hand, holds, returns and late workers, against a model in plain Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from config.clock import now
from core.domains import cases, holds, pipelines
from core.domains.brake_facts import Answer
from core.domains.brakes import Hold, Switch
from models import invariants_domains
from models.database import db, execute, fetch
from models.domain_states import Source, Verdict
from models.domains import TrackingDomainPipeline
from models.fields import instant
from tests.core.domains import yard
from tests.core.domains.plain_model import REFUSED, Died, Expected, taken
from tests.core.domains.yard import ANNA, answer, read

START = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NAMES = ("P", "Q", "R")
HOSTS = [f"d{number}.example" for number in range(9)]
WHICH = st.sampled_from(NAMES)
HOST = st.sampled_from(HOSTS)
TABLES = (
    "switch_step", "affise_switch_request", "domain_switch", "pipeline_domain", "domain_state", "domain_evidence",
    "tracking_domain_pipeline", "tracking_domain",
)  # fmt: skip


class Yard(RuleBasedStateMachine):
    """The same steps here and there."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(START, tick=False)
        self.time = self.clock.start()
        self.line: dict[str, Expected] = {}
        self.bad: set[str] = set()
        self.late: list[tuple[TrackingDomainPipeline, int]] = []

    def teardown(self) -> None:
        self.clock.stop()
        for table in TABLES:
            execute("delete from " + table)
        execute("update failover_control set held_at = null, held_by = null, reason = null, released_until = null")

    @initialize(back=st.booleans())
    def pipelines(self, back: bool) -> None:
        for place, name in enumerate(NAMES):
            yard.pipeline(name, *HOSTS[2 * place : 2 * place + 2], return_to_work=back)
            self.line[name] = Expected(back, HOSTS[2 * place], [HOSTS[2 * place + 1]])

    def _free(self, host: str) -> bool:
        return not any(host in (each.active, *each.spares, *each.blocked) for each in self.line.values())

    @rule(name=WHICH, host=HOST)
    def adding(self, name: str, host: str) -> None:
        mine = self.line[name]
        known = host in (mine.active, *mine.spares)
        allowed = known or (self._free(host) and host not in mine.parked)
        assert (taken(lambda: pipelines.extend(name, [host], ANNA)) is not REFUSED) is allowed
        if allowed and not known:
            mine.spares.append(host)
            mine.fill(self.bad)

    @rule(
        name=WHICH,
        wait=st.sampled_from([1000, 8000, 0]),
        age=st.sampled_from([40, 600, 1860]),
        source=st.sampled_from([Source.GSB, Source.GSC]),
    )
    def verdict(self, name: str, wait: int, age: int, source: Source) -> None:
        self.time.shift(wait * SECOND)
        mine, active = self.line[name], self.line[name].active
        if active is None:
            return
        row = answer(active, Verdict.UNSAFE, source, at=now() - age * SECOND)
        self.bad |= {active} if source is Source.GSB else set()
        first = Answer(domain_id=row.domain_id, source=source, verdict=Verdict.UNSAFE, observed_at=row.observed_at,
                       canary_ok=True)  # fmt: skip
        second = Answer(domain_id=row.domain_id, source=Source.GSB, verdict=Verdict.UNSAFE, observed_at=now(),
                        canary_ok=True)  # fmt: skip
        case = cases.gather(active, first, second, clean=True)
        assert case is not None
        decision = case.decide(now())
        if isinstance(decision, Switch):
            stale = read(name)
            assert stale.block_active_domain(f"{source.value.upper()}_UNSAFE", evidence=row, seq=case.seq) is True
            assert stale.block_active_domain(f"{source.value.upper()}_UNSAFE", evidence=row, seq=case.seq) is False
            mine.leave(self.bad, blocked=True)
        elif isinstance(decision, Hold) and decision.new == "all":
            holds.hold_all_by_itself(decision.reason)
        elif isinstance(decision, Hold) and decision.new:
            holds.hold_by_itself(case.pipeline_id, decision.reason)

    @rule(name=WHICH)
    def unknown(self, name: str) -> None:
        active = self.line[name].active
        if active is None:
            return
        row = answer(active, Verdict.UNKNOWN, Source.DNS, canary_ok=False)
        first = Answer(domain_id=row.domain_id, source=Source.DNS, verdict=Verdict.UNKNOWN, observed_at=now())
        case = cases.gather(active, first)
        assert case is not None
        assert not isinstance(case.decide(now()), Switch)

    @rule(host=HOST)
    def clean(self, host: str) -> None:
        if fetch("select 1 from tracking_domain where name = %s", (host,)):
            answer(host, Verdict.SAFE)
            self.bad.discard(host)

    @rule(name=WHICH, block=st.booleans())
    def by_hand(self, name: str, block: bool) -> None:
        mine = self.line[name]
        allowed = mine.active is not None and (block or mine.next(self.bad) is not None)
        assert (taken(lambda: pipelines.switch(name, ANNA, "by hand", block=block)) is not REFUSED) is allowed
        if allowed:
            mine.leave(self.bad, block)

    @rule(name=WHICH, host=HOST, out=st.booleans())
    def parking(self, name: str, host: str, out: bool) -> None:
        mine = self.line[name]
        work = pipelines.park if out else pipelines.put_back
        moved = taken(lambda: work(name, host, "by hand", ANNA)) is True
        if out:
            assert moved is (host in mine.spares)
            mine.spares = [each for each in mine.spares if each != host]
            mine.parked |= {host} if moved else set()
        else:
            assert moved is (host in mine.parked and self._free(host))
            mine.parked -= {host} if moved else set()
            mine.spares += [host] if moved else []
            if moved:
                mine.fill(self.bad)

    @rule(host=HOST)
    def unblocking(self, host: str) -> None:
        holding = [name for name in NAMES if host in self.line[name].blocked]
        done = taken(lambda: pipelines.unblock(host, "by hand", ANNA, force=True))
        assert (done is not REFUSED) is bool(holding)
        for name in holding:
            self._returned(self.line[name], host)

    def _returned(self, mine: Expected, host: str) -> None:
        works = any(host in (each.active, *each.spares) for each in self.line.values())
        mine.blocked.remove(host)
        if not mine.back or works:
            mine.parked.add(host)
        elif mine.active is None:
            mine.active, mine.seq = host, mine.seq + 1
        else:
            mine.spares.append(host)

    @rule(name=st.none() | WHICH, release=st.booleans())
    def holding(self, name: str | None, release: bool) -> None:
        if release:
            taken(lambda: holds.release(name, ANNA) if name else holds.release_all(ANNA))
        elif name:
            holds.hold(name, "by hand", ANNA)
        else:
            holds.hold_all("by hand", ANNA)

    @rule(name=WHICH)
    def a_worker_reads(self, name: str) -> None:
        self.late.append((read(name), self.line[name].seq))

    @rule(back=st.integers(1, 3))
    def a_late_worker_blocks(self, back: int) -> None:
        for pipeline, seq in self.late[-back:][:1]:
            mine = self.line[pipeline.name]
            fits = seq == mine.seq and mine.active is not None
            assert pipeline.block_active_domain("MANUAL", actor="late") is fits
            if fits:
                mine.leave(self.bad, blocked=True)

    @rule(name=WHICH)
    def a_worker_dies_before_commit(self, name: str) -> None:
        try:
            with db.atomic():
                read(name).block_active_domain("MANUAL")
                raise Died
        except Died:
            pass

    @rule(seconds=st.sampled_from([30, 601, 7200, 86_400]))
    def waiting(self, seconds: int) -> None:
        self.time.shift(seconds * SECOND)

    @invariant()
    def roles_and_numbers_are_as_expected(self) -> None:
        for name, mine in self.line.items():
            assert yard.roles(name) == mine.roles()
            assert read(name).switch_seq == mine.seq
            assert [place.name for place in pipelines.get(name).places if place.role == "backup"] == mine.spares

    @invariant()
    def nothing_is_violated(self) -> None:
        checks = [check for check in invariants_domains.CHECKS if check.name != "verdicts lost"]
        assert [(check.name, found) for check in checks if (found := check.find(START.date()))] == []

    @invariant()
    def automatic_switches_had_young_evidence_and_kept_the_cap(self) -> None:
        rows = fetch(
            "select pipeline_id, decided_at, observed_at, reason from domain_switch where trigger = 'check' order by id"
        )
        made: dict[int, list[datetime]] = {}
        for number, decided, observed, reason in rows:
            oldest = timedelta(minutes=30) if reason == "GSB_UNSAFE" else timedelta(hours=24)
            assert timedelta() <= instant(decided) - instant(observed) <= oldest
            made.setdefault(number, []).append(instant(decided))
        for times in made.values():
            assert all(sum(start <= each < start + 86_400 * SECOND for each in times) <= 2 for start in times)


def test_any_order_of_steps_keeps_the_rules(database: Any) -> None:
    run_state_machine_as_test(
        Yard,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
