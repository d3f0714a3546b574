"""The stock of a pipeline: how ready its spares are by what is stored, and how long they last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from core.domains import expiry, spare_checks, spares
from models import evidence
from models import spares as rows
from models.alerts import Severity
from models.answers import Finding
from models.database import db, execute
from models.domain_states import Role, Source, Verdict
from models.fields import bind
from models.spares import Known, Watched
from tests.conftest import SettingsEnv
from tests.core.domains.yard import domain, pipeline, read

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS: dict[Source, dict[str, Any]] = {
    Source.TLS: {"until": (AT + 60 * DAY).isoformat()},
    Source.RDAP: {"until": (AT + 300 * DAY).isoformat(), "since": (AT - 300 * DAY).isoformat()},
    Source.HTTP: {"in_voluum": True},
}


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(AT, tick=False):
        yield


def known(name: str, verdicts: dict[Source, Verdict] | None = None, **facts: dict[str, Any]) -> None:
    """Every source has answered: clean, unless said otherwise, with its usual facts, unless others are given."""
    wanted = dict.fromkeys((Source.GSB, Source.DNS, Source.TLS, Source.RDAP, Source.HTTP), Verdict.SAFE)
    number = domain(name).id
    found = [
        Finding(number, source, verdict, name, "test", True, True,
                FACTS.get(source, {}) | facts.get(source.value, {}), AT, AT + DAY)
        for source, verdict in (wanted | (verdicts or {})).items()
    ]  # fmt: skip
    with db.atomic():
        evidence.store(found)
        rows.remember([(each.domain_id, each.source, each.detail, each.observed_at) for each in found])


def stock(name: str = "P") -> spares.Stock:
    return next(one for one in spares.overview() if one.line.pipeline.name == name)


def test_a_spare_that_everybody_calls_clean_is_ready_and_one_that_nobody_knows_is_not(database: Any) -> None:
    pipeline("P", "a.example", "b.example", "c.example")
    known("b.example")
    ready, unknown = stock().spares
    assert (ready.place.name, ready.ready, ready.readiness.score, ready.readiness.parts) == ("b.example", True, 100, ())
    assert (unknown.ready, unknown.readiness.score) == (False, 20)
    assert [part.reason for part in unknown.readiness.parts] == [
        "gsb unchecked", "dns unchecked", "tls unchecked", "rdap unchecked",
    ]  # fmt: skip
    assert (stock().runway.ready, str(stock().runway)) == (1, "1 spare, not enough history")


def test_facts_cost_points_and_a_bad_gate_costs_all(database: Any) -> None:
    pipeline("P", "a.example", "b.example", "c.example", with_update_voluum=True)
    known("b.example", tls={"until": (AT + 5 * DAY).isoformat()}, dns={"differ": True}, http={"in_voluum": False})
    known("c.example", {Source.TLS: Verdict.UNSAFE})
    first, last = stock().spares
    assert (first.readiness.score, first.ready) == (100 - 40 - 10 - 30, True)
    assert (last.place.name, last.readiness.score, [part.reason for part in last.readiness.parts]) == (
        "c.example", 0, ["tls: bad"],
    )  # fmt: skip
    assert spares.left(read().id) == "Spares left: 1 (b.example, ready 20)"


def test_a_zone_without_registry_costs_five_points_and_leaves_a_spare_ready(database: Any) -> None:
    pipeline("P", "a.example", "b.example")
    known("b.example", {Source.RDAP: Verdict.UNKNOWN}, rdap={"until": None, "since": None})
    assert (stock().spares[0].readiness.score, stock().spares[0].ready) == (95, True)


def test_the_runway_counts_blocks_of_active_domains_and_not_departures(database: Any) -> None:
    pipeline("P", *(f"d{number}.example" for number in range(6)))
    execute("update tracking_domain_pipeline set created_at = %s", (bind(AT - 12 * DAY),))
    for block in (True, True):
        assert block is read().block_active_domain("MANUAL")
    known("d2.example")
    known("d3.example")
    known("d4.example")
    assert str(stock().runway) == "2 spares, 1 per 6 d, about 12 days"
    assert stock().runway.level.value == "yellow"
    assert spares.left(read().id) == "Spares left: 3 (d3.example, ready 100), about 12 days"


def test_without_a_spare_the_command_that_adds_one_is_named(database: Any) -> None:
    pipeline("DE sweeps", "a.example")
    add = "signalbox pipelines add 'DE sweeps' --update --domain ..."
    assert spares.left(read("DE sweeps").id) == f"Spares left: none, add some now: {add}"


def watched(role: Role = Role.ACTIVE, **details: dict[str, Any]) -> Watched:
    facts = {Source(name): Known(Verdict.SAFE, AT, None, 1, detail) for name, detail in details.items()}
    return Watched(1, "a.example", "a.example", 1, "P", True, role, known=facts)


@pytest.mark.parametrize(
    ("left", "steps", "fresh"),
    [(15, [], None), (14, [14], 14), (6, [14, 7], 7), (1, [14, 7, 3, 1], 1), (-1, [14, 7, 3, 1], 1)],
)
def test_each_threshold_of_a_certificate_is_one_incident(left: int, steps: list[int], fresh: int | None) -> None:
    found = expiry.warnings([watched(tls={"until": (AT + left * DAY).isoformat()})], AT)
    assert [one.key for one in found] == [f"a.example:certificate:{step}" for step in steps]
    assert [one.key for one in found if one.fresh] == ([f"a.example:certificate:{fresh}"] if fresh else [])


def test_a_hold_is_loud_for_what_is_in_use_and_a_lost_registration_for_everything() -> None:
    hold = {"hold": True, "statuses": ["client hold"], "until": None}
    kinds = [(one.kind, one.severity) for one in expiry.warnings([watched(rdap=hold)], AT)]
    assert kinds == [("registrar_hold", Severity.CRITICAL)]
    kinds = [(one.kind, one.severity) for one in expiry.warnings([watched(Role.BACKUP, rdap=hold)], AT)]
    assert kinds == [("registrar_hold", Severity.WARNING)]
    [gone] = expiry.warnings([watched(Role.BACKUP, rdap={"gone": True})], AT)
    assert (gone.kind, gone.severity) == ("not_registered", Severity.CRITICAL)


@pytest.mark.parametrize("look", ["overview", "note"])
def test_the_number_of_statements_does_not_depend_on_the_number_of_spares(
    database: Any, settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """Also when all of them are lost at once."""
    settings_env(BLAST_RADIUS_MIN="100")
    asked: list[str] = []
    real = db.obj.execute_sql

    def counted(sql: str, *rest: Any, **more: Any) -> Any:
        asked.append(sql)
        return real(sql, *rest, **more)

    counts = []
    for size in (2, 12):
        names = [f"s{number}.p{size}.example" for number in range(size)]
        pipeline(f"P{size}", f"a.p{size}.example", *names)
        waiting = [one for one in rows.named(names) if one.is_spare]
        bad = [
            Finding(one.domain_id, Source.GSB, Verdict.UNSAFE, one.name, "test", True, True, {}, AT, AT + DAY)
            for one in waiting
        ]
        with monkeypatch.context() as patch:
            patch.setattr(db.obj, "execute_sql", counted)
            asked.clear()
            if look == "note":
                assert len(spare_checks.note(spare_checks.Looked(waiting, bad)).lost) == size
            else:
                assert size in [len(each.spares) for each in spares.overview()]
        counts.append(len(asked))
    assert (counts[0] == counts[1], counts[0] < 25) == (True, True), counts
