"""Pipelines beside a sandbox that plays provider and resolvers, and sweeps over them without a worker."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.clock import now
from core.domains import pipeline_files, pipeline_import, sweep_dns, sweep_gsb
from core.domains.sweep_dns import Resolutions
from core.domains.sweep_gsb import Reputations
from models.conflicts import transaction
from models.database import db, execute
from models.domain_states import Source
from models.domains import CheckCycle, DomainState
from models.fields import bind
from sandbox.server import Sandbox
from tests.core.domains.yard import ANNA, domain, read


def fleet(size: int, first: int = 0) -> list[str]:
    """So many pipelines P0, P1 … with one active domain each; the domains."""
    names = [f"go.d{number}.test" for number in range(first, first + size)]
    lines = [f"P{number},{name},active" for number, name in enumerate(names, first)]
    text = "pipeline,domain,role\n" + "\n".join(lines) + "\n"
    pipeline_import.apply(pipeline_files.read(io.BytesIO(text.encode())), ANNA)
    return names


def destination(pipeline: str, url: str) -> None:
    """A page behind a pipeline."""
    sql = "insert into pipeline_destination (pipeline_id, url, source) values (%s, %s, 'operator')"
    execute(sql, (read(pipeline).id, url))


def campaign(pipeline: str, url: str) -> None:
    """A campaign of a pipeline as it was read before it was changed."""
    sql = """
    insert into platform_change (switch_id, platform, object_type, object_id, field, before, after, whole, state)
    select id, 'voluum', 'campaign', 'c1', 'preferredTrackingDomain', 'x', 'y', %s, 'verified'
    from domain_switch where pipeline_id = %s
    """
    execute(sql, (bind({"id": "c1", "url": url}), read(pipeline).id))


def unused(pipeline: str) -> None:
    """Take a pipeline out of use."""
    execute("update tracking_domain_pipeline set enabled = %s where name = %s", (False, pipeline))


def held(pipeline: str) -> None:
    """A person holds a pipeline."""
    sql = "update tracking_domain_pipeline set held_at = %s, held_by = 'anna', held_reason = 'x' where name = %s"
    execute(sql, (bind(now()), pipeline))


def reputations() -> Reputations:
    """A whole sweep of reputation."""
    seen = sweep_gsb.look()
    return transaction(lambda: sweep_gsb.settle(seen))


def resolutions(domains: list[str] | None = None, round: int = 1) -> Resolutions:
    """A whole round of DNS."""
    asked = sweep_dns.ask(domains, round)
    return transaction(lambda: sweep_dns.settle(asked))


def verdicts(source: Source, *names: str) -> list[str]:
    """What a source says of domains now."""
    states = {
        state.domain_id: state.verdict.value for state in DomainState.select().where(DomainState.source == source)
    }
    return [states.get(domain(name).id, "") for name in names]


def cycles(source: Source) -> list[tuple[str | None, int | None, int | None, int | None, int | None]]:
    """(action, safe, suspect, unsafe, unknown) of each sweep of a source."""
    found = CheckCycle.select().where(CheckCycle.source == source.value).order_by(CheckCycle.id)
    return [(one.action, one.safe, one.suspect, one.unsafe, one.unknown) for one in found]


def listed(sandbox: Sandbox, *names: str) -> None:
    """Let the provider list hosts."""
    for name in names:
        sandbox.host(name, listed=["SOCIAL_ENGINEERING"])


@contextmanager
def counting(monkeypatch: Any) -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    real, asked = db.obj.execute_sql, []

    def counted(sql: str, *words: Any, **more: Any) -> Any:
        asked.append(sql)
        return real(sql, *words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(db.obj, "execute_sql", counted)
        yield asked
