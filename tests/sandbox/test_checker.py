"""The imitated checker: it takes a question once, and calls only the product."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import orjson
import pytest

from sandbox.server import Refused, Sandbox
from sandbox.wire import Request
from tests.sandbox.clients import ask

PATH = "/checker/v1/domain-safety-requests"
QUESTION = {
    "request_id": "r1", "domain": "go.sandbox.test", "urls": ["https://go.sandbox.test/"], "nonce": "n",
    "expires_at": "2026-11-20T12:55:00Z", "callback_url": "https://evil.example:444/callbacks/domain-safety/r1",
}  # fmt: skip
KEY = {"Idempotency-Key": "r1"}


@contextmanager
def product(*statuses: int) -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A web process that answers callbacks with these statuses, the last one for ever; what it received."""
    received: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append((self.path, body))
            self.send_response(statuses[min(len(received), len(statuses)) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(sandbox: Sandbox, statuses: int) -> list[list[int | None]]:
    """What each answer was met with, once there are so many statuses."""
    ends_at = time.monotonic() + 60
    found: list[list[int | None]] = []
    while sum(map(len, found)) < statuses and time.monotonic() < ends_at:
        found = [one["statuses"] for one in sandbox.control("GET", "state/checker")["answers"]]
        time.sleep(0.01)
    return found


def test_a_question_is_accepted_once_and_known_afterwards(sandbox: Sandbox) -> None:
    sandbox.edit("checker", "settings", silent=True)
    assert [ask(sandbox, "POST", PATH, QUESTION, headers=KEY).status for _ in range(2)] == [202, 200]
    assert sandbox.control("GET", "state/checker")["questions"] == [QUESTION]


@pytest.mark.parametrize(
    ("question", "headers", "field"),
    [
        (QUESTION, {}, "Idempotency-Key"),
        (QUESTION, {"Idempotency-Key": "r2"}, "Idempotency-Key"),
        ({**QUESTION, "nonce": ""}, KEY, "nonce"),
        ({**QUESTION, "urls": "x"}, KEY, "urls"),
    ],
)
def test_a_question_that_lacks_something_is_refused(
    sandbox: Sandbox, question: dict[str, Any], headers: dict[str, str], field: str
) -> None:
    answer = ask(sandbox, "POST", PATH, question, headers=headers)
    assert (answer.status, answer.json["field"]) == (400, field)


def test_the_answer_goes_to_the_target_whatever_host_the_question_names(sandbox: Sandbox) -> None:
    sandbox.host("go.sandbox.test", listed=["MALWARE"])
    sandbox.edit("checker", "settings", delay_ms=0)
    with product(202) as (url, received):
        sandbox.world.target = url
        ask(sandbox, "POST", PATH, QUESTION, headers=KEY)
        assert told(sandbox, 1) == [[202]]
    [(path, answer)] = received
    assert path == "/callbacks/domain-safety/r1"
    assert (answer["verdict"], answer["nonce"], answer["domain"]) == ("unsafe", "n", "go.sandbox.test")
    assert answer["evidence"] == [{"kind": "gsc_security_issue_email", "category": "MALWARE"}]


def test_an_answer_that_found_nobody_is_sent_again(sandbox: Sandbox) -> None:
    sandbox.edit("checker", "settings", delay_ms=0)
    with product(503, 202) as (url, received):
        sandbox.world.target = url
        ask(sandbox, "POST", PATH, QUESTION, headers=KEY)
        assert told(sandbox, 2) == [[503, 202]]
    assert [answer["verdict"] for _, answer in received] == ["safe", "safe"]


def test_a_target_that_is_not_this_machine_is_never_called(sandbox: Sandbox) -> None:
    sandbox.world.target = "http://192.0.2.1"
    sandbox.edit("checker", "settings", delay_ms=0)
    ask(sandbox, "POST", PATH, QUESTION, headers=KEY)
    assert told(sandbox, 1)[0][0] is None


def ask_and_reset(sandbox: Sandbox) -> None:
    """In one turn of the loop, so that nothing can leave in between."""
    question = Request("POST", PATH, "", {"idempotency-key": "r1"}, orjson.dumps(QUESTION), keep_alive=True)
    assert sandbox._app.deliver(question).status == 202
    sandbox._app.control.answer(Request("POST", "/_sandbox/reset", "", {}, b"", keep_alive=True))


def test_a_reset_takes_back_what_was_planned(sandbox: Sandbox) -> None:
    with product(202) as (url, received):
        sandbox.world.target = url
        sandbox.edit("checker", "settings", delay_ms=300)
        sandbox._on_loop(lambda: ask_and_reset(sandbox))
        sandbox.edit("checker", "settings", delay_ms=400)
        ask(sandbox, "POST", PATH, {**QUESTION, "request_id": "r2"}, headers={"Idempotency-Key": "r2"})
        assert told(sandbox, 1) == [[202]]
    assert [answer["request_id"] for _, answer in received] == ["r2"]


def test_nobody_can_be_made_to_answer_what_was_not_asked(sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match="nobody asked"):
        sandbox.edit("checker", "r9", verdict="safe")
    assert ask(sandbox, "GET", "/checker/").status == 200
    assert ask(sandbox, "GET", PATH).status == 404
