"""Commands about requests to change offers at Affise: look, agree, refuse, try again, take back, limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.pipeline_words import acting, told
from cli.session import Json, Yes

if TYPE_CHECKING:
    from uuid import UUID

    from core.domains.persons import By
    from models.affise_items import Item
    from models.affise_requests import Request

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Requests to change offers at Affise: list, show, approve, reject, retry, rollback, limit.",
)  # fmt: skip
Number = Annotated[str, typer.Argument(metavar="ID", help="The request; list shows them.")]
COLUMNS = ("id", "pipeline", "status", "old", "new", "items", "done", "failed", "dry_run", "approved_by", "created_at")


@app.command("list")
def list_(
    pipeline: Annotated[str, typer.Option(help="Only those of this pipeline.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """The newest requests: what is to lead where, how far that is, who agreed.

    Examples:

      signalbox pipelines requests list

      signalbox pipelines requests list --pipeline DE-sweeps --json
    """
    from cli.output import show
    from cli.session import database
    from models import affise_items, affise_requests

    with database():
        found = affise_requests.latest(pipeline, limit)
        counts = affise_items.counts([request.id for request in found])
    rows = [_row(request) | counts[request.id] for request in found]
    show(rows, schema="pipelines.requests.list/1", as_json=as_json, title="Requests to Affise", columns=COLUMNS)


@app.command("show")
def show_(request: Number, as_json: Json = False) -> None:
    """One request with each of its items: the address before and after, and what became of it.

    Examples:

      signalbox pipelines requests show 01936f2a-7c00-7000-8000-000000000001

      signalbox pipelines requests show 01936f2a-7c00-7000-8000-000000000001 --json
    """
    from cli.output import cell, show, show_json
    from cli.session import database
    from core.domains import affise_requests
    from models import affise_items

    with database(), told():
        found = affise_requests.get(request)
        items = [_item(item) for item in affise_items.of(found.id)]
    facts = _row(found) | {"reason": found.reason, "items_sha256": found.items_sha256, "undo_of": found.undo_of}
    if as_json:
        return show_json(facts | {"items": items}, schema="pipelines.requests.show/1")
    for key, value in facts.items():
        print(f"{key}\t{cell(value)}")
    return show(items, schema="", as_json=False, title="Items")


@app.command()
def approve(
    request: Number,
    digest: Annotated[
        str, typer.Option("--digest", help="The items_sha256 you looked at; without it you are asked.")
    ] = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Agree to what a request would change; if other changes are planned by then, nothing happens.

    Examples:

      signalbox pipelines requests approve 01936f2a-7c00-7000-8000-000000000001

      signalbox pipelines requests approve 01936f2a-7c00-7000-8000-000000000001 --digest 9f2c… --yes
    """
    from worker.domains import affise_acts

    def agree(found: Request, by: By) -> Request:
        return affise_acts.approve(found.id, by, digest or found.items_sha256 or "")

    _act("approve", request, yes, as_json, agree)


@app.command()
def reject(request: Number, yes: Yes = False, as_json: Json = False) -> None:
    """Refuse what a request would change: the offers stay as they are.

    Examples:

      signalbox pipelines requests reject 01936f2a-7c00-7000-8000-000000000001

      signalbox pipelines requests reject 01936f2a-7c00-7000-8000-000000000001 --yes
    """
    from worker.domains import affise_acts

    _act("reject", request, yes, as_json, lambda found, by: affise_acts.reject(found.id, by))


@app.command()
def retry(request: Number, yes: Yes = False, as_json: Json = False) -> None:
    """Try again what failed for a cause that may pass; what failed altogether is planned anew.

    Examples:

      signalbox pipelines requests retry 01936f2a-7c00-7000-8000-000000000001

      signalbox pipelines requests retry 01936f2a-7c00-7000-8000-000000000001 --yes
    """
    from worker.domains import affise_acts

    _act("retry", request, yes, as_json, lambda found, by: affise_acts.retry(found.id, by))


@app.command()
def rollback(request: Number, yes: Yes = False, as_json: Json = False) -> None:
    """Give offers back the addresses they had, where they still show what was written.

    Examples:

      signalbox pipelines requests rollback 01936f2a-7c00-7000-8000-000000000001

      signalbox pipelines requests rollback 01936f2a-7c00-7000-8000-000000000001 --yes
    """
    from worker.domains import affise_acts

    _act("rollback", request, yes, as_json, lambda found, by: affise_acts.rollback(found.id, by))


@app.command()
def limit(
    pipeline: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")],
    auto: Annotated[
        bool | None, typer.Option(help="Whether its requests approve themselves.", show_default=False)
    ] = None,
    most: Annotated[int | None, typer.Option(help="Up to how many items; 0 = the setting AFFISE_MAX_ITEMS.")] = None,
    as_json: Json = False,
) -> None:
    """Which requests of a pipeline need no person; whole addresses always need one.

    Examples:

      signalbox pipelines requests limit DE-sweeps --no-auto

      signalbox pipelines requests limit DE-sweeps --auto --most 50
    """
    from cli.output import show_json
    from cli.session import database
    from core.domains import affise_requests

    with database(), told():
        by_itself, limit = affise_requests.limit(pipeline, acting(), auto=auto, most=most)
    row = {"pipeline": pipeline, "auto": by_itself, "most": limit}
    if as_json:
        return show_json(row, schema="pipelines.requests.limit/1")
    return print(
        f"{pipeline}: {'by themselves, up to ' + str(limit or 'the usual number') if by_itself else 'by a person'}"
    )


def _act(verb: str, request_id: str, yes: bool, as_json: bool, act: Callable[[Request, By], Request]) -> None:
    from cli.output import show_json
    from cli.session import confirm, database
    from core.domains import affise_requests
    from worker.broker import load_actors, make_broker

    with database() as settings, told():
        found = affise_requests.get(request_id)
        confirm(f"{verb} request {found.id} of {found.pipeline} ({_size(found.id)}: {found.old} -> {found.new})?", yes)
        load_actors()
        broker = make_broker(settings, "worker")
        try:
            after = act(found, acting())
        finally:
            broker.close()
    if as_json:
        return show_json(_row(after), schema=f"pipelines.requests.{verb}/1")
    return print(f"request {after.id}: {after.status.value}")


def _size(request_id: UUID) -> str:
    from models import affise_items

    total = affise_items.tally(request_id).total
    return f"{total} address" if total == 1 else f"{total} addresses"


def _row(request: Request) -> dict[str, Any]:
    return {
        "id": request.id, "pipeline": request.pipeline, "status": request.status.value, "old": request.old,
        "new": request.new, "created_by": request.created_by, "created_at": request.created_at,
        "approved_by": request.approved_by, "approved_at": request.approved_at, "expires_at": request.expires_at,
    }  # fmt: skip


def _item(item: Item) -> dict[str, Any]:
    return {
        "offer": item.offer_id, "title": item.title, "field": item.field, "status": item.status.value,
        "before": item.before, "after": item.after, "attempts": item.attempts, "error": item.last_error,
        "next_attempt_at": item.next_attempt_at, "verified_at": item.verified_at,
    }  # fmt: skip
