"""Where Telegram delivers what happens in the chat, if it does not keep it until it is asked."""

from __future__ import annotations

import hmac
import threading
from typing import Any

import falcon
import orjson

from config.settings import Settings
from core import announcing
from models.database import DATABASE_DOWN, drop_connection, ensure_connection
from worker import bot, bot_talk
from worker.actor import is_bound
from worker.broker import load_actors, make_broker

LARGEST_BODY = 256 * 1024
RETRY_SECONDS = 30
LONGEST_WAIT = 3.0
HEADER = "X-Telegram-Bot-Api-Secret-Token"


class Telegram:
    """`POST /telegram`: each update once; what was not stored is answered with 503, so that it comes again."""

    def __init__(self, settings: Settings) -> None:
        on = settings.telegram_mode == "webhook" and settings.telegram_webhook_secret is not None
        self._secret = settings.telegram_webhook_secret if on else None
        self._settings = settings
        self._preparing = threading.Lock()

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """200 when the update is handled, or was before."""
        response.cache_control = ["no-store"]
        if self._secret is None:
            return _refuse(response, falcon.HTTP_404, "updates are not delivered here")
        if not hmac.compare_digest(_bytes(request.get_header(HEADER)), self._secret.get_secret_value().encode()):
            return _refuse(response, falcon.HTTP_401, "the secret is missing or wrong")
        if not 0 < (request.content_length or 0) <= LARGEST_BODY:
            return _refuse(response, falcon.HTTP_413, "the body is missing or too long")
        return self._take(request.bounded_stream.read(), response)

    def _take(self, body: bytes, response: falcon.Response) -> None:
        try:
            update = orjson.loads(body)
        except orjson.JSONDecodeError:
            return _refuse(response, falcon.HTTP_400, "the body is no JSON")
        try:
            self._prepare()
            ensure_connection()
            heard = bot.handle(update)
        except DATABASE_DOWN:
            drop_connection()
            response.set_header("Retry-After", str(RETRY_SECONDS))
            return _refuse(response, falcon.HTTP_503, "the database does not answer")
        response.media = {"ok": True}
        return self._answer(heard)

    def _prepare(self) -> None:
        """Messages follow from what people order, and nothing else of this process sends any."""
        with self._preparing:
            if not is_bound():
                make_broker(self._settings, "web")
                load_actors()

    def _answer(self, heard: bot.Heard | None) -> None:
        port: Any = announcing.chat_bot(self._settings)
        if heard is not None and port is not None:
            bot_talk.toast(port, heard)
            bot_talk.reply(port, bot.finish(heard), threading.Event().wait, LONGEST_WAIT)


def _bytes(header: str | None) -> bytes:
    return (header or "").encode("utf-8", "replace")


def _refuse(response: falcon.Response, status: str, problem: str) -> None:
    response.status = status
    response.media = {"error": problem}
