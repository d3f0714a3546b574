"""Commands about clicks: issue a link, explain an outcome; faults and invalidation have modules of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import click_faults, invalidation
from cli.errors import CommandError, ExitCode
from cli.session import Json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Issue links, explain, replay, invalidate clicks.")


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

    _check_words(ip, page, to)
    try:
        url = issue_click_link(offer, informer, ip, page, now(), destination=to, test=test)
    except ValueError as error:
        raise CommandError(str(error), hint="signalbox clicks link --help", code=ExitCode.USAGE) from error
    return show_json({"link": url}, schema="clicks.link/1") if as_json else print(url)


def _check_words(ip: str, page: str, to: str | None) -> None:
    """What makes a link that leads nowhere, or nobody in; CommandError names the option."""
    from cli.period import usage
    from core.ads.actors import canonical_ip
    from core.ads.destination import safe_destination
    from core.ads.hosts import page_host

    try:
        canonical_ip(ip)
    except ValueError as error:
        raise usage(f"--ip: {error}", hint="--ip 203.0.113.7") from error
    if page and not page_host(page):
        raise usage("--page: has no host", hint="--page https://news.example/")
    if to is not None and safe_destination(to) is None:
        raise usage("--to: visitors are sent to plain http and https addresses only", hint="--to https://shop.example/")


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
    from cli.session import reading
    from cli.trace import lines, record
    from core.ads.explain import explain as explain_click
    from models.click_trace import latest

    wanted = None if click_id == "last" else click_faults.click_id_of(click_id)
    with reading():
        wanted = wanted or latest()
        found = explain_click(wanted) if wanted else None
    if found is None:
        cause = "it is still in a queue or the spool, was never accepted, or has been purged"
        which = f"no click {wanted}" if wanted else "no click"
        raise CommandError(f"{which} is stored", cause=cause, hint="signalbox doctor")
    return show_json(record(found), schema="clicks.explain/1") if as_json else print("\n".join(lines(found)))


for module in (click_faults, invalidation):
    module.register(app)
