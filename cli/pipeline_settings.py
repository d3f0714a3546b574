"""The command that sets how a pipeline is watched and how often it may switch."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import CommandError, ExitCode
from cli.pipeline_words import acting, told
from cli.session import Json

Number = Annotated[int | None, typer.Option(min=1, help="Automatic switches within 24 hours at most.")]


def set_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")],
    enabled: Annotated[bool | None, typer.Option(help="Whether its domains are checked at all.")] = None,
    expected_cname: Annotated[str | None, typer.Option(help="The alias that every domain must point to.")] = None,
    block_on_tls: Annotated[bool | None, typer.Option(help="Leave a domain whose certificate is refused.")] = None,
    max_switches_per_day: Number = None,
    cool_down: Annotated[int | None, typer.Option(min=0, help="Seconds between two automatic switches.")] = None,
    destination: Annotated[list[str] | None, typer.Option(help="A page behind the pipeline, looked at, too.")] = None,
    as_json: Json = False,
) -> None:
    """Set how a pipeline is watched and how often it may switch; what is not named stays as it is.

    Examples:

      signalbox pipelines set DE-sweeps --expected-cname edge.example --block-on-tls

      signalbox pipelines set DE-sweeps --no-enabled
    """
    from cli.output import show_json
    from cli.session import database
    from core.domains.pipeline_settings import configure
    from models.pipeline_writes import Settings

    alias, pages = _read(expected_cname, destination or [])
    wish = Settings(
        enabled=enabled, expected_cname=alias, block_on_tls=block_on_tls, max_switches_per_day=max_switches_per_day,
        cool_down_s=cool_down,
    )  # fmt: skip
    if not wish.facts() and not pages:
        raise CommandError("nothing to set", hint="signalbox pipelines set --help names it all", code=ExitCode.USAGE)
    with database(), told():
        configure(name, acting(), wish, pages)
    facts = {**wish.facts(), **({"destinations": pages} if pages else {})}
    if as_json:
        return show_json({"name": name, **facts}, schema="pipelines.set/1")
    return print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))


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
