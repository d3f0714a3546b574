"""Commands about pipelines: look, create, extend, hold, release, set the mode, switch, import, export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli import affise, pipeline_files, pipeline_settings, pipeline_switch
from cli.errors import CommandError
from cli.pipeline_words import a_mode, acting, ends_at, row_of, settings_of, told
from cli.session import Json, Yes

if TYPE_CHECKING:
    from models.returns import Unsafe

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Pipelines of tracking domains: list, show, add, hold, release, mode, switch, import, export.",
)  # fmt: skip
app.command("import")(pipeline_files.import_)
app.command("export")(pipeline_files.export)
app.command("set")(pipeline_settings.set_)
app.add_typer(affise.app, name="requests")
app.command("switch")(pipeline_switch.switch)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]
Flag = Annotated[bool | None, typer.Option(help="Whether a switch is followed there.", show_default=False)]
COLUMNS = ("name", "status", "mode", "active", "spares", "runway", "blocked", "held", "platforms")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every pipeline: active domain, spares in the order of use with readiness, runway, blocked ones, platforms.

    Examples:

      signalbox pipelines list

      signalbox pipelines list --json
    """
    from cli.output import show
    from cli.session import database
    from config.clock import now
    from core.domains import spares
    from models import pipeline_writes, switch_history

    with database():
        stocks, platforms = spares.overview(), switch_history.badges(now())
        held = pipeline_writes.control().held_at is not None
    rows = [row_of(stock, platforms.get(stock.line.pipeline.id, {}), as_json, all_held=held) for stock in stocks]
    show(rows, schema="pipelines.list/1", as_json=as_json, title="Pipelines", columns=() if as_json else COLUMNS)


@app.command("show")
def show_(name: Name, as_json: Json = False) -> None:
    """One pipeline: roles, readiness of spares, runway, the last 20 switches with evidence and steps, platforms, holds.

    Examples:

      signalbox pipelines show DE-sweeps

      signalbox pipelines show DE-sweeps --json
    """
    from cli.output import cell, show_json
    from cli.pipeline_words import document_of
    from cli.session import database
    from core.domains import pipelines, spares

    with database(), told():
        document = document_of(spares.stock(pipelines.get(name)))
    if as_json:
        return show_json(document, schema="pipelines.show/1")
    for key, value in document.items():
        for item in value if isinstance(value, list) else [value]:
            text = "  ".join(f"{k}={cell(v)}" for k, v in item.items()) if isinstance(item, dict) else cell(item)
            print(f"{key}\t{text}")
    return None


@app.command()
def add(
    name: Name,
    domain: Annotated[list[str] | None, typer.Option("--domain", help="A domain; the first one is active.")] = None,
    mode: Annotated[str | None, typer.Option(help="auto, suggest or watch.")] = None,
    with_update_voluum: Flag = None,
    with_update_affise: Flag = None,
    return_to_work: Annotated[bool | None, typer.Option(help="Take domains back that are safe again.")] = None,
    trafficback_url: Annotated[str | None, typer.Option(help="Where offers lead when no domain is left.")] = None,
    update: Annotated[bool, typer.Option("--update", help="Extend or change a pipeline that exists.")] = False,
    as_json: Json = False,
) -> None:
    """Create a pipeline: the first domain becomes active, no platform is touched; or extend one with --update.

    Examples:

      signalbox pipelines add DE-sweeps --domain c1.example --domain c2.example --with-update-voluum

      signalbox pipelines add DE-sweeps --update --domain c3.example --mode suggest
    """
    from cli.desk import messages
    from cli.output import show_json
    from cli.session import database
    from core.domains import pipelines, spares

    settings = settings_of(mode, with_update_voluum, with_update_affise, return_to_work, trafficback_url)
    with messages() if update else database(), told():
        if update:
            from worker.domains import persons

            persons.extend(name, domain or [], acting(), settings)
        else:
            pipelines.create(name, domain or [], acting(), settings)
        row = row_of(spares.stock(pipelines.get(name)), {}, as_json)
    if as_json:
        return show_json(row, schema="pipelines.add/1")
    return print(f"{row['name']}: active {row['active'] or 'none'}, spares {row['spares'] or 'none'}")


@app.command()
def mode(name: Name, mode: Annotated[str, typer.Argument(help="auto, suggest or watch.")]) -> None:
    """How far a pipeline goes by itself: auto switches, suggest asks a person, watch only tells.

    Examples:

      signalbox pipelines mode DE-sweeps suggest

      signalbox pipelines mode DE-sweeps auto
    """
    from cli.session import database
    from core.domains import holds

    wanted = a_mode(mode)
    with database(), told():
        changed = holds.mode(name, wanted, acting())
    print(f"{name}: {wanted.value}{'' if changed else ', as before'}")


@app.command()
def hold(
    reason: Why,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The pipeline.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every pipeline.")] = False,
    lasts: Annotated[
        str | None, typer.Option("--for", help="For so long, as 30m, 2h or 3d; none = until released.")
    ] = None,
) -> None:
    """No automatic switch of a pipeline, or of all; domains are still checked.

    Examples:

      signalbox pipelines hold DE-sweeps --reason "campaign of a partner" --for 2h

      signalbox pipelines hold --all --reason "resolver trouble"
    """
    from cli.session import database
    from core.domains import holds

    _one_of(name, everything)
    if everything and lasts:
        raise CommandError("--for: a hold on all has no end", hint="signalbox pipelines release --all ends it")
    until = ends_at(lasts)
    with database(), told():
        if name:
            holds.hold(name, reason, acting(), until=until)
        else:
            holds.hold_all(reason, acting())
    print(f"{name or 'all pipelines'}: held{f' until {until:%Y-%m-%d %H:%MZ}' if until else ''}")


@app.command()
def release(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The pipeline.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The hold on all.")] = False,
    yes: Yes = False,
) -> None:
    """End a hold and ask about domains that are still unsafe; for an hour many of them are no reason to hold again.

    Examples:

      signalbox pipelines release DE-sweeps

      signalbox pipelines release --all --yes
    """
    from cli.desk import messages
    from cli.output import say
    from cli.session import confirm
    from worker.domains import persons

    _one_of(name, everything)
    with messages(), told():
        confirm(f"let {name or 'all pipelines'} switch again?", yes)
        unsafe: list[Unsafe] = persons.release(name, acting()) if name else persons.release_all(acting())
    for found in unsafe:
        say(f"still unsafe, asked about again: {found.domain} of {found.pipeline} ({found.reason.value})")
    print(f"{name or 'all pipelines'}: released")


def _one_of(name: str | None, everything: bool) -> None:
    from cli.errors import ExitCode

    if (name is None) is not everything:
        raise CommandError("give one of NAME and --all", hint="signalbox pipelines list", code=ExitCode.USAGE)
