"""The chats as a page: what they read now, with buttons to press and a line to write, as whichever person."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from sandbox.telegram.chat import Chat, Message
from sandbox.telegram.html import Unparsable, visible
from sandbox.wire import Answer, Request

SOMEBODY = 1
"""Who presses and writes if the address does not say."""
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Chats</title>
<style>body{font:15px sans-serif;max-width:46em;margin:2em auto}article{border:1px solid #ccc;padding:.5em;
margin:.5em 0}pre{white-space:pre-wrap;margin:0}form{display:inline}</style>
<h1>Chats</h1><p>You are <b>{who}</b>; <a href="?who=2">another person</a>, <a href="?who={who}">look again</a></p>
{chats}</html>"""


def show(chats: Iterable[Chat], request: Request) -> Answer:
    """All chats, the newest message first."""
    who = _number(request.parameters().get("who", ""), SOMEBODY)
    body = "".join(_chat(chat, who) for chat in chats) or "<p>nothing was said yet</p>"
    page = _PAGE.replace("{who}", str(who)).replace("{chats}", body)
    return Answer(200, page.encode(), "text/html; charset=utf-8")


def heard(request: Request) -> tuple[dict[str, Any], Answer]:
    """The update that a form of the page stands for, and the way back."""
    given = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    who, chat_id = _number(given.get("who", ""), SOMEBODY), _number(given.get("chat", ""), 0)
    chat = {"id": chat_id, "type": "private" if chat_id > 0 else "supergroup"}
    sender = {"id": who, "is_bot": False, "first_name": f"Person {who}"}
    message = {"message_id": _number(given.get("message", ""), 0), "from": sender, "chat": chat, "date": 0}
    back = Answer(303, b"", "text/plain", {"Location": f"/telegram/?who={who}"})
    if "data" not in given:
        return {"message": message | {"text": given.get("text", "")}}, back
    press = f"{chat_id}:{message['message_id']}:{given['data']}"
    return {"callback_query": {"id": press, "from": sender, "message": message, "data": given["data"]}}, back


def _chat(chat: Chat, who: int) -> str:
    messages = "".join(_message(chat, one, who) for one in reversed(chat.messages.values()))
    write = _form(chat.id, who, 0, '<input name="text" size="40" placeholder="/help"> <button>Send</button>')
    return f"<section><h2>{chat.id}</h2>{write}{messages}</section>"


def _message(chat: Chat, message: Message, who: int) -> str:
    rows = "<br>".join(" ".join(_button(chat, message, one, who) for one in row) for row in message.buttons)
    return f"<article><small>{message.sent_at:%H:%M:%S}</small><pre>{escape(_text(message))}</pre>{rows}</article>"


def _button(chat: Chat, message: Message, button: dict[str, Any], who: int) -> str:
    text = escape(str(button["text"]))
    if "url" in button:
        return f'<a href="{escape(str(button["url"]))}">{text}</a>'
    data = f'<input type="hidden" name="data" value="{escape(str(button["callback_data"]))}">'
    return _form(chat.id, who, message.message_id, f"{data}<button>{text}</button>")


def _form(chat_id: int, who: int, message_id: int, inside: str) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{value}">'
        for name, value in (("chat", chat_id), ("who", who), ("message", message_id))
    )
    return f'<form method="post" action="/telegram/">{hidden}{inside}</form>'


def _text(message: Message) -> str:
    try:
        return visible(message.text)
    except Unparsable:
        return message.text


def _number(text: str, default: int) -> int:
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 19 else default
