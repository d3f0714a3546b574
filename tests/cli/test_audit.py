"""The commands about the audit log, on both engines."""

from __future__ import annotations

from tests.cli.conftest import Cli
from tests.models.test_audit import without_guard, write


def test_the_log_is_listed_newest_first(cli: Cli) -> None:
    write(1, after={"state": "agreed"})
    write(2, actor="bert")
    document = cli.json("audit", "list")
    assert document["schema"] == "signalbox.audit.list/1"
    assert [row["actor"] for row in document["items"]] == ["bert", "anna"]
    assert cli.json("audit", "list", "--actor", "anna")["items"][0]["after"] == {"state": "agreed"}
    assert cli("audit", "list", "--object", "payout:2") == 0
    assert "payout:2" in cli.out
    assert "payout:1" not in cli.out


def test_a_whole_log_is_verified(cli: Cli) -> None:
    write()
    document = cli.json("audit", "verify")
    assert (document["rows"], document["broken"]) == (1, [])
    assert cli("audit", "verify", "--expect", document["hash"]) == 0
    assert document["hash"] in cli.out


def test_a_broken_log_exits_6_and_names_the_place(cli: Cli) -> None:
    for number in range(3):
        write(number)
    without_guard("update audit_log set actor = 'eve' where id = 2")
    assert cli("audit", "verify") == 6
    assert "row 2 was changed" in cli.err
    assert cli("audit", "verify", "--json") == 6


def test_a_noted_hash_that_is_gone_exits_6(cli: Cli) -> None:
    for number in range(3):
        write(number)
    noted = cli.json("audit", "verify")["hash"]
    without_guard("delete from audit_log where id = 3")
    assert cli("audit", "verify") == 0
    assert cli("audit", "verify", "--expect", noted) == 6
    assert "cut off" in cli.err
