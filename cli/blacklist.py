"""Commands about the blacklist of networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The blacklist: look, unblock.")


@app.command("list")
def list_(
    ip: Annotated[str | None, typer.Option(help="Only entries that contain this address.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    as_json: Json = False,
) -> None:
    """Listed networks, latest violation first.

    Examples:

      signalbox ip list

      signalbox ip list --ip 203.0.113.7 --json
    """
    from cli.output import show
    from cli.session import database
    from core.ads import blacklist

    with database():
        rows = _checked(lambda: blacklist.listed(ip=ip, limit=limit))
    show(rows, schema="ip.list/1", as_json=as_json, title="Blacklist")


@app.command()
def unblock(
    network: str,
    reason: Annotated[str, typer.Option(help="Why; kept with the log of the act.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take a network or address off the blacklist.

    Examples:

      signalbox ip unblock 203.0.113.7 --reason "office of a partner"

      signalbox ip unblock 2001:db8:7::/64 --reason mistake --yes
    """
    from cli.output import show_json
    from cli.session import confirm, database
    from core.ads import blacklist

    with database():
        found = _checked(lambda: blacklist.entries(network))
        if not found:
            raise CommandError(f"{network} is not on the blacklist", hint="signalbox ip list")
        removed = 0
        if not dry_run:
            confirm(f"take {len(found)} entr{'y' if len(found) == 1 else 'ies'} for {network} off the blacklist?", yes)
            removed = blacklist.unblock(network, by="cli", reason=reason)
    record = {"network": network, "entries": found, "removed": removed}
    return show_json(record, schema="ip.unblock/1") if as_json else print(f"{network}: {removed} removed")


def _checked(look: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    try:
        return look()
    except ValueError as error:
        raise CommandError(
            str(error), hint="write an address or a network such as 203.0.113.0/24", code=ExitCode.USAGE
        ) from error
