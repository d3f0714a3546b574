"""What doctor says of our mail."""

from __future__ import annotations

import orjson
import pytest

from core.ads import mail
from integrations.errors import Rejected
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.ads.letterbox import account, payout, prepare
from tests.mailbox import mailbox


def findings(cli: Cli, *words: str) -> list[tuple[str, str]]:
    cli("doctor", "--json", *words)
    return [(item["state"], item["what"]) for item in orjson.loads(cli.out)["items"] if item["area"] == "mail"]


def test_a_missing_server_is_named(cli: Cli, settings_env: SettingsEnv) -> None:
    assert findings(cli) == [("!", "SMTP_URL is not set, so no mail leaves: all sent")]


def test_failed_mail_is_counted_and_the_server_is_tried_on_request(cli: Cli, settings_env: SettingsEnv) -> None:
    with mailbox() as box:
        prepare(settings_env, box.url)
        assert findings(cli, "--live") == [("ok", "all sent"), ("ok", f"127.0.0.1:{box.port} answers")]
        with pytest.raises(Rejected):
            mail.post("payout_paid", str(payout(account(email=None), state="paid")))
        assert findings(cli) == [("!", "1 failed")]
    assert findings(cli, "--live")[1][0] == "x"
