"""What redaction removes, and what it leaves."""

from __future__ import annotations

import logging

import pytest

from integrations.redaction import excerpt, quieten_urllib3, redact

CANARY = "c4n4ry"
PLACES = [
    f"GET https://x.example/v1?key={CANARY}&q=1",
    f"GET /v1?q=1&key={CANARY}",
    f"url: /hosts?access_token={CANARY} (Caused by",
    f"Authorization: Bearer {CANARY}",
    f"{{'Authorization': 'Bearer {CANARY}'}}",
    f'{{"X-API-Key": "{CANARY}"}}',
    f"API-Key: {CANARY}\r\nHost: x",
    f"cwauth-token={CANARY}",
    f"x-goog-api-key: {CANARY}",
    f"https://api.telegram.org/bot123:{CANARY}/sendMessage",
    f"https://user:{CANARY}@x.example/",
    f"amqp://{CANARY}@x.example/",
]


@pytest.mark.parametrize("text", PLACES)
def test_secrets_are_removed_from_where_they_stand(text: str) -> None:
    assert CANARY not in redact(text)


def test_a_known_secret_is_removed_wherever_it_stands() -> None:
    assert redact(f"odd place {CANARY}!", [CANARY]) == "odd place ***!"


def test_what_is_no_secret_stays() -> None:
    text = "GET https://x.example/v1?q=monkey&day=2026-11-20 failed: key unknown, robots/bottle ok"
    assert redact(text) == text


def test_an_excerpt_holds_no_half_of_a_secret() -> None:
    body = b"x" * 2040 + CANARY.encode() * 3
    cut = excerpt(body, [CANARY])
    assert len(cut) <= 2048
    assert "c4n" not in cut


def test_redaction_of_hostile_text_takes_linear_time() -> None:
    for piece in ("://", "/bot", "key=", "authorization:", "?key=a&"):
        assert redact(piece * 50_000)


def test_what_urllib3_warns_about_is_redacted(caplog: pytest.LogCaptureFixture) -> None:
    quieten_urllib3()
    logging.getLogger("urllib3.connection").warning("Failed to parse headers (url=%s)", f"http://x/?key={CANARY}")
    assert "Failed to parse headers" in caplog.text
    assert CANARY not in caplog.text
