"""Commands about tracking domains: what one was and is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli import safety
from cli.errors import CommandError, ExitCode
from cli.session import Json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Tracking domains: history.")
app.command()(safety.answer)


@app.command()
def history(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain.")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many answers, the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """The roles of a domain in each pipeline, and the answers about it, newest first.

    Examples:

      signalbox domains history c4.example

      signalbox domains history c4.example --limit 500 --json
    """
    from cli.output import show, show_json
    from cli.session import database
    from core.domains import hosts
    from models import switch_history

    try:
        name = hosts.name_of(domain)
    except ValueError as error:
        raise CommandError(f"domain: {error}", code=ExitCode.USAGE) from error
    with database():
        roles, answers = switch_history.roles_of(name), switch_history.answers_about(name, limit)
    if not roles and not answers:
        raise CommandError(f"{name} is no tracking domain here", hint="signalbox pipelines list")
    places, seen = list(map(asdict, roles)), list(map(asdict, answers))
    if as_json:
        return show_json({"domain": name, "roles": places, "answers": seen}, schema="domains.history/1")
    show(places, schema="", as_json=False, title=f"{name}: roles")
    return show(seen, schema="", as_json=False, title="Answers")
