"""Takes secrets out of text before it is logged, stored or raised."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

HIDDEN = "***"
EXCERPT = 2048

_QUERY = r"(?i)(?P<keep>[?&;\s'\"](?:key|api_?key|access_token|token|secret|password|signature)=)[^&;\s'\"#>)]+"
_HEADER = (
    r"(?i)(?P<keep>\b(?:authorization|x-api-key|api-key|cwauth-token|x-goog-api-key)\\?[\"']?\s{0,4}[:=]\s{0,4}\\?[\"']?)"
    r"[^\"'\r\n,}\\]+"
)
_BOT_PATH = r"(?P<keep>/bot)[^/\s?#'\"]+(?=/)"
_USER_INFO = r"(?P<keep>://)[^/@\s?#'\"]+(?=@)"
_PATTERNS = tuple(re.compile(text) for text in (_QUERY, _HEADER, _BOT_PATH, _USER_INFO))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without anything that stands where secrets usually stand."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<keep>{HIDDEN}", text)
    return text


def excerpt(body: bytes, secrets: Iterable[str] = ()) -> str:
    """The first 2 kB of a body as redacted text; cut after redaction, so that no half of a secret survives the cut."""
    longest = max((len(secret) for secret in secrets), default=0)
    return redact(body[: EXCERPT + longest].decode("utf-8", "replace"), secrets)[:EXCERPT]


class RedactingFilter(logging.Filter):
    """urllib3 prints whole URLs when it warns about headers; their keys must not reach the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


def quieten_urllib3() -> None:
    """Keep urllib3 at WARNING and redact what it still says; harmless when called again."""
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    for name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, RedactingFilter) for known in logger.filters):
            logger.addFilter(RedactingFilter())
