"""Commands about tracking domains: look at them now, what they were, how ready the spares are, taking blocks back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import domain_checks, safety
from cli.errors import CommandError
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from core.domains.spares import Stock
    from models.roles import Unblocked
    from models.switch_history import PastAnswer

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Tracking domains: check, history, spares, answer, unblock."
)
app.command("check")(domain_checks.check)
app.command()(safety.answer)
ANSWER = ("at", "source", "verdict", "why", "subject", "provider")
Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain.")]


@app.command()
def history(
    domain: Name,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many answers, the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """The roles of a domain in each pipeline, and the answers about it, newest first.

    Examples:

      signalbox domains history c4.example

      signalbox domains history c4.example --limit 500 --json
    """
    from cli.output import show, show_json
    from cli.session import reading

    name = domain_checks.name_of(domain)
    with reading():
        places, seen = _history(name, limit)
    if as_json:
        return show_json({"domain": name, "roles": places, "answers": seen}, schema="domains.history/1")
    show(places, schema="", as_json=False, title=f"{name}: roles")
    return show(seen, schema="", as_json=False, title="Answers", columns=ANSWER)


def _history(name: str, limit: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from models import switch_history

    roles, answers = switch_history.roles_of(name), switch_history.answers_about(name, limit)
    if not roles and not answers:
        raise CommandError(f"{name} is no tracking domain here", hint="signalbox pipelines list")
    return list(map(asdict, roles)), [asdict(one) | {"why": _why(one)} for one in answers]


def _why(answer: PastAnswer) -> str:
    """What an answer rests on; one that could not be believed says so."""
    from core.domains import lookups
    from models.domain_states import Source, Verdict

    said = lookups.grounds(Source(answer.source), Verdict(answer.verdict), answer.grounds)
    return ", ".join(filter(None, [said, "the canaries failed" if answer.canary_ok is False else ""]))


@app.command()
def spares(as_json: Json = False) -> None:
    """The spares of each pipeline in the order of use: how ready each is, what that lacks, and how long they last.

    Examples:

      signalbox domains spares

      signalbox domains spares --json
    """
    from cli.output import show, show_json
    from cli.session import reading
    from core.domains import spares as rules

    with reading():
        stocks = rules.overview()
    if as_json:
        return show_json({"items": [_stock(stock) for stock in stocks]}, schema="domains.spares/1")
    rows = [row for stock in stocks for row in _rows(stock)]
    return show(rows, schema="", as_json=False, title="Spares")


def _stock(stock: Stock) -> dict[str, Any]:
    """A pipeline with its spares, as JSON."""
    waiting = [
        {
            "domain": one.place.name, "position": one.place.position, "gate": one.place.gate.name.lower(),
            "ready": one.ready, "readiness": one.readiness.score,
            "parts": [asdict(part) for part in one.readiness.parts],
        }
        for one in stock.spares
    ]  # fmt: skip
    runway = asdict(stock.runway) | {"text": str(stock.runway)}
    return {"pipeline": stock.line.pipeline.name, "spares": waiting, "runway": runway}


def _rows(stock: Stock) -> list[dict[str, Any]]:
    """The same as lines of a table; a pipeline without a spare has one too."""
    head = {"pipeline": stock.line.pipeline.name}
    tail = {"runway": str(stock.runway), "level": stock.runway.level.value}
    lines = [
        {"spare": one.place.name, "readiness": one.readiness.score,
         "because": ", ".join(f"{part.reason} -{part.minus}" for part in one.readiness.parts) or "every gate passed"}
        for one in stock.spares
    ]  # fmt: skip
    return [head | line | tail for line in lines or [{"spare": None, "readiness": None, "because": "no spare"}]]


@app.command()
def unblock(
    domain: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")],
    force: Annotated[bool, typer.Option("--force", help="Even if the latest answers about it are bad.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take a domain out of the blocked ones of every pipeline, after showing what is known against it.

    Examples:

      signalbox domains unblock c4.example --reason "delisted, ticket 81" --dry-run

      signalbox domains unblock c4.example --reason "wrong listing" --force --yes
    """
    from cli.output import cell, say, show_json
    from cli.pipeline_words import acting, told
    from cli.session import confirm, database
    from core.domains import pipelines
    from worker.domains.spares import unblock_by_hand

    name = domain_checks.name_of(domain)
    freed: list[dict[str, Any]] = []
    with database() as settings, told():
        places, seen = _history(name, 5)
        problem = pipelines.objection(name)
        for line in [*places, *({key: one[key] for key in ANSWER} for one in seen)]:
            say("  ".join(f"{key}={cell(value)}" for key, value in line.items() if value not in (None, "")))
        if not dry_run:
            confirm(f"unblock {name}?", yes)
            with domain_checks.broker(settings):
                freed = [_freed(one) for one in unblock_by_hand(name, reason, acting(), force=force)]
    document = {"domain": name, "roles": places, "answers": seen, "unblocked": freed, "done": not dry_run}
    if as_json:
        return show_json(document | {"problem": None if force else problem or None}, schema="domains.unblock/1")
    went = ", ".join(f"{one['role']} in {one['pipeline']}" for one in freed)
    would = f"would be refused: {problem}" if problem and not force else "would be unblocked"
    return print(f"{name}: {would if dry_run else f'unblocked: {went}'}")


def _freed(one: Unblocked) -> dict[str, Any]:
    from models import pipelines

    switch = one.switch.seq if one.switch else None
    return {"pipeline": pipelines.line(one.pipeline_id).pipeline.name, "role": one.role.value, "switch": switch}
