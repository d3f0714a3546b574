"""SANDBOX_URL points what is not set by itself at the sandbox."""

from __future__ import annotations

import pytest

from config.errors import SettingsError
from tests.conftest import SettingsEnv


def test_the_network_of_the_sandbox_stands_in_for_the_real_one(settings_env: SettingsEnv) -> None:
    found = settings_env(SANDBOX_URL="http://127.0.0.1:8700/")
    assert found.dns_upstreams == "127.0.0.1:8701,127.0.0.1:8702,127.0.0.1:8703"
    assert found.canary_names == "canary-ok.sandbox.test,canary-two.sandbox.test"
    assert found.rdap_bootstrap_url == "http://127.0.0.1:8700/rdap/dns.json"
    assert found.canary_listed_url == "http://malware.canary.sandbox.test/"
    assert found.canary_clean_url == "https://clean.canary.sandbox.test/"


def test_what_is_set_by_itself_stays(settings_env: SettingsEnv) -> None:
    found = settings_env(SANDBOX_URL="http://127.0.0.1:8700", DNS_UPSTREAMS="192.0.2.1", CANARY_NAMES="a.example")
    assert (found.dns_upstreams, found.canary_names) == ("192.0.2.1", "a.example")


def test_without_a_sandbox_everything_is_real(settings_env: SettingsEnv) -> None:
    found = settings_env(SANDBOX_URL="")
    assert (found.dns_upstreams, found.canary_names) == ("system,1.1.1.1,8.8.8.8", "example.com,iana.org")


@pytest.mark.parametrize("value", ["dns.google", "system,1.1.1.1:0x35", "1.1.1.1;8.8.8.8"])
def test_a_resolver_that_is_none_is_refused_with_a_hint(settings_env: SettingsEnv, value: str) -> None:
    with pytest.raises(SettingsError, match=r"DNS_UPSTREAMS: .*is no resolver; write system, an address"):
        settings_env(DNS_UPSTREAMS=value)


def test_a_sandbox_without_an_address_is_refused(settings_env: SettingsEnv) -> None:
    with pytest.raises(SettingsError, match="SANDBOX_URL: must be an absolute"):
        settings_env(SANDBOX_URL="127.0.0.1:8700")
