"""How the bot listens: what the settings ask for, and what they refuse."""

from __future__ import annotations

import pytest

from config.errors import SettingsError
from tests.conftest import SettingsEnv

HOOK = {
    "TELEGRAM_MODE": "webhook",
    "TELEGRAM_WEBHOOK_SECRET": "s" * 40,
    "TELEGRAM_WEBHOOK_URL": "https://signalbox.example:8443/telegram",
}


def test_a_bot_asks_for_updates_unless_it_is_told_otherwise(settings_env: SettingsEnv) -> None:
    assert settings_env().telegram_mode == "polling"
    found = settings_env(**HOOK)
    assert found.telegram_mode == "webhook"
    assert "ssss" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_WEBHOOK_SECRET", ""),
        ("TELEGRAM_WEBHOOK_SECRET", "short"),
        ("TELEGRAM_WEBHOOK_SECRET", "s" * 39 + "é"),
        ("TELEGRAM_WEBHOOK_URL", ""),
        ("TELEGRAM_WEBHOOK_URL", "http://signalbox.example/telegram"),
        ("TELEGRAM_WEBHOOK_URL", "https://signalbox.example:9000/telegram"),
        ("TELEGRAM_MODE", "both"),
    ],
)
def test_what_telegram_could_not_use_is_refused(settings_env: SettingsEnv, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_env(**(HOOK | {name: value}))
