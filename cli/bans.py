"""The blacklist by its own name: list, add, remove, and the review of what its entries do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli import blacklist
from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The blacklist: list, add, remove, review.")
app.command("list")(blacklist.list_)
app.command("remove")(blacklist.unblock)
COLUMNS = (
    "net", "kind", "source", "reason_code", "hits", "refused", "visitors", "accounts", "last_violation_at",
    "expires_at",
)  # fmt: skip


@app.command()
def add(
    network: Annotated[str, typer.Argument(help="A network, or an address: of IPv6 all that its owner has.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the entry and in the audit log.")],
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="For so many days; none = until removed.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Refuse every click of a network.

    Examples:

      signalbox blacklist add 203.0.113.0/24 --reason "click farm" --days 90

      signalbox blacklist add 2001:db8:7::/48 --reason "click farm" --yes
    """
    from datetime import timedelta

    from cli.output import show_json
    from cli.session import confirm, database, operator
    from config.clock import now
    from core.ads import blacklist as rules

    if not reason.strip():
        raise CommandError("--reason: is empty", hint='--reason "click farm"', code=ExitCode.USAGE)
    expires_at = now() + timedelta(days=days) if days else None
    with database():
        try:
            net = rules.listable(network)
        except ValueError as error:
            hint = "write an address or a network such as 203.0.113.0/24"
            raise CommandError(str(error), hint=hint, code=ExitCode.USAGE) from error
        if not dry_run:
            confirm(f"refuse every click from {net} {f'for {days} days' if days else 'until it is removed'}?", yes)
            rules.block(net, note=reason.strip(), by=operator(), expires_at=expires_at)
    if as_json:
        document = {"net": net, "expires_at": expires_at, "added": not dry_run}
        return show_json(document, schema="blacklist.add/1")
    return print(f"{net}: {'would be listed' if dry_run else 'listed'}")


@app.command()
def review(
    days: Annotated[int, typer.Option(min=1, max=60, help="Look at refusals of so many days, ending today.")] = 7,
    source: Annotated[str | None, typer.Option(help="Only entries of this source: auto or manual.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """Which entries refuse most: many visitors mean a shared network, and a network of our own is a mistake.

    `accounts` are publishers whose informers lost clicks by it; `kind` says private, own (a proxy of ours), allowed.

    Examples:

      signalbox blacklist review

      signalbox blacklist review --days 30 --source auto --json
    """
    from cli.output import show
    from cli.session import database
    from core.ads import ban_review

    if source not in (None, "auto", "manual"):
        raise CommandError(f"--source: {source!r} is none", hint="auto or manual", code=ExitCode.USAGE)
    with database():
        found = ban_review.review(days=days, source=source, limit=limit)
    rows = [asdict(item.entry) | {"kind": item.kind} for item in found]
    show(rows, schema="blacklist.review/1", as_json=as_json, title="Blacklist review", columns=COLUMNS)
