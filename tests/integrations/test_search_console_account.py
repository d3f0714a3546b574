"""Search Console without a call: which property covers a domain, and which keys are none."""

from __future__ import annotations

import pytest

from config.errors import SettingsError
from integrations.search_console import property_of
from tests.conftest import SettingsEnv


@pytest.mark.parametrize(
    ("sites", "found"),
    [
        ({"sc-domain:b.test": True, "sc-domain:a.b.test": True}, "sc-domain:a.b.test"),
        ({"sc-domain:b.test": True, "https://a.b.test/": False}, "sc-domain:b.test"),
        ({"https://a.b.test/": True, "sc-domain:b.test": True}, "https://a.b.test/"),
        ({"sc-domain:b.test": False}, "sc-domain:b.test"),
        ({"sc-domain:c.test": True, "https://x.b.test/": True}, None),
    ],
)
def test_the_property_of_a_domain_is_the_narrowest_that_is_ours(sites: dict[str, bool], found: str | None) -> None:
    assert property_of(sites, "a.b.test") == found


@pytest.mark.parametrize("value", ["/nowhere/key.json", "{", "{}", '{"client_email":"x","private_key":"planted"}'])
def test_an_account_that_cannot_be_used_is_refused_without_quoting_it(settings_env: SettingsEnv, value: str) -> None:
    with pytest.raises(SettingsError, match="GSC_SERVICE_ACCOUNT") as caught:
        settings_env(GSC_SERVICE_ACCOUNT=value)
    assert "planted" not in str(caught.value)
