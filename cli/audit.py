"""Commands about the audit log: who did what, and whether the log is whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError, ExitCode
from cli.session import Json

if TYPE_CHECKING:
    from models.audit import AuditRow

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The audit log: list, verify.")
_COLUMNS = ("id", "at", "actor_kind", "actor", "action", "object", "result", "reason")


@app.command("list")
def list_(
    object_: Annotated[str, typer.Option("--object", help="Only what was done to this, such as payout:ID.")] = "",
    actor: Annotated[str, typer.Option(help="Only what this person or task did.")] = "",
    action: Annotated[str, typer.Option(help="Only this action, such as payout.pay.")] = "",
    before: Annotated[int | None, typer.Option(min=1, help="Only rows older than this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """Who did what, newest first.

    Examples:

      signalbox audit list --actor anna

      signalbox audit list --action payout.pay --limit 10 --json
    """
    from cli.output import show
    from cli.session import reading
    from models import audit

    with reading():
        rows = audit.page(object=object_, actor=actor, action=action, before=before, limit=limit)
    records = [_record(row) for row in rows]
    show(records, schema="audit.list/1", as_json=as_json, title="Audit log", columns=_COLUMNS)


@app.command()
def verify(
    expect: Annotated[str, typer.Option(help="A hash noted earlier; it must still be in the log.")] = "",
    as_json: Json = False,
) -> None:
    """Check every row against the hash of the one before; exit 6 if the log is broken.

    Note the printed hash elsewhere: with --expect, a log whose end was cut off is found as well.

    Examples:

      signalbox audit verify

      signalbox audit verify --expect 9f2c… --json
    """
    from cli.output import show_json
    from cli.session import database
    from models import audit

    with database():
        broken = audit.verify()
        rows, newest = audit.head()
        lost = bool(expect) and not audit.holds(expect)
    report = {"rows": rows, "hash": newest, "broken": list(map(asdict, broken)), "expected_hash_lost": lost}
    if as_json:
        show_json(report, schema="audit.verify/1")
    if broken or lost:
        raise _broken(report)
    if not as_json:
        print(f"{rows} rows, unbroken, newest hash {newest}")


def _record(row: AuditRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def _broken(report: dict[str, Any]) -> CommandError:
    places = "; ".join(f"row {place['id']} {place['problem']}" for place in report["broken"][:5])
    text = places or "the expected hash is not in the log, so its end was cut off or written anew"
    cause = f"{len(report['broken'])} place(s) in {report['rows']} rows" if places else ""
    return CommandError(
        f"the audit log is broken: {text}", cause=cause, hint="compare with a backup", code=ExitCode.INTEGRITY
    )
