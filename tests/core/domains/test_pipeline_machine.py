"""Any order of verdicts, switches by hand, holds, returns and late workers, against a model in plain Python."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from core.domains import cases, holds, pipelines, proposals, undo
from core.domains.brake_facts import Answer
from core.domains.brakes import Hold, Propose, Switch
from core.domains.cases import Case
from models.database import db, fetch
from models.domain_states import Mode, Source, Verdict
from models.domains import DomainEvidence, TrackingDomainPipeline
from tests import search
from tests.core.domains.machine import HOST, NAMES, SECOND, SOURCE, VERDICT, WHICH, Machine, hurry
from tests.core.domains.plain_model import REFUSED, STANDS, Died, Expected, taken
from tests.core.domains.yard import ANNA, answer, read

SHARDS = {"sqlite": 40, "postgres": 6}
HISTORIES = {"sqlite": (250, 20), "postgres": (50, 5)}
"""In each shard, in the proof and at the gate."""


class Yard(Machine):
    """The same steps here and there."""

    @rule(name=WHICH, host=HOST)
    def adding(self, name: str, host: str) -> None:
        mine = self.line[name]
        known = mine.works(host)
        allowed = known or (mine.role.get(host) != "parked" and self._free(host))
        assert (taken(lambda: pipelines.extend(name, [host], ANNA)) is not REFUSED) is allowed
        if allowed and not known:
            mine.join(host)
            mine.fill(self.bad, self.now)

    def _free(self, host: str) -> bool:
        return not self.busy(host) and not any(each.role.get(host) == "blocked" for each in self.line.values())

    @rule(name=WHICH, **VERDICT)
    def verdict(self, name: str, wait: int, age: int, source: Source, blind: bool) -> None:
        self.time.shift(wait * SECOND)
        active = self.line[name].active
        if active is None:
            return
        row = answer(active, Verdict.UNSAFE, source, at=self.now - age * SECOND, canary_ok=not blind)
        self.suspects[source].add(active)
        case = self._case(active, row, canary=not blind)
        decision = case.decide(self.now)
        assert not blind or source is Source.GSC or not isinstance(decision, Switch | Propose | Hold)
        if isinstance(decision, Switch):
            self._left(name, row, case.seq)
        elif isinstance(decision, Propose):
            self._proposed(name, case, row)
        elif isinstance(decision, Hold) and decision.new == "all":
            holds.hold_all_by_itself(decision.reason)
        elif isinstance(decision, Hold) and decision.new:
            holds.hold_by_itself(case.pipeline_id, decision.reason)

    @rule(name=WHICH, host=HOST, **VERDICT)
    def verdict_while_nothing_else_holds(
        self, name: str, host: str, wait: int, age: int, source: Source, blind: bool
    ) -> None:  # fmt: skip
        for each in (None, name):
            self.holding(each, release=True)
        if self.line[name].mode == Mode.WATCH:
            self.going_less_far(name, Mode.AUTO)
        self.adding(name, host)
        self.verdict(name, wait, age, source, blind)

    def _case(self, active: str, row: DomainEvidence, *, canary: bool = True) -> Case:
        first = Answer(domain_id=row.domain_id, source=row.source, verdict=row.verdict, observed_at=row.observed_at,
                       canary_ok=canary)  # fmt: skip
        second = Answer(domain_id=row.domain_id, source=Source.GSB, verdict=Verdict.UNSAFE, observed_at=self.now,
                        canary_ok=canary)  # fmt: skip
        case = cases.gather(active, first, second, clean=True)
        assert case is not None
        return case

    def _left(self, name: str, row: DomainEvidence, seq: int, actor: str = "system") -> None:
        """A message that comes twice, and to two workers who have both read the same."""
        stale, reason = (read(name), read(name)), f"{row.source.value.upper()}_UNSAFE"
        done = [each.block_active_domain(reason, evidence=row, seq=seq, actor=actor) for each in (*stale, stale[0])]
        assert done == [True, False, False]
        self.line[name].leave(self.bad, True, self.now)

    def _proposed(self, name: str, case: Case, row: DomainEvidence) -> None:
        mine, active, at = self.line[name], self.line[name].active, self.now
        assert mine.mode == Mode.SUGGEST
        with db.atomic():
            opened = proposals.open_(case, "GSB_UNSAFE", row.id)
        if mine.quiet.get(str(active), at) > at:
            assert opened is None
            return
        assert opened is not None
        assert opened[1] is not mine.asks(at)
        if opened[1]:
            mine.asked = (opened[0].id, at + STANDS)

    @rule(name=WHICH, agreed=st.booleans())
    def pressing(self, name: str, agreed: bool) -> None:
        mine, at = self.line[name], self.now
        number, allowed = (mine.asked or (0, at))[0], mine.asks(at)
        active = mine.active
        work = proposals.accept if agreed else proposals.ignore
        assert (taken(lambda: work(number, ANNA)) is not REFUSED) is allowed
        assert taken(lambda: work(number, ANNA)) is REFUSED
        if not allowed:
            return
        assert active is not None
        mine.asked = None
        if not agreed:
            mine.quiet[active] = at + STANDS
            return
        row = answer(active, Verdict.UNSAFE)
        self.suspects[Source.GSB].add(active)
        case = self._case(active, row)
        if row.observed_at >= case.standing.active_since and proposals.agreed(case):
            self._left(name, row, case.seq, actor=ANNA.name)

    @rule(name=WHICH)
    def unknown(self, name: str) -> None:
        active = self.line[name].active
        if active is None:
            return
        row = answer(active, Verdict.UNKNOWN, Source.DNS, canary_ok=False)
        first = Answer(domain_id=row.domain_id, source=Source.DNS, verdict=Verdict.UNKNOWN, observed_at=self.now)
        case = cases.gather(active, first)
        assert case is not None
        assert not isinstance(case.decide(self.now), Switch)

    @rule(host=HOST, source=SOURCE)
    def clean(self, host: str, source: Source) -> None:
        if fetch("select 1 from tracking_domain where name = %s", (host,)):
            answer(host, Verdict.SAFE, source)
            self.suspects[source].discard(host)

    @rule(name=WHICH, block=st.booleans())
    def by_hand(self, name: str, block: bool) -> None:
        mine = self.line[name]
        allowed = mine.active is not None and (block or mine.next(self.bad) is not None)
        assert (taken(lambda: pipelines.switch(name, ANNA, "by hand", block=block)) is not REFUSED) is allowed
        if allowed:
            mine.leave(self.bad, block, self.now)

    @rule(name=WHICH, wait=st.sampled_from([0, 59, 60]))
    def undoing(self, name: str, wait: int) -> None:
        self.time.shift(wait * SECOND)
        mine = self.line[name]
        left = mine.left[0] if mine.left else None
        others = any(each.works(str(left)) for each in self.line.values() if each is not mine)
        newest = fetch("select id from domain_switch where pipeline_id = %s and seq = %s", (read(name).id, mine.seq))
        allowed = mine.undo(self.now, others, set().union(*self.suspects.values()))
        assert (taken(lambda: undo.undo(newest[0][0], ANNA)) is not REFUSED) is allowed

    @rule(name=WHICH, host=HOST, out=st.booleans())
    def parking(self, name: str, host: str, out: bool) -> None:
        mine = self.line[name]
        role = mine.role.get(host)
        moved = taken(lambda: (pipelines.park if out else pipelines.put_back)(name, host, "by hand", ANNA)) is True
        assert moved is (role == "backup" if out else role == "parked" and self._free(host))
        if moved and out:
            mine.role[host] = "parked"
        elif moved:
            mine.join(host)
            mine.fill(self.bad, self.now)

    @rule(host=HOST, recheck=st.booleans())
    def unblocking(self, host: str, recheck: bool) -> None:
        holding = [name for name in NAMES if self.line[name].role.get(host) == "blocked"]
        if recheck:
            done = [len(pipelines.return_to_work(host)) for _ in range(2)]
            assert done == [len(holding), 0]
        else:
            freed = taken(lambda: pipelines.unblock(host, "by hand", ANNA, force=True))
            assert (freed is not REFUSED) is bool(holding)
        for name in holding:
            self._returned(self.line[name], host)

    def _returned(self, mine: Expected, host: str) -> None:
        if not mine.back or self.busy(host):
            mine.role[host] = "parked"
        elif mine.active is None:
            mine.enter(host, None, self.now)
        else:
            mine.join(host)

    @rule(name=st.none() | WHICH, release=st.booleans())
    def holding(self, name: str | None, release: bool) -> None:
        if release:
            taken(lambda: holds.release(name, ANNA) if name else holds.release_all(ANNA))
        elif name:
            holds.hold(name, "by hand", ANNA)
        else:
            holds.hold_all("by hand", ANNA)

    @rule(name=WHICH, mode=st.sampled_from(list(Mode)))
    def going_less_far(self, name: str, mode: Mode) -> None:
        assert holds.mode(name, mode, ANNA) is (self.line[name].mode != mode)
        self.line[name].mode = mode

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
                mine.leave(self.bad, True, self.now)

    @rule(name=WHICH)
    def a_worker_dies_before_commit(self, name: str) -> None:
        def die(pipeline: TrackingDomainPipeline) -> None:
            with db.atomic():
                pipeline.block_active_domain("MANUAL")
                raise Died

        with pytest.raises(Died):
            die(read(name))

    @rule(seconds=st.sampled_from([30, 601, 7200, 86_400, -5, -90]))
    def waiting(self, seconds: int) -> None:
        """Also the wrong way, as a clock that is put right."""
        self.time.shift(seconds * SECOND)


def _shards(engine: str) -> list[Any]:
    marks = [pytest.mark.postgresql] if engine == "postgres" else []
    return [pytest.param(engine, number, marks=marks) for number in search.seeds(SHARDS[engine], 1)]


@pytest.mark.search
@pytest.mark.parametrize(("engine", "shard"), [*_shards("sqlite"), *_shards("postgres")])
def test_any_order_of_steps_keeps_the_rules(request: pytest.FixtureRequest, engine: str, shard: int) -> None:
    request.getfixturevalue(f"{engine}_database")
    hurry()
    many = settings(
        max_examples=search.examples(*HISTORIES[engine]), stateful_step_count=search.examples(50, 30), deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(seed(shard)(Yard), settings=many)
