"""The commands about payouts and the ledger, on both engines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from cli import session
from core.ads import payouts
from models import ledger
from models.ads import Account
from models.audit import page
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.ads.cashdesk import PURSE, UNIT, broken, everything, money, prepare, publisher, reached, waiting

OPERATOR = ("--role", "operator", "--by", "olga", "--yes")
FINANCE = ("--role", "finance", "--by", "fred", "--yes")


@pytest.fixture
def cli(database: Any, settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    prepare(settings_env)
    yield Cli(capsys)
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def account(cli: Cli) -> Account:
    return publisher(login="pub-1")


@pytest.fixture
def purse(tmp_path: Path) -> str:
    file = tmp_path / "purse.json"
    file.write_bytes(orjson.dumps(PURSE))
    return str(file)


def test_a_payout_goes_from_the_request_to_the_payment(cli: Cli, account: Account, purse: str) -> None:
    words = ("payouts", "request", "pub-1", "120.50", "--currency", "USD", "--details", purse)
    made = cli.json(*words, *OPERATOR)
    assert made["schema"] == "signalbox.payouts.step/1"
    payout = made["public_id"]
    mail = waiting()[-1]
    assert (mail["task"], mail["template"], mail["request_id"]) == ("send_mail", "payout_confirm", payout)
    assert PURSE["purse"] not in cli.out + cli.err
    from core.ads import sealing

    payouts.confirm(sealing.unseal(mail["sealed_token"]), None)
    assert cli.json("payouts", "agree", payout, *OPERATOR)["state"] == "agreed"
    assert cli.json("payouts", "pay", payout, "--external-ref", "77", *FINANCE)["state"] == "paid"
    assert [message.get("template") for message in waiting()][-1] == "payout_paid"
    assert broken() == {}
    assert money(account) == (379, 0)
    assert {row.request_id for row in page() if row.actor in ("olga", "fred")} == {f"terminal:{session.operator()}"}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("request", "pub-1", "abc", "--currency", "USD", *OPERATOR), 2, "amount: write a decimal number"),
        (("request", "pub-1", "9.99", "--currency", "USD", "--field", "purse=Z1", *OPERATOR), 2, "wmid: is missing"),
        (("request", "pub-1", "9.99", "--field", "purse", *OPERATOR), 2, "NAME=VALUE"),
        (("request", "pub-1", "9.99", "--details", "/nowhere.json", *OPERATOR), 2, "--details"),
        (("request", "pub-1", "120", "--yes"), 1, "needs the role operator or finance"),
        (("agree", "0197a3c4-7c00-7000-8000-000000000001", *OPERATOR), 1, "no payout of this id"),
        (("agree", "not-an-id", *OPERATOR), 2, "valid UUID"),
        (("show", "0197a3c4-7c00-7000-8000-000000000001"), 1, "no payout of this id"),
        (("list", "--state", "lost"), 2, "no state of a payout"),
        (("list", "--account", "nobody"), 1, "no such account"),
    ],
)
def test_what_cannot_be_is_refused_with_its_exit_code(
    cli: Cli, account: Account, words: tuple[str, ...], code: int, says: str
) -> None:
    before = everything()
    assert cli("payouts", *words) == code
    assert says in cli.err
    assert "Traceback" not in cli.err
    assert everything() == before


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("confirmed", ("agree", *OPERATOR)),
        ("confirmed", ("decline", "--reason", "no", *OPERATOR)),
        ("agreed", ("pay", "--external-ref", "7", *FINANCE)),
        ("confirmed", ("cancel", *OPERATOR)),
    ],
)
def test_a_dry_run_says_what_would_be_and_changes_nothing(
    cli: Cli, account: Account, state: str, words: tuple[str, ...]
) -> None:
    payout = str(reached(account, state).public_id)
    before = everything()
    assert cli("payouts", words[0], payout, *words[1:], "--dry-run") == 0, cli.err
    assert "nothing was changed" in cli.out
    assert everything() == before


def test_without_yes_and_a_terminal_nothing_happens(cli: Cli, account: Account) -> None:
    payout = str(reached(account, "confirmed").public_id)
    before = everything()
    assert cli("payouts", "agree", payout, "--role", "operator") == 2
    assert "add --yes" in cli.err
    assert everything() == before


def test_the_second_of_two_is_told_who_was_first(cli: Cli, account: Account) -> None:
    payout = str(reached(account, "confirmed").public_id)
    assert cli("payouts", "agree", payout, *OPERATOR) == 0
    assert cli("payouts", "agree", payout, *OPERATOR) == 1
    assert "agreed by olga" in cli.err


def test_the_list_counts_states_and_hours(cli: Cli, account: Account) -> None:
    reached(account, "pending_confirmation")
    reached(publisher(), "paid")
    document = cli.json("payouts", "list", "--account", "pub-1")
    assert document["funnel"]["paid"] == {"payouts": 1, "amount": "120.00"}
    assert [(item["login"], item["hours_left"]) for item in document["items"]] == [("pub-1", 71)]
    assert (document["progress"]["available"], document["progress"]["percent_of_least"]) == ("380.00", 100)
    assert PURSE["purse"] not in cli.out
    assert "hash" not in cli.out
    assert cli("payouts", "list", "--state", "paid") == 0
    assert cli.out.count("120.00") == 1


def test_one_payout_is_shown_masked_with_its_history(cli: Cli, account: Account) -> None:
    payout = str(reached(account, "agreed").public_id)
    document = cli.json("payouts", "show", payout)
    assert document["destination"].endswith("9012")
    assert [step["action"] for step in document["history"]] == ["payout.create", "payout.confirm", "payout.agree"]
    assert cli("payouts", "show", payout) == 0
    assert PURSE["purse"] not in cli.out + cli.err


def test_looking_at_details_is_recorded_first(cli: Cli, account: Account) -> None:
    payout = str(reached(account, "agreed").public_id)
    assert cli("payouts", "details", payout, "--reason", "curious") == 1
    assert cli.json("payouts", "details", payout, "--reason", "to pay", *FINANCE[:-1])["details"] == PURSE
    (row,) = page(action="payout.reveal_details")
    assert (row.actor, row.reason) == ("fred", "to pay")


def test_the_protection_code_is_shown_once(
    cli: Cli, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    payout = str(reached(account, "agreed").public_id)
    code = tmp_path / "code"
    code.write_text("4711-x\n")
    with code.open() as given:
        monkeypatch.setattr("sys.stdin", given)
        assert cli("payouts", "pay", payout, "--external-ref", "7", "--protection-code", *FINANCE) == 0, cli.err
    words = ("payouts", "details", payout, "--code", "--reason", "asked", *OPERATOR[:-1])
    assert cli.json(*words)["details"] == {"protection_code": "4711-x"}
    assert cli(*words) == 1
    assert "shown once" in cli.err


def test_a_correction_needs_finance_and_a_reason_and_is_on_record(cli: Cli, account: Account) -> None:
    words = ("ledger", "adjust", "pub-1", "-12.50", "--reason", "taken back")
    assert cli(*words, *OPERATOR) == 1
    assert cli("ledger", "adjust", "pub-1", "-12.50", *FINANCE) == 2
    assert cli.json(*words, *FINANCE, "--dry-run")["balance"] == "487.50"
    assert ledger.standing(account.id).balance == 500 * UNIT
    assert cli.json(*words, *FINANCE)["balance"] == "487.50"
    assert cli.json(*words, *FINANCE, "--source-key", "memo-7")["balance"] == "475.00"
    assert cli.json(*words, *FINANCE, "--source-key", "memo-7")["balance"] == "475.00"
    assert [row.actor for row in page(action="ledger.adjust")] == ["fred", "fred"]
    assert broken() == {}


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ("-500.01", "only 500.00 USD"),
        ("0", "zero"),
        ("1e-9", "decimal"),
        ("much", "decimal"),
        ("999999999999999999", "12 digits"),
        ("1e999999999", "12 digits"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(cli: Cli, account: Account, amount: str, says: str) -> None:
    before = everything()
    assert cli("ledger", "adjust", "pub-1", amount, "--reason", "x", *FINANCE) == 2
    assert says in cli.err
    assert everything() == before


def test_balances_entries_and_the_trial_balance_are_shown(cli: Cli, account: Account) -> None:
    reached(account, "pending_confirmation")
    document = cli.json("ledger", "balance", "pub-1")
    assert document["items"] == [
        {"login": "pub-1", "currency": "USD", "balance": "380.00", "held": "120.00", "available": "380.00"}
    ]
    assert [item["login"] for item in cli.json("ledger", "balance")["items"]] == ["pub-1"]
    kinds = [item["kind"] for item in cli.json("ledger", "entries", "pub-1")["items"]]
    assert kinds == ["payout_hold", "earning_day"]
    trial = cli.json("ledger", "trial")
    assert trial["total"] == "0.00"
    assert {item["book"]: item["amount"] for item in trial["items"]} == {
        "publishers": "380.00", "earnings": "-500.00", "adjustments": "0.00", "holds": "120.00", "payments": "0.00",
    }  # fmt: skip


def test_an_unknown_account_is_told(cli: Cli, account: Account) -> None:
    for words in (("balance", "nobody"), ("entries", "nobody")):
        assert cli("ledger", *words) == 1
        assert "no such account" in cli.err
