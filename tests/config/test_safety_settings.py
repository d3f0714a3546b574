"""Settings of the safety requests: secrets are well formed, addresses are not spoken to in the clear."""

from __future__ import annotations

import pytest

from config.errors import SettingsError
from tests.conftest import SettingsEnv


@pytest.mark.parametrize("value", ["secret", "k1:", "k1:short", ":long-enough-to-be-one", "k 1:long-enough-to-be-one"])
def test_callback_secrets_that_are_none_are_refused_unquoted(settings_env: SettingsEnv, value: str) -> None:
    with pytest.raises(SettingsError, match="SAFETY_CALLBACK_SECRETS: a secret is not of the form") as caught:
        settings_env(SAFETY_CALLBACK_SECRETS=value)
    assert "long-enough" not in str(caught.value)


def test_a_key_id_may_not_come_twice(settings_env: SettingsEnv) -> None:
    with pytest.raises(SettingsError, match="k1 is used twice"):
        settings_env(SAFETY_CALLBACK_SECRETS="k1:first-secret-text,k1:second-secret-text")


@pytest.mark.parametrize("name", ["SAFETY_CHECKER_URL", "GSC_BASE_URL", "GSC_TOKEN_URL"])
def test_addresses_lead_over_https_or_to_this_machine(settings_env: SettingsEnv, name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: must start with https"):
        settings_env(**{name: "http://checker.example/"})
    assert getattr(settings_env(**{name: "http://127.0.0.1:8700/x"}), name.lower()) == "http://127.0.0.1:8700/x"


def test_the_sandbox_stands_in_for_checker_and_search_console(settings_env: SettingsEnv) -> None:
    found = settings_env(SANDBOX_URL="http://127.0.0.1:8700/")
    assert found.safety_checker_url == "http://127.0.0.1:8700/checker"
    assert (found.gsc_base_url, found.gsc_token_url) == (
        "http://127.0.0.1:8700/gsc", "http://127.0.0.1:8700/gsc/token",
    )  # fmt: skip
    assert found.safety_callback_secrets is not None
    assert found.safety_callback_secrets.get_secret_value() == "sandbox:sandbox-secret"
