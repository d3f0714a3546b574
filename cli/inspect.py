"""Commands that look: the catalog of tasks, the schema, the doctor."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.errors import ExitCode
from cli.session import Json


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the tree."""
    app.command()(tasks)
    app.command()(migrate)
    app.command()(doctor)
    app.command()(config)
    app.command()(docs)


def tasks(as_json: Json = False) -> None:
    """List every task: names, queue, trigger, retries, time limit.

    Examples:

      signalbox tasks

      signalbox tasks --json
    """
    from cli.output import show
    from cli.reference import task_records

    columns = ("name", "seed_name", "queue", "trigger", "retries", "time_limit_s", "summary")
    show(task_records(), schema="tasks/1", as_json=as_json, title="Tasks", columns=columns)


def migrate(
    check: Annotated[bool, typer.Option(help="Only say what is pending; exit 3 if anything is.")] = False,
    as_json: Json = False,
) -> int:
    """Bring the database schema to this version.

    Examples:

      signalbox migrate

      signalbox migrate --check
    """
    from cli.output import say, show
    from config.settings import get_settings
    from models import migrate as schema
    from models import partitions
    from models.database import connect, disconnect

    connect(get_settings(), role="migrate", statement_ms=0)
    try:
        schema.check_known()
        names = schema.pending() if check else schema.migrate()
        if not check:
            partitions.keep_ahead()
    finally:
        disconnect()
    show(
        [{"migration": name} for name in names],
        schema="migrate/1",
        as_json=as_json,
        title="Pending" if check else "Applied",
    )
    say(f"{len(names)} migration(s) {'pending' if check else 'applied'}")
    return int(ExitCode.NOT_READY) if check and names else int(ExitCode.OK)


def doctor(
    strict: Annotated[bool, typer.Option(help="Exit 4 if anything was found.")] = False,
    live: Annotated[bool, typer.Option(help="Also ask the outside services.")] = False,
    as_json: Json = False,
) -> int:
    """Say what is wrong with this installation, and what to do about it.

    Examples:

      signalbox doctor

      signalbox doctor --live --strict --json
    """
    from cli import doctor as diagnosis
    from cli.output import say, show

    findings: list[dict[str, Any]] = [item.record() for item in diagnosis.examine(live=live)]
    show(findings, schema="doctor/1", as_json=as_json, columns=("area", "state", "what", "remedy"))
    bad = [item for item in findings if item["state"] != "ok"]
    say(f"{len(bad)} finding(s)")
    return int(ExitCode.FINDINGS) if strict and bad else int(ExitCode.OK)


def config(as_json: Json = False) -> None:
    """Show the settings in force; secrets are hidden.

    Examples:

      signalbox config

      signalbox config --json
    """
    from cli.output import show
    from config.settings import get_settings

    values = get_settings()
    rows = [{"name": name.upper(), "value": _plain(getattr(values, name))} for name in type(values).model_fields]
    show(rows, schema="config/1", as_json=as_json, title="Settings")


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int)) else str(value)


class Page(StrEnum):
    """A page that is derived from the code."""

    TASKS = "tasks"
    CONFIGURATION = "configuration"
    STATES = "states"


def docs(page: Page) -> None:
    """Print a generated page of the documentation.

    Examples:

      signalbox docs tasks > docs/tasks.md

      signalbox docs configuration > docs/configuration.md
    """
    from cli import handbook, reference

    pages = {
        Page.TASKS: reference.tasks_markdown,
        Page.CONFIGURATION: handbook.configuration_markdown,
        Page.STATES: handbook.states_markdown,
    }
    print(pages[page](), end="")
