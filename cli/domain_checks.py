"""`signalbox domains check`: what every source says about domains now, as a table of verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import Json

if TYPE_CHECKING:
    from config.settings import Settings
    from core.domains.lookups import Examined
    from models.domain_states import Reason, Verdict
    from models.spares import Watched

Call = tuple[str, "Reason", int | None]


def check(
    domains: Annotated[list[str] | None, typer.Argument(metavar="[DOMAIN]...", help="The domains to look at.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every domain of every pipeline.")] = False,
    only: Annotated[str, typer.Option(help="Only these checks, of gsb,dns,tls,http,expiry.")] = "",
    act: Annotated[bool, typer.Option("--act", help="Let unsafe active domains be blocked and switched.")] = False,
    as_json: Json = False,
) -> None:
    """Ask every source about domains, now; exit 4 if one is unsafe, 5 if nobody could tell anything.

    Answers are stored for domains that belong to a pipeline; nothing is switched without --act, and with it only after
    a second answer.

    Examples:

      signalbox domains check c4.example c5.example

      signalbox domains check --all --only gsb,dns --act
    """
    from cli.output import show, show_json
    from cli.session import database

    wanted = _checks(only)
    with database() as settings:
        names = _names(domains or [], everything)
        examined = _examined(names, wanted)
        calls = _kept(examined, settings, act)
    rows = [_row(examined, domain) for domain in examined.domains]
    document = {"items": rows, "acted_on": [{"domain": call[0], "reason": call[1].value} for call in calls if act]}
    if as_json:
        show_json(document, schema="domains.check/1")
    else:
        show([_short(row) for row in rows], schema="", as_json=False, title="Domains")
    if code := _code([examined.verdict(name) for name in names]):
        raise typer.Exit(code)


def name_of(domain: str) -> str:
    """A domain as it is stored."""
    from core.domains import hosts

    try:
        return hosts.name_of(domain)
    except ValueError as error:
        raise CommandError(f"domain: {error}", code=ExitCode.USAGE) from error


@contextmanager
def broker(settings: Settings) -> Iterator[None]:
    """A broker for the messages that this command sends."""
    from config import logs
    from worker.broker import load_actors, make_broker

    logs.configure(settings)  # an unreachable broker is talk, and must not end up among the data
    load_actors()
    made = make_broker(settings, "worker")
    try:
        yield
    finally:
        made.close()


def _checks(only: str) -> list[str]:
    from core.domains.lookups import CHECKS

    words = [word.strip() for word in only.split(",") if word.strip()]
    if unknown := [word for word in words if word not in CHECKS]:
        what = f"--only: {unknown[0]!r} is no check"
        raise CommandError(what, hint=f"some of {','.join(CHECKS)}", code=ExitCode.USAGE)
    return words or list(CHECKS)


def _names(domains: list[str], everything: bool) -> list[str]:
    from models import spares

    if bool(domains) is everything:
        hint = "signalbox domains check c4.example"
        raise CommandError("give either domains or --all", hint=hint, code=ExitCode.USAGE)
    return spares.placed() if everything else list(dict.fromkeys(map(name_of, domains)))


def _examined(names: list[str], wanted: list[str]) -> Examined:
    from cli.progress import progress
    from core.domains import lookups

    with progress("checking", len(names) * len(wanted)) as done:
        return lookups.check(names, wanted, done)


def _kept(examined: Examined, settings: Settings, act: bool) -> list[Call]:
    """Store the answers and, if asked to, send what blocks; both or nothing."""
    from core.domains import lookups
    from models.conflicts import transaction

    if not act:
        return transaction(lambda: lookups.store(examined))
    with broker(settings):
        return transaction(lambda: _sent(lookups.store(examined)))


def _sent(calls: list[Call]) -> list[Call]:
    from worker.domains.blocking import block_active_tracking_domain

    for domain, reason, evidence_id in calls:
        block_active_tracking_domain.send(domain=domain, reason=reason.value, evidence_id=evidence_id)
    return calls


def _row(examined: Examined, domain: Watched) -> dict[str, Any]:
    checks = {
        word: {"verdict": seen.verdict.value, "note": seen.note, "provider": seen.provider, "at": seen.at}
        for word, seen in examined.seen[domain.name].items()
    }
    role = domain.role.value if domain.role else None
    return {
        "domain": domain.name, "verdict": examined.verdict(domain.name).value, "known": bool(domain.domain_id),
        "pipeline": domain.pipeline or None, "role": role, "checks": checks,
    }  # fmt: skip


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """One line: the worst first, then each check, then the grounds of what is not as it should be."""
    checks = {word: seen["verdict"] for word, seen in row["checks"].items()}
    notes = [f"{word}: {seen['note']}" for word, seen in row["checks"].items() if seen["verdict"] != "safe"]
    return {"domain": row["domain"], "verdict": row["verdict"], **checks, "why": "; ".join(notes)}


def _code(verdicts: list[Verdict]) -> ExitCode | None:
    from models.domain_states import Verdict

    if Verdict.UNSAFE in verdicts:
        return ExitCode.FINDINGS
    return ExitCode.UNAVAILABLE if verdicts and set(verdicts) == {Verdict.UNKNOWN} else None
