"""The commands about accounts, on both engines."""

from __future__ import annotations

from models import persons
from tests.cli.conftest import Cli
from tests.core.ads import stage
from tests.core.ads.letterbox import account

ERASE = ("accounts", "erase", "zoe", "--role", "operator", "--reason", "asked for it")


def test_accounts_are_listed_by_login_in_pages_without_their_addresses(cli: Cli) -> None:
    for login in ("zoe", "bert", "cleo"):
        account(login=login)
    document = cli.json("accounts", "list", "--limit", "2")
    assert [row["login"] for row in document["items"]] == ["bert", "cleo"]
    (last,) = cli.json("accounts", "list", "--after", "cleo")["items"]
    assert (last["login"], last["balance"], last["email"]) == ("zoe", "0.00 USD", "z…@pub.example")


def test_one_account_is_shown_with_its_informers(cli: Cli) -> None:
    here = stage.build()
    document = cli.json("accounts", "show", str(here.account.guid))
    assert (document["login"], document["informers"][0]["id"]) == (here.account.login, here.informer.id)
    assert cli("accounts", "show", here.account.login) == 0
    assert f"informer\t{here.informer.id}\t" in cli.out


def test_an_unknown_account_is_an_error(cli: Cli) -> None:
    assert cli("accounts", "show", "nobody") == 1
    assert "no such account" in cli.err
    assert "signalbox accounts list" in cli.err


def test_a_person_is_erased_once_asked_for(cli: Cli) -> None:
    made = account(login="zoe")
    assert cli(*ERASE) == 2
    assert cli(*ERASE, "--dry-run") == 0
    assert "would be erased" in cli.out
    assert persons.listed(name="zoe")[0].email == "zoe@pub.example"

    assert cli.json(*ERASE, "--yes")["result"] == "erased"
    assert cli("accounts", "show", "zoe") == 1
    assert cli.json("accounts", "show", str(made.guid))["login"] == f"erased-{made.guid}"


def test_erasing_needs_a_role(cli: Cli) -> None:
    account(login="zoe")
    assert cli("accounts", "erase", "zoe", "--reason", "asked", "--yes") == 1
    assert "--role" in cli.err
