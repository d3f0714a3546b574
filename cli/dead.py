"""Commands about dead letters: what gave up, why, and sending it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Messages that gave up: look, replay, discard.")
Task = Annotated[str | None, typer.Option(help="Only this task.")]
Reason = Annotated[str | None, typer.Option(help="Only this reason, such as exhausted or poison.")]
Ids = Annotated[list[int] | None, typer.Option("--id", help="This dead letter; repeat for several.")]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters a command is about; None means any."""

    ids: list[int] | None
    task: str | None
    reason: str | None
    limit: int


@app.command("list")
def list_(task: Task = None, reason: Reason = None, as_json: Json = False) -> None:
    """Groups of dead letters: task, reason, first and last time, how many.

    Examples:

      signalbox dead list

      signalbox dead list --task refresh_campaign --json
    """
    from cli.output import show
    from cli.session import database
    from worker.dead_letters import groups

    _check_reason(reason)
    with database():
        rows = groups(task=task, reason=reason)
    show(rows, schema="dead.list/1", as_json=as_json, title="Dead letters")


@app.command("show")
def show_(dead_letter_id: int, as_json: Json = False) -> None:
    """One dead letter: what it was, why it died; its arguments only by name.

    Examples:

      signalbox dead show 12

      signalbox dead show 12 --json
    """
    from cli.output import show, show_json
    from cli.session import database
    from worker.dead_letters import describe

    with database():
        found = describe(dead_letter_id)
    if found is None:
        raise CommandError(f"there is no dead letter {dead_letter_id}", hint="signalbox dead list")
    if as_json:
        return show_json(found, schema="dead.show/1")
    return show([{"field": name, "value": value} for name, value in found.items()], schema="", as_json=False)


@app.command()
def replay(
    ids: Ids = None,
    task: Task = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    rate: Annotated[int, typer.Option(min=1, help="Messages per second.")] = 50,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Send dead letters again, with their own message ids and business keys.

    Examples:

      signalbox dead replay --task refresh_campaign --dry-run

      signalbox dead replay --id 12 --yes
    """
    from worker import dead_letters

    _act("replay", partial(dead_letters.replay, rate=rate), Choice(ids, task, reason, limit), dry_run, yes, as_json)


@app.command()
def discard(
    ids: Ids = None,
    task: Task = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Set dead letters aside; their rows stay until retention.

    Examples:

      signalbox dead discard --reason undecodable --dry-run

      signalbox dead discard --id 12 --yes
    """
    from worker import dead_letters

    _act("discard", dead_letters.discard, Choice(ids, task, reason, limit), dry_run, yes, as_json)


def _act(verb: str, act: Callable[[list[int]], int], choice: Choice, dry_run: bool, yes: bool, as_json: bool) -> None:
    from cli.output import show_json
    from cli.session import confirm, database
    from worker.dead_letters import choose

    _check_reason(choice.reason)
    with database():
        chosen = choose(**asdict(choice))
        done = 0
        if chosen and not dry_run:
            confirm(f"{verb} {len(chosen)} dead letter(s)?", yes)
            done = act(chosen)
    record = {"matched": len(chosen), "done": done}
    if as_json:
        return show_json(record, schema=f"dead.{verb}/1")
    return print(f"{verb}: {done} of {len(chosen)} dead letter(s)")


def _check_reason(reason: str | None) -> None:
    from models.runtime import DeadReason

    if reason and reason not in set(DeadReason):
        known = ", ".join(DeadReason)
        raise CommandError(f"--reason: {reason!r} is none", hint=f"one of {known}", code=ExitCode.USAGE)
