"""The commands that change where mail and money go, on both engines."""

from __future__ import annotations

import pytest

from core.ads import payouts
from models.accounts import find
from models.ads import Account
from tests.cli.conftest import Cli
from tests.cli.test_payouts import OPERATOR, account, cli
from tests.core.ads.cashdesk import broken, everything, reached, waiting

__all__ = ["account", "cli"]


@pytest.mark.parametrize(("word", "value"), [("email", "new@pub.example"), ("methods", "cash")])
def test_a_change_cancels_the_open_payout_and_mails_it(cli: Cli, account: Account, word: str, value: str) -> None:
    payout = reached(account, "agreed")
    document = cli.json("accounts", word, "pub-1", value, *OPERATOR)
    assert document["cancelled"] == str(payout.public_id)
    assert payouts.get(payout.public_id).state == "cancelled"
    assert [message["template"] for message in waiting()] == ["payout_cancelled"]
    assert value in (find("pub-1").email, *find("pub-1").payout_methods)
    assert broken() == {}


def test_a_dry_run_changes_nothing(cli: Cli, account: Account) -> None:
    reached(account, "confirmed")
    before = everything()
    assert cli("accounts", "email", "pub-1", "new@pub.example", *OPERATOR, "--dry-run") == 0
    assert "nothing was changed" in cli.out
    assert everything() == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("email", "pub-1", "nowhere", *OPERATOR), 2),
        (("methods", "pub-1", "bitcoin", *OPERATOR), 2),
        (("email", "nobody", "new@pub.example", *OPERATOR), 1),
        (("email", "pub-1", "new@pub.example", "--yes"), 1),
        (("email", "pub-1", "new@pub.example", "--role", "operator"), 2),
    ],
)
def test_what_cannot_be_is_refused(cli: Cli, account: Account, words: tuple[str, ...], code: int) -> None:
    before = everything()
    assert cli("accounts", *words) == code
    assert "nowhere" not in cli.err
    assert everything() == before
