"""The imitated Search Console: no token without a fitting grant, no inspection beyond property and quota."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from config.clock import now
from sandbox.gsc.grants import SCOPE
from sandbox.gsc.tenant import GRANT
from sandbox.server import Sandbox
from tests.sandbox.clients import Reply, ask

INSPECT = "/gsc/v1/urlInspection/index:inspect"
PAGE = {"inspectionUrl": "https://go.sandbox.test/", "siteUrl": "sc-domain:sandbox.test"}


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def claims(**changes: Any) -> dict[str, Any]:
    second = int(now().timestamp())
    good = {"iss": "a@b", "aud": "https://oauth2.googleapis.com/token", "scope": SCOPE, "iat": second}
    return good | {"exp": second + 3600} | changes


def assertion(key: RSAPrivateKey, said: dict[str, Any], alg: str = "RS256") -> str:
    parts = [_part(orjson.dumps({"alg": alg, "typ": "JWT"})), _part(orjson.dumps(said))]
    return ".".join([*parts, _part(key.sign(".".join(parts).encode(), PKCS1v15(), SHA256()))])


def _part(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def exchange(sandbox: Sandbox, text: str, grant: str = GRANT) -> Reply:
    return ask(sandbox, "POST", "/gsc/token", urlencode({"grant_type": grant, "assertion": text}).encode())


def guarded(sandbox: Sandbox, key: RSAPrivateKey) -> dict[str, str]:
    """The header of a token that was exchanged for a signature that is checked."""
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    sandbox.edit("gsc", "settings", public_key=pem)
    return {"Authorization": f"Bearer {exchange(sandbox, assertion(key, claims())).json['access_token']}"}


def test_a_fitting_grant_opens_the_properties(sandbox: Sandbox, key: RSAPrivateKey) -> None:
    header = guarded(sandbox, key)
    assert ask(sandbox, "GET", "/gsc/webmasters/v3/sites", headers=header).json == {
        "siteEntry": [{"siteUrl": "sc-domain:sandbox.test", "permissionLevel": "siteOwner"}]
    }
    assert ask(sandbox, "GET", "/gsc/webmasters/v3/sites").status == 401
    assert ask(sandbox, "GET", "/gsc/elsewhere", headers=header).status == 404


def test_a_grant_that_does_not_fit_opens_nothing(sandbox: Sandbox, key: RSAPrivateKey) -> None:
    guarded(sandbox, key)
    second = int(now().timestamp())
    wrong = [
        claims(scope="https://www.googleapis.com/auth/drive"),
        claims(exp=second + 7200),
        claims(iat=second - 7200, exp=second - 3601),
        claims(iat=second + 900, exp=second + 1000),
        claims(iss=""),
        claims(aud="https://else.example/"),
        claims(iat="now"),
    ]
    texts = [assertion(key, said) for said in wrong] + [assertion(key, claims(), "none"), "a.b.c", "x", "é.é.é"]
    texts.append(assertion(generate_private_key(public_exponent=65537, key_size=2048), claims()))
    assert {exchange(sandbox, text).status for text in texts} == {400}
    assert exchange(sandbox, assertion(key, claims()), "password").status == 400


def test_tokens_end_in_their_time(sandbox: Sandbox, key: RSAPrivateKey) -> None:
    header = guarded(sandbox, key)
    sandbox.control("POST", "clock", {"offset_seconds": 3601})
    assert ask(sandbox, "GET", "/gsc/webmasters/v3/sites", headers=header).status == 401


def test_inspections_are_neutral_within_property_and_quota(sandbox: Sandbox, key: RSAPrivateKey) -> None:
    header = guarded(sandbox, key)
    sandbox.edit("gsc", "settings", inspections_per_minute=1, inspections_per_day=2)
    first = ask(sandbox, "POST", INSPECT, PAGE, headers=header)
    assert first.json["inspectionResult"]["indexStatusResult"]["verdict"] == "NEUTRAL"
    refused = ask(sandbox, "POST", INSPECT, PAGE, headers=header)
    assert (refused.status, refused.json["error"]["errors"][0]["reason"]) == (403, "quotaExceeded")
    for wrong in ({**PAGE, "siteUrl": "sc-domain:other.test"}, {**PAGE, "inspectionUrl": "https://other.test/"}):
        assert ask(sandbox, "POST", INSPECT, wrong, headers=header).json["error"]["errors"][0]["reason"] == "forbidden"
    sandbox.control("POST", "clock", {"offset_seconds": 61})
    assert [ask(sandbox, "POST", INSPECT, PAGE, headers=header).status for _ in range(2)] == [200, 403]
    assert ask(sandbox, "POST", INSPECT, {}, headers=header).status == 400
