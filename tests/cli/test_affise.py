"""Requests to Affise on the command line: looked at, agreed to, refused, tried again, taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.clock import now
from core.domains import pipelines
from models import affise_items, affise_requests, audit
from models.affise_requests import Request
from models.database import db, execute, fetch
from models.domain_states import SwitchRequestState
from tests.cli.conftest import Cli
from tests.core.domains.yard import ANNA, pipeline, read

DIGEST = "d" * 64
REQUESTS = ("pipelines", "requests")


def waiting() -> Request:
    """A request for two addresses of one offer that waits for a person."""
    pipeline(with_update_affise=True)
    pipelines.switch("P", ANNA, "test", block=True)
    request = newest()
    addresses = [(7, "Shoes", name, f"https://a.example/{name}", f"https://b.example/{name}", None)
                 for name in ("url", "trafficback_url")]  # fmt: skip
    with db.atomic():
        affise_requests.planned(request, DIGEST, now() + timedelta(hours=24))
        affise_items.replace(request.id, addresses)
        affise_requests.move(request.id, SwitchRequestState.AWAITING_APPROVAL)
    return newest()


def newest() -> Request:
    found = affise_requests.newest_of(read().id)
    assert found is not None
    return found


def test_requests_are_listed_and_shown_with_their_items(cli: Cli) -> None:
    request = waiting()
    [row] = cli.json(*REQUESTS, "list", "--pipeline", "P")["items"]
    assert (row["id"], row["status"], row["old"], row["new"], row["items"], row["done"]) == (
        str(request.id), "awaiting_approval", "a.example", "b.example", 2, 0,
    )  # fmt: skip
    shown = cli.json(*REQUESTS, "show", str(request.id))
    assert (shown["schema"], shown["items_sha256"]) == ("signalbox.pipelines.requests.show/1", DIGEST)
    assert [(item["offer"], item["field"], item["after"]) for item in shown["items"]] == [
        (7, "url", "https://b.example/url"), (7, "trafficback_url", "https://b.example/trafficback_url"),
    ]  # fmt: skip
    assert (cli(*REQUESTS, "show", str(request.id)), "https://b.example/url" in cli.out) == (0, True)
    assert (cli(*REQUESTS, "list"), "awaiting_approval" in cli.out) == (0, True)
    assert cli.json(*REQUESTS, "list", "--pipeline", "X")["items"] == []


def test_a_request_is_approved_once_and_only_as_it_was_looked_at(embedded: Cli) -> None:
    request = waiting()
    assert (embedded(*REQUESTS, "approve", str(request.id), "--digest", "0" * 64, "--yes"), embedded.err[:22]) == (
        1, "error: already changed",
    )  # fmt: skip
    done = embedded.json(*REQUESTS, "approve", str(request.id), "--digest", DIGEST, "--yes")
    assert (done["status"], newest().status, newest().items_sha256) == ("approved", "approved", DIGEST)
    assert (embedded(*REQUESTS, "approve", str(request.id), "--yes"), "is approved, not" in embedded.err) == (1, True)
    assert len(audit.page(action="affise.approve")) == 1
    assert b"plan_affise_switch_request" in _messages()


def _messages() -> bytes:
    return b"".join(bytes(body) for (body,) in fetch("select body from queue_message"))


def test_a_request_is_rejected_retried_and_rolled_back(embedded: Cli) -> None:
    request = waiting()
    assert embedded(*REQUESTS, "reject", str(request.id), "--yes") == 0
    again = embedded.json(*REQUESTS, "retry", str(request.id), "--yes")
    assert (again["status"], again["id"] != str(request.id)) == ("draft", True)
    execute("update affise_switch_request set status = 'done' where id = %s", (again["id"],))
    affise_items.replace(newest().id, [(7, "Shoes", "url", "https://a.example/", "https://b.example/", None)])
    execute("update affise_switch_item set status = 'verified' where request_id = %s", (again["id"],))
    undo = embedded.json(*REQUESTS, "rollback", again["id"], "--yes")
    assert (undo["status"], undo["old"], undo["new"]) == ("applying", "b.example", "a.example")
    [item] = affise_items.of(newest().id)
    assert (item.before, item.after) == ("https://b.example/", "https://a.example/")


@pytest.mark.parametrize("verb", ["approve", "reject", "retry", "rollback"])
def test_without_a_terminal_nothing_is_done_unasked_and_unknown_requests_are_named(cli: Cli, verb: str) -> None:
    request = waiting()
    assert (cli(*REQUESTS, verb, str(request.id)), "add --yes" in cli.err) == (2, True)
    assert (cli(*REQUESTS, verb, "x", "--yes"), "there is no 'x'" in cli.err) == (2, True)
    assert newest() == request


def test_a_person_says_which_requests_need_no_person(cli: Cli) -> None:
    pipeline(with_update_affise=True)
    limit = (*REQUESTS, "limit", "P")
    assert cli.json(*limit, "--no-auto", "--most", "50") | {"schema": ""} == {
        "schema": "", "pipeline": "P", "auto": False, "most": 50,
    }  # fmt: skip
    pipelines.switch("P", ANNA, "test", block=True)
    assert (newest().auto_approve, newest().most_items) == (False, 50)
    assert (cli(*limit, "--auto", "--most", "0"), cli.out) == (0, "P: by themselves, up to the usual number\n")
    assert (newest().auto_approve, newest().most_items) == (True, None)
    for words in ((), ("--most", "-1")):
        assert cli(*limit, *words) == 2
    assert (cli(*REQUESTS, "limit", "X", "--auto"), len(audit.page(action="affise.limit"))) == (2, 2)
