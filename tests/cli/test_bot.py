"""The commands about the bot: people, codes, the webhook, and listening where it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cli import doctor
from config.clock import now
from config.settings import get_settings
from core import announcing
from core.bot import people
from core.domains.persons import By
from models import bot_updates
from models.database import db, fetch
from sandbox.server import Sandbox
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.eventually import eventually
from worker import actor as actors
from worker.bot_listener import Listener

BOT = {"TELEGRAM_BOT_TOKEN": "123:canary-token", "TELEGRAM_CHAT_ID": "-100"}
HOOK = {
    "TELEGRAM_MODE": "webhook",
    "TELEGRAM_WEBHOOK_SECRET": "s" * 40,
    "TELEGRAM_WEBHOOK_URL": "https://signalbox.example/telegram",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def bot(sandbox: Sandbox, settings_env: SettingsEnv) -> SettingsEnv:
    sandbox.reset()
    settings_env(**BOT, TELEGRAM_API_URL=f"{sandbox.url}/telegram")
    return settings_env


def test_a_code_is_printed_once_and_only_its_digest_is_kept(cli: Cli) -> None:
    assert cli("bot", "link", "anna", "--role", "operator") == 0
    code = cli.out.removeprefix("/link ").strip()
    assert len(code) == 11
    assert code not in str(fetch("select * from telegram_code"))
    with db.atomic():
        people.link(code, 7, By("anna", kind="telegram"))
    (row,) = cli.json("bot", "people")["items"]
    assert (row["name"], row["role"]) == ("anna", "operator")
    assert cli("bot", "unlink", "anna") == 0
    assert cli.json("bot", "people")["items"] == []
    assert cli("bot", "unlink", "anna") == 1
    assert cli.json("bot", "link", "ben", "--role", "viewer")["role"] == "viewer"


@pytest.mark.parametrize("words", [("anna",), ("anna", "--role", "king"), (" ", "--role", "viewer")])
def test_who_cannot_be_linked_is_refused(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli("bot", "link", *words) == 2
    assert fetch("select * from telegram_code") == []


def test_the_webhook_is_set_with_its_secret_and_taken_away(embedded: Cli, bot: SettingsEnv, sandbox: Sandbox) -> None:
    assert embedded("bot", "webhook", "set") == 3
    bot(**HOOK)
    assert embedded("bot", "webhook", "set") == 0
    assert webhook(sandbox) == {"url": HOOK["TELEGRAM_WEBHOOK_URL"]}
    body = sandbox.journal("telegram")[-1]["body"]
    assert "max_connections=5" in str(body)
    assert "callback_query" in str(body)
    assert embedded("bot", "webhook", "delete") == 0
    assert webhook(sandbox) is None


def test_in_a_dry_run_the_webhook_stays_as_it_is(embedded: Cli, bot: SettingsEnv, sandbox: Sandbox) -> None:
    bot(**HOOK, TELEGRAM_DRY_RUN="true")
    for word in ("set", "delete"):
        assert (embedded("bot", "webhook", word), "(dry run: Telegram was not told)" in embedded.out) == (0, True)
    assert (webhook(sandbox), sandbox.journal("telegram")) == (None, [])


def webhook(sandbox: Sandbox) -> Any:
    return sandbox.control("GET", "state/telegram")["webhook"]


def test_a_refusal_of_telegram_is_an_error(embedded: Cli, bot: SettingsEnv, sandbox: Sandbox) -> None:
    sandbox.edit("telegram", "settings", token="9:other")
    assert embedded("bot", "webhook", "delete") == 5
    assert "canary-token" not in embedded.err


@pytest.mark.parametrize(("given", "code"), [({}, 3), (BOT | HOOK, 3), (BOT | {"TELEGRAM_MODE": "off"}, 3)])
def test_without_a_bot_that_asks_there_is_nothing_to_listen_to(
    embedded: Cli, settings_env: SettingsEnv, given: dict[str, str], code: int
) -> None:
    settings_env(**given)
    assert embedded("bot") == code


def test_another_program_that_listens_is_an_exit_of_its_own(
    embedded: Cli, bot: SettingsEnv, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.bot_listener.CONFLICT_SECONDS", 0)
    sandbox.edit("telegram", "settings", second_poller=True)
    assert embedded("bot") == 7
    assert "webhook delete" in embedded.err


def test_the_embedded_product_listens_too(bot: SettingsEnv, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from cli.up import embedded as product

    monkeypatch.setattr(actors, "_current", [])
    telegram = announcing.chat_bot(get_settings())
    assert telegram
    listener = Listener(telegram, poll_seconds=1)
    monkeypatch.setattr("worker.bot_listener.make", lambda _: listener)
    chat = {"id": -100, "type": "supergroup"}
    said = {"message_id": 1, "from": {"id": 7}, "chat": chat, "text": "/whoami"}
    with product(get_settings(), port=0, redirect_port=0):
        sandbox.edit("telegram", "update", message=said)
        messages = eventually(lambda: sandbox.control("GET", "telegram/messages")["messages"], 120, "an answer")
    listener.join(120)  # its last call is left to itself, and would speak up in the midst of other tests
    assert not listener.is_alive()
    assert messages[0]["text"].startswith("not linked")


def test_the_doctor_says_whether_the_bot_tells_listens_and_knows_anybody(
    sqlite_database: Any, bot: SettingsEnv, sandbox: Sandbox
) -> None:
    def findings(**options: Any) -> list[tuple[str, str]]:
        return [(one.state, one.what) for one in doctor.examine(**options) if one.area == "telegram"]

    deaf, unknown = ("!", "nobody listens: buttons and commands do nothing"), ("!", "0 people linked")
    assert findings() == [deaf, unknown]
    assert findings(live=True)[-1] == ("ok", "telegram: @sandbox_bot")
    sandbox.edit("telegram", "settings", token="9:other")
    assert findings(live=True)[-1][0] == "x"
    bot_updates.listen("me", now(), now() + timedelta(minutes=1))
    with db.atomic():
        people.link(people.invite("anna", people.Role.OPERATOR, By("root")), 7, By("anna", kind="telegram"))
    assert findings() == [("ok", "one process listens"), ("ok", "1 people linked")]
    bot(TELEGRAM_CHAT_ID="")
    assert findings() == [("x", "TELEGRAM_CHAT_ID is not set, so incidents are only logged")]
