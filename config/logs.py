"""Logging, the same in every process: JSON lines for machines, readable on a terminal, secrets and people taken out."""

from __future__ import annotations

import ipaddress
import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from config.clock import monotonic
from config.sections import ProcessSettings

HIDDEN = "***"
REPEAT_SECONDS = 10.0
_SEEN_MAX = 1000

_QUERY = re.compile(r"(?<=\?)[^\s'\"<>]+")
_VALUE = re.compile(
    r"(?i)(?P<keep>\b(?:key|api_?key|access_token|token|secret|password|passwd|signature|dsn)[\"']?\s{0,2}[=:]\s{0,2}[\"']?)"
    r"[^&;,\s'\"#>)}]+"
)
_HEADER = re.compile(r"(?i)(?P<keep>\b(?:authorization|x-api-key|cookie)[\"']?\s{0,2}[=:]\s{0,2}[\"']?)[^\"'\r\n}]+")
_BOT = re.compile(r"(?P<keep>/bot)[^/\s?#'\"]+")
_USER_INFO = re.compile(r"(?P<keep>://)[^/@\s?#'\"]+(?=@)")
_MAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PHONE = re.compile(r"\+\d[\d ()-]{6,18}\d")
_IPV4 = re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0)(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}(?![\d./])")
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:/])")
_SUSPECT = re.compile(r"[@?=:+]|\d\.\d")


def redact(text: str) -> str:
    """The text without credentials, query strings, mail addresses and phone numbers, its addresses cut to networks."""
    if not _SUSPECT.search(text) and "/bot" not in text:
        return text
    for pattern in (_HEADER, _VALUE, _USER_INFO, _BOT):
        text = pattern.sub(rf"\g<keep>{HIDDEN}", text)
    for pattern in (_QUERY, _MAIL, _PHONE):
        text = pattern.sub(HIDDEN, text)
    return _IPV6.sub(_network, _IPV4.sub(r"\1.0/24", text))


def configure(settings: ProcessSettings) -> None:
    """Send everything, the libraries' records included, to stderr in one format; may be called again."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _redact_fields,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    _install(_formatter(settings, shared), settings.log_level)


def _formatter(settings: ProcessSettings, shared: list[Processor]) -> logging.Formatter:
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    renderer: Processor = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _install(formatter: logging.Formatter, level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    handler.addFilter(Seldom())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # what matters of it, the publisher and the consumers say
    # these print arguments of tasks; the one line per run says the same without them
    logging.getLogger("dramatiq.worker.WorkerThread").setLevel(logging.CRITICAL)


class Seldom(logging.Filter):
    """Lets the same thing through once in ten seconds: a library's text, or a warning of ours with the same fields."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is written."""
        gist = _gist(record)
        if gist is None:
            return True
        now = monotonic()
        with self._lock:
            fresh = now - self._seen.get(gist, float("-inf")) >= REPEAT_SECONDS
            if fresh:
                self._forget_before(now - REPEAT_SECONDS)
                self._seen[gist] = now
        return fresh

    def _forget_before(self, instant: float) -> None:
        if len(self._seen) >= _SEEN_MAX:
            self._seen = {gist: at for gist, at in self._seen.items() if at > instant}


def _gist(record: logging.LogRecord) -> tuple[str, str] | None:
    if isinstance(record.msg, str):
        # dramatiq's consumers have the queue in their name, and all lose the broker together
        return record.name.partition("(")[0], record.msg
    if record.levelno < logging.WARNING or not isinstance(record.msg, dict):
        return None
    return record.name, repr({name: value for name, value in record.msg.items() if name != "ts"})


def _redact_fields(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if name != "ts" and not name.startswith("_"):
            event[name] = _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(item) for item in value]
    return redact(str(value))


def _network(match: re.Match[str]) -> str:
    try:
        return str(ipaddress.ip_network(f"{match.group()}/48", strict=False))
    except ValueError:
        return match.group()
