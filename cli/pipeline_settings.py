"""The command that sets how a pipeline is watched and how often it may switch."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError, ExitCode
from cli.pipeline_words import acting, told
from cli.session import DryRun, Json

if TYPE_CHECKING:
    from models.pipeline_writes import Settings


class Unset(StrEnum):
    """What a pipeline may be without."""

    EXPECTED_CNAME = "expected-cname"
    TRAFFICBACK_URL = "trafficback-url"
    MAX_SWITCHES_PER_DAY = "max-switches-per-day"
    COOL_DOWN = "cool-down"


_COLUMNS = {Unset.COOL_DOWN: "cool_down_s"}
Number = Annotated[int | None, typer.Option(min=1, help="Automatic switches within 24 hours at most.")]


def set_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")],
    enabled: Annotated[bool | None, typer.Option(help="Whether its domains are checked at all.")] = None,
    expected_cname: Annotated[str | None, typer.Option(help="The alias that every domain must point to.")] = None,
    block_on_tls: Annotated[bool | None, typer.Option(help="Leave a domain whose certificate is refused.")] = None,
    max_switches_per_day: Number = None,
    cool_down: Annotated[int | None, typer.Option(min=0, help="Seconds between two automatic switches.")] = None,
    destination: Annotated[list[str] | None, typer.Option(help="A page behind the pipeline, looked at, too.")] = None,
    no_destination: Annotated[list[str] | None, typer.Option(help="A page that is behind it no more.")] = None,
    unset: Annotated[list[Unset] | None, typer.Option(help="What it shall not have of its own any more.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Set how a pipeline is watched and how often it may switch; what is not named stays as it is.

    Examples:

      signalbox pipelines set DE-sweeps --expected-cname edge.example --block-on-tls

      signalbox pipelines set DE-sweeps --no-destination https://listed.example/ --unset cool-down
    """
    from cli.output import show_json
    from cli.session import database
    from core.domains.pipeline_settings import Wish, configure
    from models.pipeline_writes import Settings

    alias, pages = _read(expected_cname, destination or [])
    wanted = Settings(
        enabled=enabled, expected_cname=alias, block_on_tls=block_on_tls, max_switches_per_day=max_switches_per_day,
        cool_down_s=cool_down,
    )  # fmt: skip
    wish = Wish(wanted, pages, no_destination or [], _names(unset or [], wanted))
    if not wish.facts():
        raise CommandError("nothing to set", hint="signalbox pipelines set --help names it all", code=ExitCode.USAGE)
    with database(), told(dry_run=dry_run):
        configure(name, acting(), wish)
    lists = {"destinations": pages, "without_destinations": list(wish.gone), "unset": list(wish.unset)}
    facts = {**wanted.facts(), **{key: value for key, value in lists.items() if value}}
    if as_json:
        return show_json({"name": name, **facts, "done": not dry_run}, schema="pipelines.set/1")
    words = ", ".join(f"{key} {value}" for key, value in facts.items())
    return print(f"{name}: {'would have ' if dry_run else ''}{words}")


def _names(unset: list[Unset], wanted: Settings) -> list[str]:
    """What is to be taken away, as rows name it; it cannot be set at once."""
    names = [_COLUMNS.get(one, one.value.replace("-", "_")) for one in dict.fromkeys(unset)]
    if both := sorted(set(names) & wanted.facts().keys()):
        raise CommandError(f"--unset: {both[0]} is set by the same command", code=ExitCode.USAGE)
    return names


def _read(alias: str | None, urls: list[str]) -> tuple[str | None, list[str]]:
    from core.domains import hosts
    from core.domains.pipeline_files import address

    try:
        pages = [address("--destination", url) for url in urls]
        return hosts.name_of(alias) if alias else None, pages
    except ValueError as error:
        text = str(error)
        raise CommandError(
            text if text.startswith("--") else f"--expected-cname: {text}", code=ExitCode.USAGE
        ) from error
