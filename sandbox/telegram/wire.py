"""What a call of the Bot API says, from query, form or JSON, and what Telegram will not take."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson

from sandbox.telegram.html import Unparsable, visible
from sandbox.wire import Request

LONGEST_TEXT = 4096
LONGEST_DATA = 64


class Refusal(Exception):
    """What Telegram says no to."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code, self.parameters = code, parameters


def parameters(request: Request) -> dict[str, Any]:
    """From query, form or JSON, whichever there is."""
    found: dict[str, Any] = request.parameters()
    if "json" in request.headers.get("content-type", "") or request.body.startswith(b"{"):
        body = json({"body": request.body.decode("utf-8", "replace")}, "body")
        return found | body if isinstance(body, dict) else found
    return found | dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def number(wanted: dict[str, Any], name: str, default: int) -> int:
    try:
        return int(wanted.get(name, default))
    except (TypeError, ValueError):
        raise Refusal(400, f"Bad Request: {name} is invalid") from None


def json(wanted: dict[str, Any], name: str) -> Any:
    value = wanted.get(name)
    try:
        return orjson.loads(value) if isinstance(value, str) and value else value
    except orjson.JSONDecodeError:
        raise Refusal(400, f"Bad Request: can't parse {name} JSON object") from None


def text(wanted: dict[str, Any]) -> str:
    """The text as it was sent, after the checks of what a reader sees of it."""
    text = str(wanted.get("text", ""))
    try:
        seen = visible(text) if str(wanted.get("parse_mode", "")).upper() == "HTML" else text
    except Unparsable as wrong:
        raise Refusal(400, f"Bad Request: can't parse entities: {wrong}") from None
    if not seen.strip():
        raise Refusal(400, "Bad Request: message text is empty")
    if len(seen.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_TEXT:
        raise Refusal(400, "Bad Request: message is too long")
    return text


def buttons(wanted: dict[str, Any]) -> list[Any]:
    rows = (json(wanted, "reply_markup") or {}).get("inline_keyboard", [])
    for button in (one for row in rows for one in row):
        if "url" not in button and not 1 <= len(str(button.get("callback_data", "")).encode()) <= LONGEST_DATA:
            raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    return list(rows)
