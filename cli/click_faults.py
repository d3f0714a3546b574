"""Commands about clicks that failed for a fault: send them through again, or settle them for good."""

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

Ids = Annotated[list[str] | None, typer.Option("--id", help="This click; repeat for several.")]
Code = Annotated[str | None, typer.Option(help="Only errors of this code, such as adload_timeout.")]
Since = Annotated[str | None, typer.Option(help="Only errors at or after this instant (ISO 8601).")]
Until = Annotated[str | None, typer.Option(help="Only errors before this instant (ISO 8601).")]
Campaign = Annotated[int | None, typer.Option(help="Only errors of this campaign id.")]
Informer = Annotated[int | None, typer.Option(help="Only errors of this informer id.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the tree."""
    app.command()(replay)
    app.command()(dismiss)


def replay(
    ids: Ids = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    campaign: Campaign = None,
    informer: Informer = None,
    rate: Annotated[int, typer.Option(min=1, max=10_000, help="Clicks per second.")] = 100,
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

    wanted = chosen(ids, code, since, until, campaign, informer)
    with database() as settings:
        codes, late = errors_replay.matching(wanted), errors_replay.refused(wanted)
        count = sum(codes.values())
        if count and not dry_run:
            confirm(f"send {count} click(s) through again?", yes)
            _send_again(settings, wanted, rate)
    sent = bool(count) and not dry_run
    if as_json:
        found = {"clicks": count, "codes": codes, "too_old": late, "sent": sent}
        return show_json(found, schema="clicks.replay/1")
    _print_codes(codes)
    print(f"{count} click(s) {'sent' if sent else 'match'}")
    return print(f"{late} more are of archived days: correct them by an adjustment") if late else None


def dismiss(
    reason: Annotated[str, typer.Option(help="Why nobody needs them; kept in the audit log.")],
    ids: Ids = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    campaign: Campaign = None,
    informer: Informer = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Settle errored clicks that nobody will replay; the rows stay until retention.

    Examples:

      signalbox clicks dismiss --code adload_zero_cost --reason "advertiser had no money" --dry-run

      signalbox clicks dismiss --campaign 12 --reason "campaign ended" --yes
    """
    from cli.output import show_json
    from cli.session import confirm, database, operator
    from core.ads import errors_replay

    if not reason.strip():
        raise CommandError("--reason: is empty", hint='--reason "campaign ended"', code=ExitCode.USAGE)
    wanted = chosen(ids, code, since, until, campaign, informer)
    with database():
        codes, done = errors_replay.dismissible(wanted), 0
        if codes and not dry_run:
            confirm(f"dismiss {sum(codes.values())} errored click(s) for good?", yes)
            done = errors_replay.dismiss(wanted, reason.strip(), operator())
    if as_json:
        found = {"clicks": sum(codes.values()), "codes": codes, "dismissed": done}
        return show_json(found, schema="clicks.dismiss/1")
    _print_codes(codes)
    return print(f"{done} of {sum(codes.values())} click(s) dismissed")


def chosen(
    ids: list[str] | None, code: str | None, since: str | None, until: str | None, campaign: int | None,
    informer: int | None,
) -> ErrorFilter:  # fmt: skip
    """The filter of the options; CommandError names the one that is wrong."""
    from core.ads.outcomes import SENTENCES_OF_FAULTS
    from models.click_errors import ErrorFilter

    if code and code not in SENTENCES_OF_FAULTS:
        known = ", ".join(sorted(SENTENCES_OF_FAULTS))
        raise CommandError(f"--code: {code!r} is none", hint=f"one of {known}", code=ExitCode.USAGE)
    clicks = tuple(str(click_id_of(item, "--id: ")) for item in ids or [])
    times = _instant("--since", since), _instant("--until", until)
    return ErrorFilter(clicks, code, campaign, *times, None, None, informer)


def click_id_of(text: str, option: str = "") -> UUID:
    """The click id of a word; CommandError begins with the option, if it was one."""
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(
            f"{option}{text!r} is not a click id",
            hint="it looks like 0197a3c4-7c00-7000-8000-000000000001",
            code=ExitCode.USAGE,
        ) from error


def _instant(option: str, text: str | None) -> datetime | None:
    try:
        value = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        what = f"{option}: {text!r} is not an instant"
        raise CommandError(what, hint="2026-11-20T12:00:00Z", code=ExitCode.USAGE) from error
    if value and value.tzinfo is None:
        raise CommandError(f"{option}: {text!r} has no time zone", hint=f"{text}Z", code=ExitCode.USAGE)
    return value


def _send_again(settings: Settings, wanted: ErrorFilter, rate: int) -> None:
    from worker.ads.clicks import replay_click_errors
    from worker.broker import make_broker

    broker = make_broker(settings, "worker")
    replay_click_errors.fn(
        click_ids=list(wanted.click_ids), code=wanted.code, campaign_id=wanted.campaign_id,
        since=wanted.since.isoformat() if wanted.since else None,
        until=wanted.until.isoformat() if wanted.until else None, informer_id=wanted.informer_id, rate=rate, by="cli",
    )  # fmt: skip
    broker.close()


def _print_codes(codes: dict[str, int]) -> None:
    for code, count in codes.items():
        print(f"{count:>8}  {code}")
