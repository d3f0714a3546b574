"""Search Console: a grant that is renewed early, properties, inspections, and quotas of single properties."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from integrations.errors import Malformed, OutsideError, RateLimited, Rejected, Unauthorized, Unavailable
from integrations.search_console import INSPECTION_RATE, INSPECTIONS_A_MINUTE, Inspection, SearchConsole
from sandbox.server import Sandbox
from tests.conftest import SettingsEnv

SITE = "sc-domain:sandbox.test"
URL = "https://go.sandbox.test/"


class Watch:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def sandbox(_sandbox: Sandbox, key: RSAPrivateKey) -> Sandbox:
    _sandbox.reset()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    _sandbox.edit("gsc", "settings", public_key=pem)
    return _sandbox


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def console(sandbox: Sandbox, key: RSAPrivateKey, watch: Watch) -> SearchConsole:
    return made(sandbox, account(key), clock=watch)


def account(key: RSAPrivateKey) -> dict[str, Any]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account", "client_email": "canary@project.iam.example", "private_key": private,
        "private_key_id": "1", "token_uri": "https://oauth2.googleapis.com/token",
    }  # fmt: skip


def made(sandbox: Sandbox, key: dict[str, Any], **options: Any) -> SearchConsole:
    return SearchConsole(f"{sandbox.url}/gsc", f"{sandbox.url}/gsc/token", key, rate=None, **options)


def grants(sandbox: Sandbox) -> int:
    return sum(row["path"] == "/gsc/token" for row in sandbox.journal("gsc"))


def test_properties_are_told_apart_by_their_level_however_it_is_spelt(console: SearchConsole, sandbox: Sandbox) -> None:
    levels = {"a": "siteOwner", "b": "SITE_OWNER", "c": "siteFullUser", "d": "siteUnverifiedUser", "e": ""}
    sandbox.edit("gsc", "settings", sites=levels)
    assert console.sites() == {"a": True, "b": True, "c": True, "d": False, "e": False}
    assert console.probe() == "search-console: 3 properties"
    sandbox.edit("gsc", "settings", sites={})
    assert console.sites() == {}


def test_an_inspection_says_what_the_index_says(console: SearchConsole) -> None:
    found = console.inspect(SITE, URL)
    assert found == Inspection("NEUTRAL", "DISALLOWED", "SUCCESSFUL", found.crawled_at)
    assert found.crawled_at.endswith("Z")


def test_the_token_is_fetched_once_and_renewed_five_minutes_early(
    console: SearchConsole, sandbox: Sandbox, watch: Watch
) -> None:
    console.sites()
    watch.at += 3299
    console.sites()
    assert grants(sandbox) == 1
    watch.at += 2
    console.sites()
    assert grants(sandbox) == 2


def test_a_token_that_was_forgotten_is_replaced_once(console: SearchConsole, sandbox: Sandbox) -> None:
    console.sites()
    sandbox.edit("gsc", "token")
    assert console.sites() == {SITE: True}
    assert grants(sandbox) == 2
    sandbox.fault("gsc", {"type": "status", "status": 401}, match={"path": "/webmasters/*"})
    with pytest.raises(Unauthorized):
        console.sites()
    assert grants(sandbox) == 3


def test_a_grant_signed_with_another_key_is_refused(sandbox: Sandbox) -> None:
    stranger = made(sandbox, account(generate_private_key(public_exponent=65537, key_size=2048)))
    with pytest.raises(Unauthorized, match="http_400"):
        stranger.sites()
    assert grants(sandbox) == 1


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("[]", Malformed),
        ("{}", Malformed),
        ('{"access_token":"a b\\u00e9","expires_in":1}', Malformed),
        ('{"access_token":"x","expires_in":"soon"}', Malformed),
        ('{"access_token":"planted-token","expires_in":-1}', Malformed),
        ("planted-token", Malformed),
    ],
)
def test_an_odd_token_is_no_token_and_shows_nowhere(
    console: SearchConsole, sandbox: Sandbox, body: str, outcome: type[OutsideError]
) -> None:
    sandbox.fault("gsc", {"type": "status", "status": 200, "body": body}, match={"path": "/token"})
    with pytest.raises(outcome) as caught:
        console.sites()
    assert "planted-token" not in repr(caught.value) + str(caught.value.args)


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        ({"type": "status", "status": 403, "body": '{"errors":[{"reason":"forbidden"}]}'}, Rejected),
        ({"type": "status", "status": 403, "body": '{"errors":[{"reason":"quotaExceeded"}]}'}, RateLimited),
        ({"type": "status", "status": 403, "body": '{"errors":[{"reason":"rateLimitExceeded"}]}'}, RateLimited),
        ({"type": "status", "status": 429}, RateLimited),
        ({"type": "status", "status": 404}, Rejected),
        ({"type": "status", "status": 500}, Unavailable),
        ({"type": "drop"}, Unavailable),
        ({"type": "html"}, Malformed),
        ({"type": "wrong_type"}, Malformed),
        ({"type": "status", "status": 200, "body": '{"inspectionResult":[]}'}, Malformed),
    ],
)  # fmt: skip
def test_each_refusal_of_an_inspection_is_its_outcome(
    console: SearchConsole, sandbox: Sandbox, action: dict[str, Any], outcome: type[OutsideError]
) -> None:
    sandbox.fault("gsc", action, match={"path": "/v1/*"})
    with pytest.raises(outcome) as caught:
        console.inspect(SITE, URL)
    assert type(caught.value) is outcome
    assert getattr(caught.value, "retry_after", None) in (None, 900.0)


def test_a_slow_answer_is_given_up_in_time(sandbox: Sandbox, key: RSAPrivateKey) -> None:
    hasty = made(sandbox, account(key), timeout=(30.0, 0.5), deadline=30.0)
    sandbox.fault("gsc", {"type": "latency_ms", "ms": 30_000}, match={"path": "/v1/*"})
    with pytest.raises(Unavailable) as caught:
        hasty.inspect(SITE, URL)
    assert caught.value.timed_out


def test_a_property_that_is_not_ours_is_refused_and_leaves_the_others_alone(
    console: SearchConsole, sandbox: Sandbox
) -> None:
    with pytest.raises(Rejected, match="http_403"):
        console.inspect("sc-domain:other.test", "https://other.test/")
    assert console.inspect(SITE, URL).verdict == "NEUTRAL"


def test_a_quota_silences_its_property_for_a_quarter_of_an_hour(
    console: SearchConsole, sandbox: Sandbox, watch: Watch
) -> None:
    other = "https://go.sandbox.test/"
    sandbox.edit("gsc", "settings", inspections_per_day=1, sites={SITE: "siteOwner", other: "siteOwner"})
    console.inspect(SITE, URL)
    with pytest.raises(RateLimited):
        console.inspect(SITE, URL)
    calls = len(sandbox.journal("gsc"))
    with pytest.raises(RateLimited) as caught:
        console.inspect(SITE, URL)
    assert (len(sandbox.journal("gsc")), caught.value.sent) == (calls, False)
    assert console.inspect(other, URL).verdict == "NEUTRAL"
    watch.at += 901
    with pytest.raises(RateLimited):
        console.inspect(SITE, URL)
    assert len(sandbox.journal("gsc")) == calls + 2


def test_our_own_limit_is_that_of_a_property(console: SearchConsole) -> None:
    quota = console._quota(SITE)
    for _ in range(INSPECTIONS_A_MINUTE):
        quota.take()
    with pytest.raises(RateLimited):
        quota.take()
    assert INSPECTION_RATE * 86_400 + INSPECTIONS_A_MINUTE <= 2000


def test_neither_key_nor_token_shows_in_texts_or_in_the_journal(
    console: SearchConsole, sandbox: Sandbox, key: RSAPrivateKey
) -> None:
    console.sites()
    token = console._grant.token()
    shown = repr(console) + repr(console.client) + json.dumps(sandbox.journal("gsc"))
    assert token not in shown
    assert "PRIVATE KEY" not in shown
    assert "assertion=[secret]" in shown
    assert token not in console.client.redact(f"text with {token}")


def test_the_account_comes_from_json_or_from_a_file(
    settings_env: SettingsEnv, key: RSAPrivateKey, tmp_path: Any, sandbox: Sandbox
) -> None:
    assert SearchConsole.from_settings(settings_env()) is None
    text = json.dumps(account(key))
    (tmp_path / "key.json").write_text(text)
    for value in (text, str(tmp_path / "key.json")):
        env = settings_env(
            GSC_SERVICE_ACCOUNT=value, GSC_BASE_URL=f"{sandbox.url}/gsc", GSC_TOKEN_URL=f"{sandbox.url}/gsc/token"
        )
        console = SearchConsole.from_settings(env)
        assert console is not None
        assert console.sites() == {SITE: True}
        assert "PRIVATE" not in repr(env)


def test_a_private_key_that_is_none_is_refused_without_quoting_it(sandbox: Sandbox, key: RSAPrivateKey) -> None:
    with pytest.raises(ValueError, match="GSC_SERVICE_ACCOUNT") as caught:
        made(sandbox, account(key) | {"private_key": "planted"})
    assert "planted" not in str(caught.value)
