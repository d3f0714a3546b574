"""The record of requests: complete, in order, before the answer, and without secrets."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from sandbox import journal
from sandbox.server import Sandbox
from tests.sandbox.clients import ask, charge, click


def test_rows_tell_what_was_asked_and_what_became_of_it(sandbox: Sandbox) -> None:
    charge(sandbox, click("c1"), click("c2", percent_bp=-1))
    [row] = sandbox.journal()
    assert (row["seq"], row["service"], row["method"], row["path"]) == (1, "adload", "POST", "/adload/clicks")
    assert (row["status"], row["fault"], row["effect"]) == (200, None, {"charged": 1, "duplicate": 0, "refused": 1})
    assert orjson.loads(row["body"])["clicks"][0]["click_id"] == "c1"
    assert row["at"].endswith("Z")


def test_a_row_is_on_disk_when_its_answer_arrives(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with Sandbox(journal=file) as sandbox:
        for count in range(1, 6):
            ask(sandbox, "GET", f"/adload/totals?day=2026-11-0{count}")
            rows = [orjson.loads(line) for line in file.read_bytes().splitlines()]
            assert [row["seq"] for row in rows] == list(range(1, count + 1))
            assert rows[-1]["query"] == f"day=2026-11-0{count}"


def test_a_dropped_request_is_on_disk_too(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with Sandbox(journal=file) as sandbox:
        sandbox.fault("adload", {"type": "commit_then_drop"})
        with pytest.raises(ConnectionError):
            charge(sandbox, click())
        row = orjson.loads(file.read_bytes())
    assert (row["fault"], row["status"], row["effect"]["charged"]) == ("commit_then_drop", None, 1)


def test_a_file_is_continued_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    for _ in range(2):
        with Sandbox(journal=file) as sandbox:
            ask(sandbox, "GET", "/adload/totals")
    assert len(file.read_bytes().splitlines()) == 2


@pytest.mark.parametrize(
    "header",
    ["Authorization", "X-API-Key", "API-Key", "cwauth-token", "X-Goog-Api-Key", "Cookie", "Proxy-Authorization"],
)
def test_a_secret_header_is_masked(sandbox: Sandbox, header: str) -> None:
    ask(sandbox, "GET", "/adload/totals", headers={header: "canary-secret"})
    [row] = sandbox.journal()
    assert row["headers"][header.lower()] == "[secret]"
    assert "canary" not in str(row)


def test_secrets_in_query_path_and_addresses_are_masked(sandbox: Sandbox) -> None:
    ask(
        sandbox,
        "GET",
        "/bot123:canary/getMe?key=canary&day=1&token=canary",
        headers={"Referer": "http://me:canary@host/"},
    )
    [row] = sandbox.journal()
    assert "canary" not in str(row)
    assert (row["path"], row["query"]) == ("/bot[secret]/getMe", "key=[secret]&day=1&token=[secret]")


def test_a_long_body_is_cut(sandbox: Sandbox) -> None:
    ask(sandbox, "POST", "/adload/clicks", b"x" * 100_000)
    assert sandbox.journal()[0]["body"] == "x" * 65_536


def test_only_the_last_rows_stay_in_memory(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "KEPT_ROWS", 3)
    for _ in range(5):
        ask(sandbox, "GET", "/adload/totals")
    assert [row["seq"] for row in sandbox.journal()] == [3, 4, 5]


def test_old_bodies_are_forgotten_before_the_memory_grows(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "KEPT_BODIES_TOTAL", 25)
    for _ in range(3):
        ask(sandbox, "POST", "/adload/clicks", b"ten bytes!")
    assert [row["body"] for row in sandbox.journal()] == [None, "ten bytes!", "ten bytes!"]


def test_rows_can_be_filtered_by_service_number_and_path(sandbox: Sandbox) -> None:
    for path in ("/adload/totals", "/nowhere", "/adload/campaigns/x"):
        ask(sandbox, "GET", path)
    assert [row["seq"] for row in sandbox.journal("adload")] == [1, 3]
    assert [row["seq"] for row in sandbox.control("GET", "journal?since=1")["rows"]] == [2, 3]
    assert [row["seq"] for row in sandbox.control("GET", "journal?path=/adload/c*")["rows"]] == [3]


def test_a_cleared_journal_keeps_counting(sandbox: Sandbox) -> None:
    ask(sandbox, "GET", "/adload/totals")
    assert ask(sandbox, "DELETE", "/_sandbox/journal").status == 204
    ask(sandbox, "GET", "/adload/totals")
    assert [row["seq"] for row in sandbox.journal()] == [2]


def test_control_calls_are_not_recorded(sandbox: Sandbox) -> None:
    ask(sandbox, "GET", "/_sandbox/journal")
    assert sandbox.journal() == []
