"""Three pipelines in the database and in plain Python, which must be alike after every step of any history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from models import invariants_domains
from models.database import db, execute, fetch, is_postgres
from models.domain_states import Source
from models.domains import TrackingDomainPipeline
from models.fields import instant
from tests.core.domains import yard
from tests.core.domains.plain_model import Expected

START = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
COOL_DOWN, MOST_A_DAY = 600 * SECOND, 2
NAMES = ("P", "Q", "R")
HOSTS = [f"d{number}.example" for number in range(9)]
WHICH = st.sampled_from(NAMES)
HOST = st.sampled_from(HOSTS)
SOURCE = st.sampled_from([Source.GSB, Source.GSC])
VERDICT: dict[str, Any] = {
    "wait": st.sampled_from([1000, 60, 8000]), "age": st.sampled_from([40, 40, 600, 1860]), "source": SOURCE,
    "blind": st.sampled_from([False] * 5 + [True]),
}  # fmt: skip
TABLES = (
    "switch_step", "affise_switch_request", "switch_proposal", "domain_switch", "pipeline_domain", "domain_state",
    "domain_evidence", "tracking_domain_pipeline", "tracking_domain",
)  # fmt: skip
_LINES = """
select l.name, l.switch_seq, d.name, x.role from tracking_domain_pipeline l
left join pipeline_domain x on x.pipeline_id = l.id left join tracking_domain d on d.id = x.domain_id
order by l.id, x.position, d.id
"""
_SWITCHES = """
select pipeline_id, seq, trigger, actor, reason, decided_at, observed_at, evidence_id from domain_switch
order by pipeline_id, seq
"""
_OLDEST = {"GSB_UNSAFE": timedelta(minutes=30), "GSC_UNSAFE": timedelta(hours=24)}


class Machine(RuleBasedStateMachine):
    """What the steps work on, and what is asked after each of them and after the last."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(START, tick=False)
        self.time = self.clock.start()
        self.line: dict[str, Expected] = {}
        self.suspects: dict[Source, set[str]] = {Source.GSB: set(), Source.GSC: set()}
        self.late: list[tuple[TrackingDomainPipeline, int]] = []

    def teardown(self) -> None:
        try:
            self.nothing_was_violated()
        finally:
            self.clock.stop()
            _empty()

    @property
    def bad(self) -> set[str]:
        """Who is no spare to switch to."""
        return self.suspects[Source.GSB]

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def busy(self, host: str) -> bool:
        """Whether a domain works anywhere."""
        return any(each.works(host) for each in self.line.values())

    @initialize(back=st.booleans())
    def pipelines(self, back: bool) -> None:
        known: list[str] = []
        for place, name in enumerate(NAMES):
            mine = HOSTS[2 * place : 2 * place + 2]
            yard.pipeline(name, *mine, return_to_work=back)
            self.line[name] = Expected(back, known)
            self.line[name].open_with(*mine)

    @invariant()
    def roles_and_numbers_are_as_expected(self) -> None:
        found: dict[str, Expected] = {}
        spares: dict[str, list[str]] = {}
        for name, seq, host, role in fetch(_LINES):
            found.setdefault(name, Expected(False, [], seq=seq)).role[host] = role
            spares.setdefault(name, []).extend([host] if role == "backup" else [])
        for name, mine in self.line.items():
            assert (found[name].role, found[name].seq, spares[name]) == (mine.role, mine.seq, mine.spares)

    def nothing_was_violated(self) -> None:
        """Once at the end, for switches are never deleted."""
        checks = [check for check in invariants_domains.CHECKS if check.name != "verdicts lost"]
        assert [(check.name, found) for check in checks if (found := check.find(START.date()))] == []
        lines: dict[int, list[tuple[str, datetime]]] = {}
        for number, seq, trigger, actor, reason, decided, observed, evidence in fetch(_SWITCHES):
            earlier, at = lines.setdefault(number, []), instant(decided)
            assert (seq, bool(actor and reason)) == (len(earlier) + 1, True)
            if trigger == "check":
                assert evidence is not None
                assert timedelta() <= at - instant(observed) <= _OLDEST[reason]
                assert all(made + COOL_DOWN <= at for kind, made in earlier if kind != "create")
                assert sum(kind == "check" and made > at - 86_400 * SECOND for kind, made in earlier) < MOST_A_DAY
            earlier.append((trigger, at))


def _empty() -> None:
    with db.atomic():
        for table in TABLES:
            execute("delete from " + table)
        execute("update failover_control set held_at = null, held_by = null, reason = null, released_until = null")


def hurry() -> None:
    """Nobody pulls the plug here, so no commit has to wait for the disk."""
    execute("set synchronous_commit = off" if is_postgres() else "pragma synchronous = off")
