"""What is set for every outside service alike: whether it is used, and how long it is waited for."""

from __future__ import annotations

from typing import Any

import pytest
from telebot import apihelper

from config.errors import SettingsError
from config.services import why_missing
from config.settings import Settings
from core import announcing
from integrations import safe_browsing
from integrations.affise import Affise
from integrations.rdap import Rdap
from integrations.safe_browsing.unset import Unset
from integrations.safety_checker import SafetyChecker
from integrations.search_console import SearchConsole
from integrations.voluum import Voluum
from tests.conftest import SettingsEnv

NAMES = ("VOLUUM", "AFFISE", "GSC", "SAFE_BROWSING", "RDAP", "SAFETY_CHECKER", "TELEGRAM")


def waits(settings: Settings) -> dict[str, Any]:
    """The timeout of each client that these settings make."""
    made = {
        "VOLUUM": Voluum.from_settings(settings), "AFFISE": Affise.from_settings(settings),
        "SAFETY_CHECKER": SafetyChecker.from_settings(settings), "RDAP": Rdap.from_settings(settings),
    }  # fmt: skip
    found: dict[str, Any] = {name: getattr(client, "timeout", None) for name, client in made.items()}
    reputation: Any = safe_browsing.make(settings)
    announcing.chat_bot(settings)
    library: Any = apihelper
    return found | {
        "SAFE_BROWSING": reputation.client.timeout, "TELEGRAM": (library.CONNECT_TIMEOUT, library.READ_TIMEOUT),
    }  # fmt: skip


def played(settings_env: SettingsEnv, **variables: str) -> Settings:
    return settings_env(
        SANDBOX_URL="http://127.0.0.1:8700", SAFE_BROWSING_PROVIDER="sandbox", TELEGRAM_BOT_TOKEN="1:a",
        TELEGRAM_CHAT_ID="-1", **variables,
    )  # fmt: skip


def test_each_client_waits_as_long_as_it_does_by_itself(settings_env: SettingsEnv) -> None:
    assert waits(played(settings_env)) == {
        "VOLUUM": (5, 30), "AFFISE": (5, 30), "SAFE_BROWSING": (3, 5), "RDAP": (5, 15), "SAFETY_CHECKER": (3, 10),
        "TELEGRAM": (5, 15),
    }  # fmt: skip
    assert settings_env().gsc_timeout == SearchConsole.__dataclass_fields__["timeout"].default


def test_each_client_waits_as_long_as_it_is_told(settings_env: SettingsEnv) -> None:
    told = {f"{name}_TIMEOUT": f"{number + 0.5},{number + 10}" for number, name in enumerate(NAMES)}
    found = waits(played(settings_env, **told))
    assert found == {name: (number + 0.5, number + 10) for number, name in enumerate(NAMES) if name != "GSC"}
    assert settings_env().gsc_timeout == (2.5, 12)


@pytest.mark.parametrize("value", ["5", "5,30,1", "0,30", "5,-1", "5,31", "nan,30", "5,inf", "soon,later", ",", "5;30"])
@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_pair_is_refused_with_what_would_be_right(settings_env: SettingsEnv, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_env(**{f"{name}_TIMEOUT": value})
    assert str(caught.value) == (
        f"{name}_TIMEOUT: must be seconds as connect,read, each above 0 and at most 30, for example 5,30"
    )


def test_a_pair_may_have_spaces_and_is_shown_as_it_is_written(settings_env: SettingsEnv) -> None:
    assert str(settings_env(VOLUUM_TIMEOUT=" 2.5, 20 ").voluum_timeout) == "2.5,20"


def test_what_is_switched_off_is_not_configured_also_where_the_sandbox_stands_in(settings_env: SettingsEnv) -> None:
    off = {f"{name}_ENABLED": "false" for name in NAMES}
    settings = played(
        settings_env, **off, GSC_SERVICE_ACCOUNT="/nowhere", TELEGRAM_MODE="webhook",
        TELEGRAM_WEBHOOK_URL="https://ops.example/telegram", TELEGRAM_WEBHOOK_SECRET="s" * 32,
    )  # fmt: skip
    makers: list[Any] = [Voluum, Affise, SearchConsole, Rdap, SafetyChecker]
    assert [kind.from_settings(settings) for kind in makers] == [None] * 5
    assert isinstance(safe_browsing.make(settings), Unset)
    assert announcing.chat_bot(settings) is None
    assert (settings.telegram_webhook_secret, settings.telegram_chat_id) == (None, None)


@pytest.mark.parametrize("word", ["false", "FALSE", "0", "no", "off", "n", "f"])
def test_every_way_of_saying_no_switches_off(settings_env: SettingsEnv, word: str) -> None:
    settings = settings_env(VOLUUM_ACCESS_ID="a", VOLUUM_ACCESS_KEY="b", VOLUUM_ENABLED=word)
    assert (settings.voluum_enabled, settings.voluum_access_key) == (False, None)


@pytest.mark.parametrize("word", ["true", "1", "yes", "on", ""])
def test_every_way_of_saying_yes_leaves_it_on(settings_env: SettingsEnv, word: str) -> None:
    settings = settings_env(VOLUUM_ACCESS_ID="a", VOLUUM_ACCESS_KEY="b", VOLUUM_ENABLED=word)
    assert Voluum.from_settings(settings) is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_word_that_is_neither_is_refused(settings_env: SettingsEnv, name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}_ENABLED: "):
        settings_env(**{f"{name}_ENABLED": "perhaps"})


def test_a_service_says_why_it_is_not_there(settings_env: SettingsEnv) -> None:
    assert why_missing(settings_env(), "affise", "no key") == "no key"
    assert why_missing(settings_env(AFFISE_ENABLED="off"), "affise", "no key") == "switched off by AFFISE_ENABLED"


def test_a_dry_run_is_off_by_itself(settings_env: SettingsEnv) -> None:
    names = ("voluum_dry_run", "affise_dry_run", "telegram_dry_run")
    settings = settings_env()
    assert [getattr(settings, name) for name in names] == [False] * 3
    with pytest.raises(SettingsError, match=r"^AFFISE_DRY_RUN: "):
        settings_env(AFFISE_DRY_RUN="maybe")
