"""Commands that move a payout: request, agree, pay, decline, cancel."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from cli.desk import By, Role, checked, messages, person
from cli.errors import CommandError, ExitCode
from cli.session import DryRun, Json, Yes

if TYPE_CHECKING:
    from core.ads.payouts import Created
    from models.payouts import Payout

Version = Annotated[
    int | None, typer.Option("--version", min=1, help="The version you have seen; refused if it has moved since.")
]

Fields = Annotated[list[str] | None, typer.Option("--field", metavar="NAME=VALUE", help="A field of the method.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the tree."""
    for command in (request, agree, pay, decline, cancel):
        app.command()(command)


def request(
    login: str,
    amount: str,
    method: Annotated[str, typer.Option(help="How to be paid, such as webmoney_z.")] = "webmoney_z",
    currency: Annotated[str, typer.Option(help="The account's currency.")] = "",
    fields: Fields = None,
    details: Annotated[Path | None, typer.Option(help="File with the fields as JSON; - reads standard input.")] = None,
    comment: str = "",
    role: Role = None,
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Ask for a payout on a publisher's behalf; the publisher confirms by the link in the mail.

    Examples:

      signalbox payouts request pub-1 120.50 --currency USD --details purse.json --role operator

      signalbox payouts request pub-1 120.50 --currency USD --details - --role operator --dry-run < purse.json
    """
    from cli.session import confirm
    from core.ads import ledger
    from core.ads.payouts import Wish
    from worker.ads import payouts

    who = person(role, by)
    values = _fields(fields or [], details)
    with messages():
        wish = checked(lambda: Wish(login, ledger.amount(amount), currency, method, values, comment))
        if not dry_run:
            confirm(f"hold {amount} {currency} of {login} and send the confirmation mail?", yes)
        created = checked(lambda: payouts.create(wish, who), dry_run=dry_run)
    record = {"login": login, "amount": amount, "currency": currency, **_made(created)}
    text = f"payout {created.public_id} waits for its confirmation until {created.expires_at:%Y-%m-%d %H:%MZ}"
    _print(record, text, dry_run=dry_run, as_json=as_json)


def _made(created: Created) -> dict[str, Any]:
    return {"public_id": created.public_id, "expires_at": created.expires_at}


def agree(
    payout: UUID, role: Role = None, by: By = "", version: Version = None, dry_run: DryRun = False, yes: Yes = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Agree to a confirmed payout.

    Examples:

      signalbox payouts agree 0197a3c4-7c00-7000-8000-000000000001 --role operator

      signalbox payouts agree 0197a3c4-7c00-7000-8000-000000000001 --role operator --yes --json
    """
    from worker.ads import payouts

    who = person(role, by)
    _step("agree to", payout, lambda: payouts.agree(payout, who, version=version), dry_run, yes, as_json)


def pay(
    payout: UUID,
    external_ref: Annotated[str, typer.Option("--external-ref", help="The reference of the transfer.")],
    protection_code: Annotated[
        bool, typer.Option("--protection-code", help="Ask for a protection code; it is sealed and shown once.")
    ] = False,
    role: Role = None,
    by: By = "",
    version: Version = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Note that an agreed payout was paid; nobody who had a hand in it may do this.

    Examples:

      signalbox payouts pay 0197a3c4-7c00-7000-8000-000000000001 --external-ref 77-12 --role finance

      signalbox payouts pay 0197a3c4-7c00-7000-8000-000000000001 --external-ref 77-12 --role finance --yes
    """
    from worker.ads import payouts

    who = person(role, by)
    code = _secret("protection code") if protection_code else None

    def work() -> Payout:
        return payouts.pay(payout, external_ref, who, protection_code=code, version=version)

    _step("note as paid", payout, work, dry_run, yes, as_json)


def decline(
    payout: UUID,
    reason: Annotated[str, typer.Option(help="Why; the publisher is told.")],
    role: Role = None,
    by: By = "",
    version: Version = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Refuse a confirmed or agreed payout; the money goes back to the balance.

    Examples:

      signalbox payouts decline 0197a3c4-7c00-7000-8000-000000000001 --reason "purse unknown" --role operator

      signalbox payouts decline 0197a3c4-7c00-7000-8000-000000000001 --reason fraud --role finance --dry-run
    """
    from worker.ads import payouts

    who = person(role, by)
    _step("decline", payout, lambda: payouts.decline(payout, reason, who, version=version), dry_run, yes, as_json)


def cancel(
    payout: UUID, role: Role = None, by: By = "", version: Version = None, dry_run: DryRun = False, yes: Yes = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Take a payout back on the publisher's word, before it is agreed.

    Examples:

      signalbox payouts cancel 0197a3c4-7c00-7000-8000-000000000001 --role operator

      signalbox payouts cancel 0197a3c4-7c00-7000-8000-000000000001 --role operator --dry-run
    """
    from worker.ads import payouts

    who = person(role, by)
    _step("cancel", payout, lambda: payouts.cancel(payout, who, version=version), dry_run, yes, as_json)


def _step(verb: str, payout: UUID, work: Callable[[], Payout], dry_run: bool, yes: bool, as_json: bool) -> None:
    from cli.session import confirm
    from core.ads import payouts
    from models.fields import decimal_text

    with messages():
        found = checked(lambda: payouts.get(payout))
        amount = f"{decimal_text(found.amount)} {found.currency}"
        if not dry_run:
            confirm(f"{verb} the payout of {amount} to {found.login}?", yes)
        moved = checked(work, dry_run=dry_run)
    record = {
        "public_id": payout, "login": moved.login, "amount": decimal_text(moved.amount), "currency": moved.currency,
        "from": found.state, "state": moved.state, "version": moved.version,
    }  # fmt: skip
    _print(record, f"payout {payout}: {found.state} -> {moved.state}, {amount}", dry_run=dry_run, as_json=as_json)


def _print(record: dict[str, Any], text: str, *, dry_run: bool, as_json: bool) -> None:
    from cli.output import show_json

    if as_json:
        show_json({**record, "changed": not dry_run}, schema="payouts.step/1")
    else:
        print(f"dry run, nothing was changed: {text}" if dry_run else text)


def _fields(pairs: list[str], details: Path | None) -> dict[str, str]:
    values = _from_file(details) if details else {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise CommandError("--field: write NAME=VALUE", code=ExitCode.USAGE)
        values[name.strip()] = value
    return values


def _from_file(path: Path) -> dict[str, str]:
    import orjson

    try:
        text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        values = orjson.loads(text)
    except (OSError, orjson.JSONDecodeError) as error:
        # the error of the parser quotes what it read, which is nobody's business
        raise CommandError("--details: not a readable file of JSON", code=ExitCode.USAGE) from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise CommandError('--details: write an object of texts, such as {"purse": "Z…"}', code=ExitCode.USAGE)
    return values


def _secret(what: str) -> str:
    """Typed without an echo, or the first line of standard input; never an argument, which others could read."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True))
    return sys.stdin.readline().strip()
