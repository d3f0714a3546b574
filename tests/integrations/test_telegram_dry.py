"""Telegram in a dry run: the bot hears, says nothing, and its messages are known to be none."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from core import announcing
from integrations.errors import Rejected
from integrations.telegram import Telegram
from integrations.telegram_dry import DryTelegram
from integrations.telegram_port import Draft, Sent, TelegramPort
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv

CHAT, TOKEN = -1001234567890, "123456:canary-SECRET-token"


@pytest.fixture
def bot(sandbox: Sandbox) -> TelegramPort:
    return DryTelegram(Telegram(TOKEN, f"{sandbox.url}/telegram"))


def called(sandbox: Sandbox) -> set[str]:
    return {row["path"].rpartition("/")[2] for row in sandbox.journal("telegram")}


def test_whatever_would_be_said_is_logged_by_kind_and_length_only(sandbox: Sandbox, bot: TelegramPort) -> None:
    with capture_logs() as logs:
        sent = bot.send(Draft(CHAT, "anna@example.com", thread_id=7))
        bot.edit(sent, "anna")
        bot.answer("press-1", "thanks, anna")
        bot.set_webhook("https://ops.example/telegram", "canary-SECRET")
        bot.delete_webhook()
    assert called(sandbox) == set()
    assert [(line["event"], line["service"], line["what"], line.get("length")) for line in logs] == [
        ("dry_run_write", "telegram", "message", 16), ("dry_run_write", "telegram", "edit", 4),
        ("dry_run_write", "telegram", "answer", 12), ("dry_run_write", "telegram", "set webhook", None),
        ("dry_run_write", "telegram", "delete webhook", None),
    ]  # fmt: skip
    assert not any(word in str(logs) for word in ("anna", "SECRET", str(CHAT), "press-1"))


def test_each_message_is_in_its_chat_and_has_an_id_that_telegram_never_gives(bot: TelegramPort) -> None:
    sent = [bot.send(Draft(CHAT, "hello", thread_id=7)) for _ in range(50)]
    assert len({one.message_id for one in sent}) == 50
    assert all((one.chat_id, one.in_topic) == (CHAT, True) and -(2**31) <= one.message_id < 0 for one in sent)


def test_what_is_only_read_goes_out(sandbox: Sandbox, bot: TelegramPort) -> None:
    assert bot.updates(0, seconds=0) == []
    assert bot.probe().startswith("telegram: @")
    assert called(sandbox) == {"getUpdates", "getMe"}


def test_after_the_dry_run_its_messages_are_gone_and_never_touch_another(sandbox: Sandbox, bot: TelegramPort) -> None:
    was = bot.send(Draft(CHAT, "hello"))
    real = Telegram(TOKEN, f"{sandbox.url}/telegram")
    with pytest.raises(Rejected) as caught:
        real.edit(Sent(CHAT, was.message_id), "news")
    assert (caught.value.code, called(sandbox)) == ("message_gone", set())
    real.send(Draft(CHAT, "a reply", reply_to=was.message_id))
    [row] = sandbox.journal("telegram")
    assert "reply_parameters" not in str(row["body"])


def test_the_bot_of_the_product_is_dry_if_that_is_set(settings_env: SettingsEnv) -> None:
    bot = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": str(CHAT)}
    assert isinstance(announcing.chat_bot(settings_env(**bot)), Telegram)
    assert isinstance(announcing.chat_bot(settings_env(**bot, TELEGRAM_DRY_RUN="true")), DryTelegram)
