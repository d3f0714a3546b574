"""The brakes of pipelines on the command line: how far one goes by itself, held, released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError, ExitCode
from cli.pipeline_words import a_mode, acting, ends_at, told
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from models.returns import Unsafe

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The pipeline.")]


def mode(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")],
    mode: Annotated[str, typer.Argument(help="auto, suggest or watch.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """How far a pipeline goes by itself: auto switches, suggest asks a person, watch only tells.

    Examples:

      signalbox pipelines mode DE-sweeps suggest

      signalbox pipelines mode DE-sweeps auto
    """
    from cli.output import show_json
    from cli.session import database
    from core.domains import holds

    wanted = a_mode(mode)
    with database(), told(dry_run=dry_run):
        changed = holds.mode(name, wanted, acting())
    if as_json:
        facts = {"pipeline": name, "mode": wanted.value, "changed": changed, "done": not dry_run}
        return show_json(facts, schema="pipelines.mode/1")
    would = "would be " if dry_run else ""
    return print(f"{name}: {would}{wanted.value}{'' if changed else ', as before'}")


def hold(
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")],
    name: Name = None,
    everything: Annotated[bool, typer.Option("--all", help="Every pipeline.")] = False,
    lasts: Annotated[
        str | None, typer.Option("--for", help="For so long, as 30m, 2h or 3d; none = until released.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """No automatic switch of a pipeline, or of all; domains are still checked.

    Examples:

      signalbox pipelines hold DE-sweeps --reason "campaign of a partner" --for 2h

      signalbox pipelines hold --all --reason "resolver trouble"
    """
    from cli.output import show_json
    from cli.session import database
    from core.domains import holds

    _one_of(name, everything)
    if everything and lasts:
        fix = "signalbox pipelines release --all ends it"
        raise CommandError("--for: a hold on all has no end", hint=fix, code=ExitCode.USAGE)
    until = ends_at(lasts)
    with database(), told(dry_run=dry_run):
        if name:
            holds.hold(name, reason, acting(), until=until)
        else:
            holds.hold_all(reason, acting())
    if as_json:
        facts = {"pipeline": name, "all": everything, "reason": reason.strip(), "until": until, "done": not dry_run}
        return show_json(facts, schema="pipelines.hold/1")
    would, end = "would be " if dry_run else "", f" until {until:%Y-%m-%d %H:%MZ}" if until else ""
    return print(f"{name or 'all pipelines'}: {would}held{end}")


def release(
    name: Name = None,
    everything: Annotated[bool, typer.Option("--all", help="The hold on all.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """End a hold and ask about domains that are still unsafe; for an hour many of them are no reason to hold again.

    Examples:

      signalbox pipelines release DE-sweeps --dry-run

      signalbox pipelines release --all --yes
    """
    from cli.desk import messages
    from cli.output import say, show_json
    from cli.session import confirm
    from worker.domains import persons

    _one_of(name, everything)
    with messages(), told(dry_run=dry_run):
        confirm(f"let {name or 'all pipelines'} switch again?", yes or dry_run)
        unsafe: list[Unsafe] = persons.release(name, acting()) if name else persons.release_all(acting())
    for found in unsafe:
        asked = "would be asked about again" if dry_run else "asked about again"
        say(f"still unsafe, {asked}: {found.domain} of {found.pipeline} ({found.reason.value})")
    if as_json:
        bad = [{"domain": one.domain, "pipeline": one.pipeline, "reason": one.reason.value} for one in unsafe]
        facts = {"pipeline": name, "all": everything, "still_unsafe": bad, "done": not dry_run}
        return show_json(facts, schema="pipelines.release/1")
    return print(f"{name or 'all pipelines'}: {'would be ' if dry_run else ''}released")


def _one_of(name: str | None, everything: bool) -> None:
    if (name is None) is not everything:
        raise CommandError("give one of NAME and --all", hint="signalbox pipelines list", code=ExitCode.USAGE)
