"""The page of the chats: what is said there, and pressing and writing as some person."""

from __future__ import annotations

from urllib.parse import urlencode

import orjson

from sandbox.server import Sandbox
from tests.sandbox.clients import ask

BOT = "/telegram/bot123:secret"


def test_the_page_shows_chats_and_lets_people_press_and_write(sandbox: Sandbox) -> None:
    assert b"nothing was said yet" in ask(sandbox, "GET", "/telegram/").body
    keys = {"inline_keyboard": [[{"text": "Ack", "callback_data": "x<1"}, {"text": "Open", "url": "https://a/"}]]}
    said = {"chat_id": -100, "text": "<b>UNSAFE</b> c4[.]example", "parse_mode": "HTML", "reply_markup": keys}
    ask(sandbox, "POST", f"{BOT}/sendMessage", said)
    page = ask(sandbox, "GET", "/telegram/?who=7").body.decode()
    assert "<pre>UNSAFE c4[.]example</pre>" in page
    assert 'value="x&lt;1"><button>Ack</button>' in page
    for form in ({"chat": -100, "message": 1, "who": 7, "data": "x<1"}, {"chat": 7, "who": 7, "text": "/status"}):
        reply = ask(sandbox, "POST", "/telegram/", urlencode(form).encode())
        assert (reply.status, reply.headers["location"]) == (303, "/telegram/?who=7")
    press, message = orjson.loads(ask(sandbox, "GET", f"{BOT}/getUpdates").body)["result"]
    assert press["callback_query"]["data"] == "x<1"
    assert press["callback_query"]["message"]["chat"] == {"id": -100, "type": "supergroup"}
    assert message["message"]["text"] == "/status"
    assert message["message"]["chat"]["type"] == "private"
