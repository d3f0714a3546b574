"""The Bot API: send, edit, answer, updates by polling or webhook; query, form or JSON; real limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sandbox.fields import changed
from sandbox.telegram import page, wire
from sandbox.telegram.chat import Chat, Message
from sandbox.telegram.wire import Refusal
from sandbox.tenant import UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

LONGEST_TOAST = 200
_STATES = {
    "not_found": (400, "Bad Request: chat not found"),
    "blocked": (403, "Forbidden: bot was blocked by the user"),
    "deactivated": (403, "Forbidden: user is deactivated"),
    "kicked": (403, "Forbidden: bot was kicked from the supergroup chat"),
    "deleted": (403, "Forbidden: the group chat was deleted"),
    "no_rights": (400, "Bad Request: not enough rights to send text messages to the chat"),
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`token` null admits every well-formed one; `second_poller`: somebody else reads the updates."""

    token: str | None = None
    second_poller: bool = False
    longest_poll_ms: int = 500


class Telegram:
    """One bot; `edit` with the id of a chat sets its rules, with `update` lets somebody write or press."""

    name = "telegram"

    def __init__(self, world: World) -> None:
        self._world = world
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "getme": lambda _: {"id": 1, "is_bot": True, "first_name": "Sandbox", "username": "sandbox_bot"},
            "sendmessage": self._send,
            "editmessagetext": self._edit,
            "answercallbackquery": self._answer,
            "getupdates": self._updates,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._set_webhook,
        }
        self.reset()

    def reset(self) -> None:
        self._settings = Settings()
        self._chats: dict[int, Chat] = {}
        self._pending: list[dict[str, Any]] = []
        self._answers: list[dict[str, Any]] = []
        self._webhook: dict[str, Any] | None = None
        self._last_message = self._last_update = 0

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return {}

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        if object_id == "settings":
            self._settings = changed(self._settings, changes)
        elif object_id == "update":
            self._last_update += 1
            self._pending.append({"update_id": self._last_update, **changes})
        elif object_id.lstrip("-").isdecimal():
            chat = self._chat(int(object_id))
            chat.rules = changed(chat.rules, changes)
        else:
            raise UnknownObject(f"telegram has no {object_id}; edit settings, update or the id of a chat")
        return self.state()

    def state(self) -> dict[str, Any]:
        chats = [chat.shown() for chat in self._chats.values()]
        return {"settings": msgspec.to_builtins(self._settings), "chats": chats, "webhook": self._webhook}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        """`messages` of all chats, oldest first; `answers` to presses."""
        if name == "answers":
            return {"answers": self._answers}
        if name != "messages":
            raise UnknownObject(f"telegram has no list {name}")
        return {
            "messages": [
                {"chat_id": chat.id, **one} for chat in self._chats.values() for one in chat.shown()["messages"]
            ]
        }

    def answer(self, request: Request, path: str) -> Answer:
        if path == "/":
            return self._page(request)
        bot, _, method = path.removeprefix("/").partition("/")
        call = self._methods.get(method.lower())
        try:
            self._admit(bot)
            if call is None:
                raise Refusal(404, "Not Found: method not found")
            result = call(wire.parameters(request))
        except Refusal as no:
            return _no(no)
        waits = method.lower() == "getupdates" and not result
        effect = {"result": result} if method.lower() in ("sendmessage", "editmessagetext") else None
        return json_answer({"ok": True, "result": result}, 200, effect, self._poll_ms(request) if waits else 0)

    def _page(self, request: Request) -> Answer:
        if request.method != "POST":
            return page.show(self._chats.values(), request)
        update, back = page.heard(request)
        self.edit("update", update)
        return back

    def _admit(self, bot: str) -> None:
        token = bot.removeprefix("bot")
        if bot == token or ":" not in token:
            raise Refusal(404, "Not Found")
        if self._settings.token not in (None, token):
            raise Refusal(401, "Unauthorized")

    def _poll_ms(self, request: Request) -> float:
        return min(wire.number(wire.parameters(request), "timeout", 0) * 1000, self._settings.longest_poll_ms)

    def _send(self, wanted: dict[str, Any]) -> dict[str, Any]:
        chat = self._usable(wanted)
        thread = wire.number(wanted, "message_thread_id", 0) or None
        if thread and chat.rules.threads is not None and thread not in chat.rules.threads:
            raise Refusal(400, "Bad Request: message thread not found")
        text, buttons, now = wire.text(wanted), wire.buttons(wanted), self._world.clock.now()
        self._last_message += 1
        reply = (wire.json(wanted, "reply_parameters") or {}).get("message_id")
        silent = str(wanted.get("disable_notification", "")).lower() == "true"
        message = Message(self._last_message, text, thread, silent, reply, buttons, now, [text])
        chat.messages[message.message_id] = message
        chat.count(now)
        return _shown(chat, message)

    def _edit(self, wanted: dict[str, Any]) -> dict[str, Any]:
        chat = self._usable(wanted)
        message = chat.messages.get(wire.number(wanted, "message_id", 0))
        if message is None:
            raise Refusal(400, "Bad Request: message to edit not found")
        text, buttons = wire.text(wanted), wire.buttons(wanted)
        if (text, buttons) == (message.text, message.buttons):
            raise Refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message",
            )
        message.text, message.buttons = text, buttons
        message.texts.append(text)
        chat.count(self._world.clock.now())
        return _shown(chat, message)

    def _answer(self, wanted: dict[str, Any]) -> bool:
        if len(str(wanted.get("text", ""))) > LONGEST_TOAST:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        self._answers.append({"id": wanted.get("callback_query_id"), "text": wanted.get("text", "")})
        return True

    def _updates(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        if self._webhook:
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active")
        if self._settings.second_poller:
            raise Refusal(
                409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance runs"
            )
        offset = wire.number(wanted, "offset", 0)
        self._pending = [update for update in self._pending if update["update_id"] >= offset]
        return self._pending[:100]

    def _set_webhook(self, wanted: dict[str, Any]) -> bool:
        self._webhook = {"url": wanted["url"]} if wanted.get("url") else None
        return True

    def _usable(self, wanted: dict[str, Any]) -> Chat:
        chat = self._chat(wire.number(wanted, "chat_id", 0))
        if chat.rules.moved_to is not None:
            raise Refusal(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.rules.moved_to
            )
        if chat.rules.state != "open":
            raise Refusal(*_STATES[chat.rules.state])
        if seconds := chat.wait(self._world.clock.now()):
            raise Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        return chat

    def _chat(self, chat_id: int) -> Chat:
        return self._chats.setdefault(chat_id, Chat(chat_id))


def _shown(chat: Chat, message: Message) -> dict[str, Any]:
    kind = "supergroup" if chat.id < 0 else "private"
    at = int(message.sent_at.timestamp())
    return {"message_id": message.message_id, "date": at, "chat": {"id": chat.id, "type": kind}, "text": message.text}


def _no(no: Refusal) -> Answer:
    said = {"ok": False, "error_code": no.code, "description": str(no)}
    return json_answer(said | ({"parameters": no.parameters} if no.parameters else {}), no.code)
