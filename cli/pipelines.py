"""Commands about pipelines: look, create, extend, hold, release, set the mode, switch, import, export."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import affise, pipeline_files, pipeline_holds, pipeline_places, pipeline_settings, pipeline_switch
from cli.pipeline_words import acting, row_of, settings_of, told
from cli.session import DryRun, Json

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Pipelines of tracking domains: list, show, add, hold, release, mode, switch, park, import, export.",
)  # fmt: skip
app.command("import")(pipeline_files.import_)
app.command("export")(pipeline_files.export)
app.command("set")(pipeline_settings.set_)
app.add_typer(affise.app, name="requests")
app.command("switch")(pipeline_switch.switch)
app.command("park")(pipeline_places.park)
app.command("put-back")(pipeline_places.put_back)
app.command("mode")(pipeline_holds.mode)
app.command("hold")(pipeline_holds.hold)
app.command("release")(pipeline_holds.release)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")]
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
    from cli.session import reading
    from config.clock import now
    from core.domains import spares
    from models import pipeline_writes, switch_history

    with reading():
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
    dry_run: DryRun = False,
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
    with messages() if update else database(), told(dry_run=dry_run):
        if update:
            from worker.domains import persons

            persons.extend(name, domain or [], acting(), settings)
        else:
            pipelines.create(name, domain or [], acting(), settings)
        row = row_of(spares.stock(pipelines.get(name)), {}, as_json)
    if as_json:
        return show_json(row | {"done": not dry_run}, schema="pipelines.add/1")
    would = "would have " if dry_run else ""
    return print(f"{row['name']}: {would}active {row['active'] or 'none'}, spares {row['spares'] or 'none'}")
