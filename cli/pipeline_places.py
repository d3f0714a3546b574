"""Keeping a spare out of the line of its pipeline, and putting it back, on the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.pipeline_words import acting, told
from cli.session import DryRun, Json

Name = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")]
Domain = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]


def park(name: Name, domain: Domain, reason: Why, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Keep a spare out of the line until somebody puts it back.

    Examples:

      signalbox pipelines park DE-sweeps c4.example --reason "registrar is slow" --dry-run

      signalbox pipelines park DE-sweeps c4.example --reason "kept for the new campaign"
    """
    from cli.session import database
    from core.domains import pipelines

    with database(), told(dry_run=dry_run):
        changed = pipelines.park(name, domain, reason, acting())
        facts = _facts(name, domain, changed=changed, done=not dry_run)
    _show(facts, as_json, "park")


def put_back(name: Name, domain: Domain, reason: Why, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Make a parked domain the spare that it was, or the active domain of a pipeline that has none.

    Examples:

      signalbox pipelines put-back DE-sweeps c4.example --reason "the registrar has answered" --dry-run

      signalbox pipelines put-back DE-sweeps c4.example --reason "safe again"
    """
    from cli.desk import messages
    from worker.domains import persons

    with messages(), told(dry_run=dry_run):
        changed = persons.put_back(name, domain, reason, acting())
        facts = _facts(name, domain, changed=changed, done=not dry_run)
    _show(facts, as_json, "put-back")


def _facts(name: str, domain: str, *, changed: bool, done: bool) -> dict[str, Any]:
    from core.domains import pipelines

    line = pipelines.get(name)
    place = line.place(pipelines.named_hosts([domain])[0])
    assert place is not None, "refused otherwise"
    return {"pipeline": line.pipeline.name, "domain": place.name, "role": place.role, "changed": changed, "done": done}


def _show(facts: dict[str, Any], as_json: bool, verb: str) -> None:
    from cli.output import show_json

    if as_json:
        return show_json(facts, schema=f"pipelines.{verb}/1")
    would, before = "" if facts["done"] else "would be ", "" if facts["changed"] else ", as before"
    return print(f"{facts['domain']}: {would}{facts['role'].value} in {facts['pipeline']}{before}")
