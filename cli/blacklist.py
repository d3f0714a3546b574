"""Commands about the blacklist of networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from core.ads.blacklist import Listed

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The blacklist: look, unblock.")


@app.command("list")
def list_(
    net: Annotated[str | None, typer.Option(help="Only entries of this address or network.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    as_json: Json = False,
) -> None:
    """Listed networks, latest violation first.

    Examples:

      signalbox ip list

      signalbox ip list --net 203.0.113.7 --json
    """
    from cli.output import show
    from cli.session import reading
    from core.ads import blacklist

    with reading():
        rows = _checked(lambda: blacklist.listed(net, limit=limit))
    show(map(asdict, rows), schema="ip.list/1", as_json=as_json, title="Blacklist")


@app.command()
def unblock(
    network: str,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take a network or address off the blacklist.

    Examples:

      signalbox ip unblock 203.0.113.7 --reason "office of a partner"

      signalbox ip unblock 2001:db8:7::/64 --reason mistake --yes
    """
    from cli.output import say, show_json
    from cli.session import confirm, database, operator
    from core.ads import blacklist

    if not reason.strip():
        raise CommandError("--reason: is empty", hint='--reason "office of a partner"', code=ExitCode.USAGE)
    with database():
        found = _checked(lambda: blacklist.listed(network, limit=1000))
        if not found:
            raise CommandError(f"{network} is not on the blacklist", hint="signalbox ip list")
        if not dry_run:
            confirm(f"take {network} off the blacklist ({len(found)} entries)?", yes)
        taken = () if dry_run else found
        by = {"by": operator(), "reason": reason.strip()}
        removed = [entry for entry in taken if blacklist.unblock(entry.net, visitor_id=entry.visitor_id, **by)]
    record = {"network": network, "reason": reason, "found": list(map(asdict, found)), "removed": len(removed)}
    if as_json:
        return show_json(record, schema="ip.unblock/1")
    for entry in found:
        last = f"last violation {entry.last_violation_at:%Y-%m-%d %H:%MZ}"
        say(f"{entry.net}: {entry.reason_code}, {entry.hits} hits, {last}")
    return print(f"{network}: {len(removed)} of {len(found)} taken off")


def _checked(look: Callable[[], list[Listed]]) -> list[Listed]:
    try:
        return look()
    except ValueError as error:
        hint = "write an address or a network such as 203.0.113.0/24"
        raise CommandError(str(error), hint=hint, code=ExitCode.USAGE) from error
