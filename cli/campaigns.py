"""Commands about campaigns: look, make them what AdLoad says, hold, stop, start again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from datetime import datetime

    from core.ads.campaigns import Refreshed
    from models.campaigns import CampaignRow

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Campaigns: list, show, refresh, hold, stop, restart."
)
Number = Annotated[int, typer.Argument(metavar="ID", help="The campaign's number here.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]
ERRORS_MIN = 15
COLUMNS = ("id", "title", "status", "is_social", "offers", "errors", "held_since", "synced_at", "manager")


@app.command("list")
def list_(
    status: Annotated[str | None, typer.Option(help="Only campaigns of this status, such as working.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 1000,
    as_json: Json = False,
) -> None:
    """Campaigns with their active offers, the errors of the last 15 minutes, and when AdLoad was asked last.

    Examples:

      signalbox campaigns list

      signalbox campaigns list --status hold --json
    """
    from cli.output import show
    from cli.session import database
    from models import campaign_list
    from models.ads import CampaignStatus

    if status and status not in list(CampaignStatus):
        raise CommandError(
            f"--status: {status!r} is none", hint=f"one of {', '.join(CampaignStatus)}", code=ExitCode.USAGE
        )
    with database():
        rows = campaign_list.listed(_lately(), status=status, limit=limit)
    show(map(asdict, rows), schema="campaigns.list/1", as_json=as_json, title="Campaigns", columns=COLUMNS)


@app.command("show")
def show_(campaign: Number, as_json: Json = False) -> None:
    """One campaign with its offers and what went wrong lately.

    Examples:

      signalbox campaigns show 12

      signalbox campaigns show 12 --json
    """
    from cli.output import show, show_json
    from cli.session import database
    from models import campaign_list

    with database():
        found = campaign_list.find(campaign, _lately())
        if found is None:
            raise _unknown(campaign)
        offers = list(map(asdict, campaign_list.offers(campaign)))
        errors = campaign_list.errors_by_code(campaign, _lately())
    if as_json:
        return show_json({**asdict(found), "errors_by_code": errors, "offer_list": offers}, schema="campaigns.show/1")
    facts = [{"field": name, "value": value} for name, value in {**asdict(found), **errors}.items()]
    show(facts, schema="", as_json=False, title=found.title)
    return show(offers, schema="", as_json=False, title="Offers")


@app.command()
def refresh(campaign: Number, reason: Why = "", dry_run: DryRun = False, as_json: Json = False) -> None:
    """Ask AdLoad about a working campaign and make it what AdLoad says.

    Examples:

      signalbox campaigns refresh 12 --dry-run

      signalbox campaigns refresh 12
    """
    from worker.ads import campaign_news

    _act("refresh", campaign, reason, dry_run, True, as_json, campaign_news.refresh)


@app.command()
def hold(campaign: Number, reason: Why, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
    """Put a working campaign on hold: its clicks are no longer charged; after a week it is stopped.

    Examples:

      signalbox campaigns hold 12 --reason "wrong landing page"

      signalbox campaigns hold 12 --reason "asked by the advertiser" --yes
    """
    from worker.ads import campaign_news

    _act("hold", campaign, _said(reason), dry_run, yes, as_json, campaign_news.hold)


@app.command()
def stop(campaign: Number, reason: Why, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False) -> None:
    """Stop a campaign; its offers are deactivated at night and come back when it is started again.

    Examples:

      signalbox campaigns stop 12 --reason "contract ended" --dry-run

      signalbox campaigns stop 12 --reason "contract ended" --yes
    """
    from worker.ads import campaign_news

    _act("stop", campaign, _said(reason), dry_run, yes, as_json, campaign_news.stop)


@app.command()
def restart(
    campaign: Number, reason: Why = "", dry_run: DryRun = False, yes: Yes = False, as_json: Json = False
) -> None:
    """Let a held or stopped campaign work again, if AdLoad allows it and it has active offers.

    Examples:

      signalbox campaigns restart 12 --dry-run

      signalbox campaigns restart 12 --reason "paid" --yes
    """
    from worker.ads import campaign_news

    _act("restart", campaign, reason, dry_run, yes, as_json, campaign_news.restart)


def _act(
    verb: str,
    campaign_id: int,
    reason: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    act: Callable[[CampaignRow, str, str], Refreshed],
) -> None:
    from cli.output import show_json
    from cli.session import confirm, database, operator
    from models import campaigns
    from worker.broker import load_actors, make_broker

    with database() as settings:
        campaign = campaigns.get(campaign_id)
        if campaign is None:
            raise _unknown(campaign_id)
        if dry_run:
            result = _foreseen(verb, campaign)
        else:
            confirm(f"{verb} campaign {campaign_id} ({campaign.title}, {campaign.status})?", yes)
            load_actors()
            broker = make_broker(settings, "worker")
            try:
                result = _guarded(act, campaign, operator(), reason)
            finally:
                broker.close()
    record = {"campaign": campaign_id, "before": campaign.status, "result": result.value, "done": not dry_run}
    if as_json:
        return show_json(record, schema=f"campaigns.{verb}/1")
    return print(f"campaign {campaign_id}: {'would be ' if dry_run else ''}{result.value}")


def _foreseen(verb: str, campaign: CampaignRow) -> Refreshed:
    """What an act would do, as far as it can be known without doing it."""
    from core.ads import campaigns as rules
    from core.ads.campaigns import Refreshed
    from core.ads.drivers import driver
    from models.ads import Campaign, CampaignStatus

    status = CampaignStatus(campaign.status)
    if verb == "refresh":
        return _guarded(lambda row, *_: rules.ask(row.id, driver()).verdict, campaign, "", "")
    if verb == "restart" and status in (CampaignStatus.HOLD, CampaignStatus.STOP):
        return _guarded(lambda row, *_: rules.ask_for_restart(row, driver()).verdict, campaign, "", "")
    wanted = {"hold": CampaignStatus.HOLD, "stop": CampaignStatus.STOP}.get(verb)
    if wanted not in Campaign.MOVES[status]:
        return Refreshed.NOT_RUNNING
    return Refreshed.HELD if verb == "hold" else Refreshed.STOPPED


def _guarded(
    act: Callable[[CampaignRow, str, str], Refreshed], campaign: CampaignRow, by: str, reason: str
) -> Refreshed:
    from core.ads.campaigns import NotAllowed, Refreshed
    from integrations.errors import OutsideError
    from models.campaign_care import NothingToShow

    try:
        result = act(campaign, by, reason)
    except (NotAllowed, NothingToShow) as error:
        raise CommandError(str(error), hint=f"signalbox campaigns show {campaign.id}") from error
    except OutsideError as error:
        what = f"AdLoad gave no usable answer ({type(error).__name__}); nothing was changed"
        raise CommandError(what, hint="signalbox doctor --live", code=ExitCode.UNAVAILABLE) from error
    if result is Refreshed.NOT_RUNNING:
        what = f"campaign {campaign.id} is {campaign.status}; nothing was changed"
        raise CommandError(what, hint=f"signalbox campaigns show {campaign.id}")
    return result


def _said(reason: str) -> str:
    if not reason.strip():
        raise CommandError("--reason: is empty", hint='--reason "wrong landing page"', code=ExitCode.USAGE)
    return reason.strip()


def _unknown(campaign_id: int) -> CommandError:
    return CommandError(f"there is no campaign {campaign_id}", hint="signalbox campaigns list")


def _lately() -> datetime:
    from datetime import timedelta

    from config.clock import now

    return now() - timedelta(minutes=ERRORS_MIN)
