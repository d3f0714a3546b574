"""Taking a file of pipelines, and writing one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import Json

if TYPE_CHECKING:
    from core.domains.pipeline_files import Findings
    from core.domains.pipeline_import import Plan


def import_(
    path: Annotated[str, typer.Argument(metavar="FILE", help="CSV in UTF-8, with a header; - is the standard input.")],
    do: Annotated[bool, typer.Option("--apply", help="Do it; without it nothing is changed.")] = False,
    as_json: Json = False,
) -> int:
    """Create and extend pipelines from a file; all of it or nothing, and the same file twice changes nothing.

    Columns in any order: pipeline, domain, role, position, reason, mode, with_update_voluum, with_update_affise,
    return_to_work, trafficback_url, destination. The active domain of a pipeline that exists never changes.

    Examples:

      signalbox pipelines import spares.csv

      signalbox pipelines import spares.csv --apply
    """
    from cli.desk import messages
    from cli.output import say, show_json
    from cli.pipeline_words import told
    from cli.session import database
    from core.domains import pipeline_import

    found = _read(path)
    with messages() if do else database(), told():
        plan = pipeline_import.check(found)
        if do and not plan.problems:
            plan = _applied(found)
    for line, problem in plan.problems:
        say(f"line {line}: {problem}")
    done = do and not plan.problems
    if as_json:
        show_json(_record(path, plan, done), schema="pipelines.import/1")
    else:
        _print(plan, done)
    return int(ExitCode.FAILURE if plan.problems else ExitCode.OK)


def _read(path: str) -> Findings:
    from core.domains import pipeline_files

    try:
        with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
            return pipeline_files.read(file)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}", code=ExitCode.USAGE) from error


def _applied(found: Findings) -> Plan:
    from cli.pipeline_words import acting
    from core.domains import pipeline_import
    from worker.domains.steps import follow

    return pipeline_import.apply(found, acting(), then=follow)


def _print(plan: Plan, done: bool) -> None:
    for each in plan.results:
        row = (each.row.line, each.does, each.row.pipeline, each.row.domain, each.role.value, each.note)
        print("\t".join(map(str, row)))
    if plan.problems:
        print(f"nothing changed: {len(plan.problems)} problem(s)")
    else:
        print(f"{len(plan.touched())} pipeline(s) {'changed' if done else 'would change; --apply does it'}")


def _record(path: str, plan: Plan, done: bool) -> dict[str, Any]:
    rows = [
        {"line": each.row.line, "does": each.does, "pipeline": each.row.pipeline, "domain": each.row.domain,
         "role": each.role.value, "note": each.note}
        for each in plan.results
    ]  # fmt: skip
    problems = [{"line": line, "problem": problem} for line, problem in plan.problems]
    return {"file": path, "applied": done, "changed": plan.touched(), "rows": rows, "problems": problems}


def export(
    path: Annotated[str, typer.Argument(metavar="FILE", help="Where to write; - is the standard output.")] = "-",
    pipeline: Annotated[list[str] | None, typer.Option("--pipeline", help="Only this one; may be repeated.")] = None,
) -> None:
    """Write pipelines as a file that `pipelines import` takes.

    Examples:

      signalbox pipelines export pipelines.csv

      signalbox pipelines export - --pipeline DE-sweeps
    """
    from cli.output import say
    from cli.pipeline_words import told
    from cli.session import database
    from core.domains import pipeline_files, pipelines

    with database(), told():
        for name in pipeline or []:
            pipelines.get(name)
        if path == "-":
            pipeline_files.write(sys.stdout, pipeline or [])
            return
        with open(path, "w", encoding="utf-8", newline="") as file:
            say(f"{path}: {pipeline_files.write(file, pipeline or [])} row(s)")
