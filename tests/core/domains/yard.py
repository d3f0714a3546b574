"""A few pipelines in the database, answers about their domains, and what became of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from config.clock import now
from core.domains import pipelines
from core.domains.persons import By
from models.database import execute, fetch
from models.domain_states import Source, Verdict
from models.domains import DomainEvidence, DomainSwitch, TrackingDomain, TrackingDomainPipeline
from models.fields import bind
from models.pipeline_writes import Settings

ANNA = By("anna")
MINUTE = timedelta(minutes=1)
GATES = (Source.GSB, Source.DNS, Source.TLS, Source.RDAP)


def pipeline(name: str = "P", *domains: str, **settings: Any) -> TrackingDomainPipeline:
    """A pipeline of these domains, the first of which is active."""
    pipelines.create(name, domains or ("a.example", "b.example", "c.example"), ANNA, Settings(**settings))
    return read(name)


def read(name: str = "P") -> TrackingDomainPipeline:
    """A pipeline as it is now."""
    found: TrackingDomainPipeline = TrackingDomainPipeline.get(TrackingDomainPipeline.name == name)
    return found


def domain(name: str) -> TrackingDomain:
    found: TrackingDomain = TrackingDomain.get(TrackingDomain.name == name)
    return found


def answer(
    name: str, verdict: Verdict, source: Source = Source.GSB, *, at: datetime | None = None, **more: Any
) -> DomainEvidence:  # fmt: skip
    """An answer about a domain, which is its latest one."""
    seen = at or now()
    values = {"subject": name, "provider": "test", "live": True, "canary_ok": True, "expires_at": seen + 30 * MINUTE}
    row = DomainEvidence.create(
        domain_id=domain(name).id, source=source, verdict=verdict, observed_at=seen, **(values | more)
    )
    state = (row.domain_id, source.value, verdict.value, row.id, bind(seen), bind(seen))
    execute(
        "insert into domain_state (domain_id, source, verdict, evidence_id, observed_at, changed_at) "
        "values (%s, %s, %s, %s, %s, %s) on conflict (domain_id, source) do update set verdict = excluded.verdict, "
        "evidence_id = excluded.evidence_id, observed_at = excluded.observed_at",
        state,
    )
    return row


def ready(*names: str) -> None:
    """Spares that pass every gate."""
    for name in names:
        for source in GATES:
            answer(name, Verdict.SAFE, source)


def roles(name: str = "P") -> dict[str, str]:
    """The role of each domain of a pipeline."""
    rows = fetch(
        "select d.name, p.role from pipeline_domain p join tracking_domain d on d.id = p.domain_id "
        "where p.pipeline_id = %s order by d.name",
        (read(name).id,),
    )
    return dict(rows)


def switches(name: str = "P") -> list[DomainSwitch]:
    """Every switch of a pipeline, in order."""
    mine = DomainSwitch.select().where(DomainSwitch.pipeline_id == read(name).id)
    return list(mine.order_by(DomainSwitch.seq))


def steps(switch_id: int) -> dict[str, str]:
    """The state of each step of a switch."""
    return dict(fetch("select step, state from switch_step where switch_id = %s", (switch_id,)))


def drafts() -> list[tuple[str, str, str]]:
    """(old, new, status) of requests for Affise, in order."""
    return list(
        fetch("select old_domain, new_domain, status from affise_switch_request order by created_at, switch_id")
    )


def everything() -> list[Any]:
    """All rows that a switch may touch, to compare before with after."""
    tables = ("tracking_domain_pipeline", "pipeline_domain", "domain_switch", "switch_step", "affise_switch_request")
    return [sorted(map(str, fetch("select * from " + table))) for table in (*tables, "audit_log", "failover_control")]
