"""Telegram in our words: messages to send and edit, presses to answer, updates to read; the only user of telebot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import telebot
from telebot import apihelper, types

from config.clock import monotonic
from integrations import outcomes
from integrations.errors import Conflict, OutcomeUnknown, OutsideError, RateLimited, Rejected, Unauthorized
from integrations.outcomes import Effect
from integrations.redaction import RedactingFilter, excerpt, quieten_urllib3, redact
from integrations.retry_after import LONGEST, SHORTEST
from integrations.telegram_port import POLL_SECONDS, Button, Draft, Sent
from integrations.telegram_text import plain
from integrations.telegram_wire import NoAnswer, Wire

TIMEOUT = (5.0, 15.0)
DEFAULT_WAIT = 30.0
LONGEST_TOAST = 200
LISTENED_TO = ["callback_query", "message"]
WEBHOOK_CONNECTIONS = 5
_NEVER = {
    "can't parse entities": "unparsable",
    "message thread not found": "no_thread",
    "message is not modified": "not_modified",
    "message to edit not found": "message_gone",
    "message can't be edited": "message_gone",
    "chat not found": "chat_not_found",
    "bot was blocked by the user": "blocked",
    "user is deactivated": "deactivated",
    "bot was kicked": "kicked",
    "group chat was deleted": "chat_deleted",
    "not enough rights": "no_rights",
    "message is too long": "too_long",
    "message text is empty": "empty",
}


class Telegram:
    """One bot. The library keeps its address and its sender in globals, so a process has one of these at a time."""

    def __init__(
        self, token: str, base_url: str, *, timeout: tuple[float, float] = TIMEOUT, ca_bundle: str | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:  # fmt: skip
        self._token = token
        self._wire = Wire(ca_bundle or True, clock)
        _set_up(self._wire, base_url, timeout)

    def send(self, draft: Draft) -> Sent:
        """Send a message once; what Telegram will not take as it is goes out in a form that it does take.

        A moved group is followed, HTML that it cannot parse goes as plain text, a topic that is gone leaves the general
        one: each once, else Rejected. OutcomeUnknown: it may have arrived.
        """
        left = 3
        current = draft
        while True:
            try:
                message = self._call(Effect.ONCE, apihelper.send_message, **_sending(current))
                in_topic = current.thread_id == draft.thread_id
                return Sent(current.chat_id, _message_id(message), in_topic)
            except Rejected as error:
                mended = _mended(current, error) if left else None
                if mended is None:
                    raise
                current, left = mended, left - 1

    def edit(self, message: Sent, text: str, buttons: Sequence[Sequence[Button]] = ()) -> None:
        """Make a message read so; one that reads so already is a success. Rejected `message_gone`: it is not there."""
        if message.message_id < 0:
            raise Rejected("message_gone", "it was sent in a dry run")
        draft = Draft(message.chat_id, text, buttons=buttons)
        try:
            self._edit(message, draft)
        except Rejected as error:
            if error.code == "unparsable":
                self._edit(message, replace(draft, text=plain(text), html=False))
            elif error.code != "not_modified":
                raise

    def _edit(self, message: Sent, draft: Draft) -> None:
        kept = {name: _sending(draft)[name] for name in ("chat_id", "text", "parse_mode", "link_preview_options")}
        markup = _markup(draft.buttons)
        where = {"message_id": message.message_id, "reply_markup": markup}
        self._call(Effect.KEYED, apihelper.edit_message_text, **where, **kept)

    def answer(self, press_id: str, text: str = "") -> None:
        """End the waiting of whoever pressed a button, with a few words."""
        self._call(
            Effect.KEYED, apihelper.answer_callback_query, callback_query_id=press_id, text=text[:LONGEST_TOAST] or None
        )

    def updates(self, after: int, seconds: int = POLL_SECONDS) -> list[dict[str, Any]]:
        """What happened in the chats since this update; waits for news for so long. Conflict: somebody else reads."""
        found = self._call(
            Effect.READ, apihelper.get_updates, offset=after + 1, timeout=None, long_polling_timeout=seconds,
            allowed_updates=LISTENED_TO,
        )  # fmt: skip
        return [update for update in found if isinstance(update, dict)] if isinstance(found, list) else []

    def set_webhook(self, url: str, secret: str) -> None:
        """Have updates delivered to an address; each delivery carries the secret. Ends reading by `updates`."""
        self._call(
            Effect.KEYED, apihelper.set_webhook, url=url, secret_token=secret, allowed_updates=LISTENED_TO,
            max_connections=WEBHOOK_CONNECTIONS,
        )  # fmt: skip

    def delete_webhook(self) -> None:
        """Have updates kept until they are read by `updates`."""
        self._call(Effect.KEYED, apihelper.delete_webhook)

    def probe(self) -> str:
        """Prove token and reachability, in words."""
        found = self._call(Effect.READ, apihelper.get_me)
        return f"telegram: @{found.get('username', '?')}" if isinstance(found, dict) else "telegram: answers"

    def _call(self, effect: Effect, method: Callable[..., Any], **arguments: Any) -> Any:
        """The result of one method; every failure leaves here as an outcome, without a chain that holds the token."""
        try:
            return method(self._token, **arguments)
        except apihelper.ApiTelegramException as error:
            problem: OutsideError = self._refused(effect, error)
        except (apihelper.ApiHTTPException, apihelper.ApiInvalidJSONException) as error:
            problem = self._unreadable(effect, error.result)
        except NoAnswer as error:
            lost = error.lost
            problem = outcomes.of_lost(effect, self._redact(lost.detail), sent=lost.sent, timed_out=lost.timed_out)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            problem = outcomes.of_unreadable(effect, f"telegram: {type(error).__name__} in the answer", "")
        problem.service = "telegram"
        raise problem

    def _refused(self, effect: Effect, error: Any) -> OutsideError:
        text, code = self._redact(str(error.description)), error.error_code
        asked = error.result_json.get("parameters") or {}
        if code == 429:
            return RateLimited(f"http_429: {text}", retry_after=_wait(asked.get("retry_after")))
        if code in (401, 404):  # a token that cannot be one is answered with 404
            return Unauthorized(f"http_{code}", text, status=code)
        if code == 409:
            return Conflict("http_409", text, status=code)
        if code not in (400, 403):
            return outcomes.of_status(effect, int(code), text, DEFAULT_WAIT)
        if isinstance(moved := asked.get("migrate_to_chat_id"), int):
            return Migrated(moved, text)
        return Rejected(_reason(text), text, status=code)

    def _unreadable(self, effect: Effect, result: Any) -> OutsideError:
        words = excerpt(result.content, (self._token,))
        if 200 <= result.status_code < 300:
            return outcomes.of_unreadable(effect, "telegram: the answer is no JSON", words)
        return outcomes.of_status(effect, result.status_code, words, DEFAULT_WAIT)

    def _redact(self, text: str) -> str:
        return redact(text, (self._token,))[:512]


class Migrated(Rejected):
    """The group has another id now."""

    def __init__(self, chat_id: int, detail: str) -> None:
        super().__init__("migrated", detail, status=400)
        self.chat_id = chat_id


def _set_up(wire: Wire, base_url: str, timeout: tuple[float, float]) -> None:
    quieten_urllib3()
    if not any(isinstance(known, RedactingFilter) for known in telebot.logger.filters):
        telebot.logger.addFilter(RedactingFilter())
    settings: Any = apihelper
    settings.API_URL = base_url.rstrip("/") + "/bot{0}/{1}"
    settings.CUSTOM_REQUEST_SENDER = wire
    settings.CONNECT_TIMEOUT, settings.READ_TIMEOUT = timeout
    settings.RETRY_ON_ERROR = False


def _sending(draft: Draft) -> dict[str, Any]:
    answers = draft.reply_to and draft.reply_to > 0  # a message of a dry run is not there
    reply = answers and types.ReplyParameters(draft.reply_to, allow_sending_without_reply=True)
    return {
        "chat_id": draft.chat_id,
        "text": draft.text,
        "parse_mode": "HTML" if draft.html else None,
        "disable_notification": draft.silent,
        "message_thread_id": draft.thread_id,
        "reply_parameters": reply or None,
        "reply_markup": _markup(draft.buttons),
        "link_preview_options": types.LinkPreviewOptions(is_disabled=True),
    }


def _markup(rows: Sequence[Sequence[Button]]) -> Any:
    if not rows:
        return None
    keyboard = [[_button(one) for one in row] for row in rows]
    return types.InlineKeyboardMarkup(keyboard)


def _button(one: Button) -> Any:
    if one.url:
        return types.InlineKeyboardButton(one.text, url=one.url)
    if not 1 <= len(one.data.encode()) <= 64:
        raise ValueError("a button needs 1 to 64 bytes of data")
    return types.InlineKeyboardButton(one.text, callback_data=one.data)


def _mended(draft: Draft, error: Rejected) -> Draft | None:
    """The draft in a form that gets past this refusal; None if there is none."""
    if isinstance(error, Migrated) and error.chat_id != draft.chat_id:
        return replace(draft, chat_id=error.chat_id, reply_to=None)
    if error.code == "unparsable" and draft.html:
        return replace(draft, text=plain(draft.text), html=False)
    if error.code == "no_thread" and draft.thread_id is not None:
        return replace(draft, thread_id=None)
    return None


def _message_id(message: Any) -> int:
    found = message.get("message_id") if isinstance(message, dict) else None
    if not isinstance(found, int):
        raise OutcomeUnknown("telegram: no message_id in the answer")
    return found


def _reason(text: str) -> str:
    lower = text.lower()
    return next((code for words, code in _NEVER.items() if words in lower), "rejected")


def _wait(asked: Any) -> float:
    return float(asked) if isinstance(asked, (int, float)) and SHORTEST <= asked <= LONGEST else DEFAULT_WAIT
