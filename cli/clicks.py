"""Commands about clicks: issue a link, explain an outcome, send errors through again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from config.settings import Settings
    from models.click_errors import ErrorFilter

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Issue links, explain and replay clicks.")


@app.command()
def link(
    offer: Annotated[int, typer.Option(help="Offer id.")],
    informer: Annotated[int, typer.Option(help="Informer id.")],
    ip: Annotated[str, typer.Option(help="The visitor's address that the link is bound to.")],
    page: Annotated[str, typer.Option(help="The page the ad is shown on.")] = "",
    to: Annotated[str | None, typer.Option(help="Destination under the signature; none = the offer's address.")] = None,
    test: Annotated[bool, typer.Option("--test", help="A link that redirects and stores nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Print a signed click link.

    Examples:

      signalbox clicks link --offer 3 --informer 1 --ip 203.0.113.7

      signalbox clicks link --offer 3 --informer 1 --ip ::1 --page https://news.example/ --test
    """
    from cli.output import show_json
    from config.clock import now
    from core.ads.links import issue_click_link

    try:
        url = issue_click_link(offer, informer, ip, page, now(), destination=to, test=test)
    except ValueError as error:
        raise CommandError(str(error), hint="signalbox clicks link --help", code=ExitCode.USAGE) from error
    return show_json({"link": url}, schema="clicks.link/1") if as_json else print(url)


@app.command()
def explain(
    click_id: Annotated[str, typer.Argument(help="The click's id, or `last` for the one that came last.")],
    as_json: Json = False,
) -> None:
    """Tell what became of a click, step by step, with the values and limits of that moment.

    Examples:

      signalbox clicks explain 0197a3c4-7c00-7000-8000-000000000001

      signalbox clicks explain last --json
    """
    from cli.output import show_json
    from cli.session import database
    from cli.trace import lines, record
    from core.ads.explain import explain as explain_click
    from models.click_trace import latest

    wanted = None if click_id == "last" else _click_id(click_id)
    with database():
        wanted = wanted or latest()
        found = explain_click(wanted) if wanted else None
    if found is None:
        cause = "it is still in a queue or the spool, was never accepted, or its day has left the live tables"
        raise CommandError(f"no click {wanted or ''} is stored", cause=cause, hint="signalbox doctor")
    return show_json(record(found), schema="clicks.explain/1") if as_json else print("\n".join(lines(found)))


@app.command()
def replay(
    click_id: Annotated[list[str] | None, typer.Option("--id", help="This click; repeat for several.")] = None,
    code: Annotated[str | None, typer.Option(help="Only errors of this code, such as adload_timeout.")] = None,
    since: Annotated[str | None, typer.Option(help="Only errors at or after this instant (ISO 8601).")] = None,
    campaign: Annotated[int | None, typer.Option(help="Only errors of this campaign id.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Send errored clicks through every check again, with their own ids and times.

    Examples:

      signalbox clicks replay --code adload_timeout --dry-run

      signalbox clicks replay --id 0197a3c4-7c00-7000-8000-000000000001 --yes
    """
    from cli.output import show_json
    from cli.session import confirm, database
    from core.ads import errors_replay
    from models.click_errors import ErrorFilter

    ids = tuple(str(_click_id(item)) for item in click_id or [])
    wanted = ErrorFilter(ids, code, campaign, _instant(since), None, None, None)
    with database() as settings:
        count, late = errors_replay.matching(wanted), errors_replay.refused(wanted)
        if count and not dry_run:
            confirm(f"send {count} click(s) through again?", yes)
            _send_again(settings, wanted)
    found = {"clicks": count, "too_old": late, "sent": bool(count) and not dry_run}
    if as_json:
        return show_json(found, schema="clicks.replay/1")
    print(f"{count} click(s) {'sent' if found['sent'] else 'match'}")
    return print(f"{late} more are too old: correct them by an adjustment") if late else None


def _send_again(settings: Settings, wanted: ErrorFilter) -> None:
    from worker.ads.clicks import replay_click_errors
    from worker.broker import make_broker

    broker = make_broker(settings, "worker")
    replay_click_errors.fn(
        click_ids=list(wanted.click_ids), code=wanted.code, campaign_id=wanted.campaign_id,
        since=wanted.since.isoformat() if wanted.since else None, by="cli",
    )  # fmt: skip
    broker.close()


def _click_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(
            f"{text!r} is not a click id",
            hint="it looks like 0197a3c4-7c00-7000-8000-000000000001",
            code=ExitCode.USAGE,
        ) from error


def _instant(text: str | None) -> datetime | None:
    try:
        value = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise CommandError(f"{text!r} is not an instant", hint="2026-11-20T12:00:00Z", code=ExitCode.USAGE) from error
    if value and value.tzinfo is None:
        raise CommandError(f"{text!r} has no time zone", hint=f"{text}Z", code=ExitCode.USAGE)
    return value
