"""Moving a pipeline by hand: what it would change, the switch, and each step that follows until it has ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.pipeline_words import acting, told
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from models.pipelines import Line
    from models.switch_history import Course

LONGEST_WAIT = 60.0
PAUSE = 0.25
OBJECTS = {"voluum": "campaigns", "affise": "offers"}


def switch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")],
    to: Annotated[str | None, typer.Option(help="The spare to move to; none = the next one.")] = None,
    block: Annotated[bool, typer.Option("--block", help="Block the domain that is left.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Show the steps until they have ended.")] = True,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Move a pipeline to another domain by hand; brakes and holds do not bind a person.

    The spares are looked at live before, so that it does not lead to one that has gone bad.
    Afterwards each step is shown until it has ended, for a minute at most; the workers go on without that.

    Examples:

      signalbox pipelines switch DE-sweeps --reason "slow in Italy" --dry-run

      signalbox pipelines switch DE-sweeps --to c5.example --block --reason "listed" --yes
    """
    from cli.desk import messages
    from cli.output import say, show_json
    from cli.session import confirm, database
    from core.domains import pipelines

    with database() if dry_run else messages(), told():
        line = pipelines.get(name) if dry_run else _proven(name, to)
        target = pipelines.aim(line, to, exhaust=block)
        plan = _plan(line, target.name if target else None, block)
        say(_diff(plan))
        if not dry_run:
            confirm(f"Switch {name}?", yes, word=name)
            plan |= _switch(name, reason, to, block, line.pipeline.seq, wait)
    if as_json:
        return show_json(plan | {"switched": not dry_run}, schema="pipelines.switch/1")
    return print(f"{name}: {'would switch' if dry_run else 'switched'} to {plan['to'] or 'nothing'}")


def _proven(name: str, to: str | None) -> Line:
    """The pipeline after a live look at its spares, so that nobody is moved to one that has gone bad."""
    from core.domains import pipelines, preflight

    preflight.prove(pipelines.get(name), only=pipelines.named_hosts([to])[0] if to else None)
    return pipelines.get(name)


def _plan(line: Line, to: str | None, block: bool) -> dict[str, Any]:
    from models import switch_history

    seen = switch_history.objects(line.pipeline.id)
    wanted = {"voluum": line.pipeline.with_update_voluum, "affise": line.pipeline.with_update_affise}
    objects = {platform: seen.get(platform) for platform, follows in wanted.items() if follows}
    assert line.active is not None, "refused otherwise"
    return {"pipeline": line.pipeline.name, "from": line.active.name, "to": to, "block": block, "objects": objects}


def _diff(plan: dict[str, Any]) -> str:
    """What the switch takes away and puts in place, as lines of a diff."""
    left = "blocked" if plan["block"] else "the last spare"
    unread = [name for name, number in plan["objects"].items() if number is None]
    note = f"; {' and '.join(unread)} not read yet, what is found there follows" if unread and plan["to"] else ""
    lines = [
        plan["pipeline"],
        f"-  active   {plan['from']}, from then on {left}",
        f"+  active   {plan['to'] or 'none: the pipeline is exhausted'}{note}",
    ]
    seen = [(name, number) for name, number in plan["objects"].items() if number is not None]
    follow = [f"+  {name:<8} {number} {OBJECTS[name]} follow" for name, number in seen]
    return "\n".join(lines + (follow if plan["to"] else []))


def _switch(name: str, reason: str, to: str | None, block: bool, seq: int, wait: bool) -> dict[str, Any]:
    from worker.domains import persons

    made = persons.switch(name, acting(), reason, to=to, block=block, seq=seq)
    steps = _watched(made.id, name) if wait else _course(made.id)
    return {"switch": made.seq, "to": made.to, "steps": {step.step: step.told for step in steps}}


def _course(switch_id: int) -> list[Course]:
    from models import switch_history

    return switch_history.course(switch_id)


def _watched(switch_id: int, name: str) -> list[Course]:
    """Show the steps as they go; what has not ended in time is named, and goes on."""
    from cli.output import say
    from config.clock import monotonic

    ends_at = monotonic() + LONGEST_WAIT
    with _shown() as show:
        show(steps := _course(switch_id))
        while not all(step.ended for step in steps) and monotonic() < ends_at:
            sleep(PAUSE)
            show(steps := _course(switch_id))
    if late := [step.step for step in steps if not step.ended]:
        say(f"still under way: {', '.join(late)}; signalbox pipelines show {name}")
    return steps


@contextmanager
def _shown() -> Iterator[Callable[[list[Course]], object]]:
    """Bars on a terminal, else a line for each change."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def show(steps: list[Course]) -> None:
            for step in steps:
                if step.step not in tasks:
                    tasks[step.step] = bars.add_task(step.step)
                done, total = (1, 1) if step.ended else (step.done, step.total or None)
                bars.update(tasks[step.step], description=words(step), completed=done, total=total)

        yield show


def _lines() -> Callable[[list[Course]], object]:
    from cli.output import say

    told: dict[str, str] = {}

    def show(steps: list[Course]) -> None:
        for step in steps:
            if told.get(step.step) != (text := words(step)):
                told[step.step] = text
                say(text)

    return show


def words(step: Course) -> str:
    """A step in one line."""
    count = f" {step.done}/{step.total}" if step.total else ""
    return f"{step.step}: {step.state.value}{count}{f' ({step.error})' if step.error else ''}"
