"""The Telegram client over real sockets: every answer of the service ends in exactly one outcome."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from structlog.testing import capture_logs
from telebot import apihelper

from integrations.errors import (
    Conflict,
    Malformed,
    OutcomeUnknown,
    OutsideError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
)
from integrations.telegram import Telegram
from integrations.telegram_port import Button, Draft, Sent
from sandbox.server import Sandbox
from tests.integrations.peer import Peer, answer, drop, free_port, hang, peer

TOKEN = "123456:canary-SECRET-token"
CHAT = -1001234567890
OK = orjson.dumps({"ok": True, "result": {"message_id": 7, "chat": {"id": CHAT}}})


def refusal(code: int, text: str, **parameters: Any) -> bytes:
    return orjson.dumps({"ok": False, "error_code": code, "description": text, "parameters": parameters})


def bot_of(url: str) -> Telegram:
    return Telegram(TOKEN, url)


def form(request: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.partition(b"\r\n\r\n")[2].decode()).items()}


def test_a_message_travels_in_the_body_and_not_in_the_address() -> None:
    with peer(answer(200, OK)) as server:
        sent = bot_of(server.url).send(Draft(CHAT, "я" * 4096, 42, True, 5, [[Button("Ack", "a:1")]]))
    assert sent == Sent(CHAT, 7)
    head = server.requests[0].partition(b"\r\n")[0].decode()
    assert head == f"POST /bot{TOKEN}/sendMessage HTTP/1.1"
    said = form(server.requests[0])
    assert said["text"] == "я" * 4096
    assert (said["parse_mode"], said["message_thread_id"], said["disable_notification"]) == ("HTML", "42", "True")
    assert orjson.loads(said["link_preview_options"])["is_disabled"] is True
    assert orjson.loads(said["reply_markup"]) == {"inline_keyboard": [[{"text": "Ack", "callback_data": "a:1"}]]}


def test_the_library_neither_waits_nor_repeats_nor_chooses_timeouts() -> None:
    with peer(answer(200, OK)) as server:
        bot_of(server.url)
    settings: Any = apihelper
    assert (settings.CONNECT_TIMEOUT, settings.READ_TIMEOUT, settings.RETRY_ON_ERROR) == (5, 15, False)
    assert settings.CUSTOM_REQUEST_SENDER is not None


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (429, refusal(429, "Too Many Requests: retry after 7", retry_after=7), RateLimited, None),
        (400, refusal(400, "Bad Request: chat not found"), Rejected, "chat_not_found"),
        (403, refusal(403, "Forbidden: bot was blocked by the user"), Rejected, "blocked"),
        (403, refusal(403, "Forbidden: user is deactivated"), Rejected, "deactivated"),
        (403, refusal(403, "Forbidden: bot was kicked from the group chat"), Rejected, "kicked"),
        (403, refusal(403, "Forbidden: the group chat was deleted"), Rejected, "chat_deleted"),
        (400, refusal(400, "Bad Request: not enough rights to send text messages"), Rejected, "no_rights"),
        (400, refusal(400, "Bad Request: message is too long"), Rejected, "too_long"),
        (400, refusal(400, "Bad Request: message text is empty"), Rejected, "empty"),
        (400, refusal(400, "Bad Request: SOMETHING_NEW"), Rejected, "rejected"),
        (401, refusal(401, "Unauthorized"), Unauthorized, "http_401"),
        (404, refusal(404, "Not Found"), Unauthorized, "http_404"),
        (500, refusal(500, "Internal Server Error"), OutcomeUnknown, None),
        (502, b"<html>Bad Gateway</html>", OutcomeUnknown, None),
        (503, b"busy", Unavailable, None),
        (200, b"<html>", OutcomeUnknown, None),
        (200, b"[]", OutcomeUnknown, None),
        (200, b'{"ok":true}', OutcomeUnknown, None),
        (200, b'{"ok":true,"result":{}}', OutcomeUnknown, None),
        (200, b"[" * 10_000, OutcomeUnknown, None),
        (302, b"", Rejected, "http_302"),
    ],
)
def test_every_answer_to_a_new_message_has_one_outcome(
    status: int, body: bytes, outcome: type[OutsideError], code: str | None
) -> None:
    with peer(answer(status, body)) as server, pytest.raises(OutsideError) as caught:
        bot_of(server.url).send(Draft(CHAT, "hello"))
    assert type(caught.value) is outcome
    assert getattr(caught.value, "code", None) == code
    assert len(server.requests) == 1


def test_the_wait_that_is_asked_for_is_told() -> None:
    with (
        peer(answer(429, refusal(429, "Too Many Requests", retry_after=7))) as server,
        pytest.raises(RateLimited) as caught,
    ):
        bot_of(server.url).send(Draft(CHAT, "hello"))
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (500, refusal(500, "Internal Server Error"), Unavailable),
        (502, b"<html>Bad Gateway</html>", Unavailable),
        (200, b"<html>", Malformed),
        (400, refusal(400, "Bad Request: message to edit not found"), Rejected),
        (429, refusal(429, "Too Many Requests", retry_after=3), RateLimited),
    ],
)
def test_an_edit_may_be_repeated(status: int, body: bytes, outcome: type[OutsideError]) -> None:
    with peer(answer(status, body)) as server, pytest.raises(OutsideError) as caught:
        bot_of(server.url).edit(Sent(CHAT, 7), "hello")
    assert type(caught.value) is outcome


def test_an_edit_that_changes_nothing_is_a_success(sandbox: Sandbox) -> None:
    sandbox.edit("telegram", str(CHAT), per_second=10)
    bot = bot_of(f"{sandbox.url}/telegram")
    sent = bot.send(Draft(CHAT, "hello"))
    bot.edit(sent, "hello")
    bot.edit(sent, "news")
    (message,) = sandbox.control("GET", "telegram/messages")["messages"]
    assert message["texts"] == ["hello", "news"]


@pytest.mark.parametrize("fault", [drop, hang])
def test_silence_after_sending_is_unknown_for_a_message_and_harmless_for_an_edit(
    fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with peer(fault) as server:
        bot = bot_of(server.url)
        monkeypatch.setattr(apihelper, "READ_TIMEOUT", 0.3)
        with pytest.raises(OutcomeUnknown):
            bot.send(Draft(CHAT, "hello"))
        with pytest.raises(Unavailable):
            bot.edit(Sent(CHAT, 7), "hello")


def test_nobody_at_home_is_unavailable_for_both() -> None:
    with pytest.raises(Unavailable) as caught:
        bot_of(f"http://127.0.0.1:{free_port()}").send(Draft(CHAT, "hello"))
    assert not caught.value.sent


def test_a_group_that_moved_is_followed_once(sandbox: Sandbox) -> None:
    sandbox.edit("telegram", str(CHAT), moved_to=-42)
    assert bot_of(f"{sandbox.url}/telegram").send(Draft(CHAT, "hello")).chat_id == -42


def test_a_group_that_moves_in_circles_is_given_up(sandbox: Sandbox) -> None:
    sandbox.edit("telegram", "-1", moved_to=-2)
    sandbox.edit("telegram", "-2", moved_to=-1)
    with pytest.raises(Rejected, match="migrated"):
        bot_of(f"{sandbox.url}/telegram").send(Draft(-1, "hello"))
    assert len(sandbox.journal("telegram")) == 4


def test_html_that_cannot_be_read_goes_out_as_plain_text_once(sandbox: Sandbox) -> None:
    bot = bot_of(f"{sandbox.url}/telegram")
    bot.send(Draft(CHAT, "<b>1 &lt; 2</i>"))
    (message,) = sandbox.control("GET", "telegram/messages")["messages"]
    assert message["text"] == "1 < 2"
    with peer(answer(400, refusal(400, "Bad Request: can't parse entities: x"))) as server:
        with pytest.raises(Rejected, match="unparsable"):
            bot_of(server.url).send(Draft(CHAT, "<b>"))
        assert len(server.requests) == 2


def test_a_topic_that_is_gone_leaves_the_general_one(sandbox: Sandbox) -> None:
    sandbox.edit("telegram", str(CHAT), threads=[1])
    sent = bot_of(f"{sandbox.url}/telegram").send(Draft(CHAT, "hello", 42))
    assert not sent.in_topic
    (message,) = sandbox.control("GET", "telegram/messages")["messages"]
    assert message["thread_id"] is None


def test_updates_come_in_order_and_only_once_confirmed(sandbox: Sandbox) -> None:
    bot = bot_of(f"{sandbox.url}/telegram")
    for text in ("/status", "/hold"):
        sandbox.edit("telegram", "update", message={"text": text})
    assert [one["message"]["text"] for one in bot.updates(0, 1)] == ["/status", "/hold"]
    assert [one["update_id"] for one in bot.updates(1, 1)] == [2]
    assert bot.updates(2, 1) == []


def test_a_second_reader_of_updates_is_a_conflict(sandbox: Sandbox) -> None:
    sandbox.edit("telegram", "settings", second_poller=True)
    with pytest.raises(Conflict):
        bot_of(f"{sandbox.url}/telegram").updates(0, 1)


def test_a_press_is_answered_in_at_most_two_hundred_letters(sandbox: Sandbox) -> None:
    bot_of(f"{sandbox.url}/telegram").answer("press-1", "я" * 300)
    (said,) = sandbox.control("GET", "telegram/answers")["answers"]
    assert said == {"id": "press-1", "text": "я" * 200}


def test_a_button_without_room_for_its_data_is_refused_here() -> None:
    with peer(answer(200, OK)) as server, pytest.raises(ValueError, match="64 bytes"):
        bot_of(server.url).send(Draft(CHAT, "hello", buttons=[[Button("Ack", "я" * 33)]]))


def _failures() -> Iterator[Peer]:
    for behaviour in (answer(401, refusal(401, f"no {TOKEN}")), answer(502, TOKEN.encode()), answer(200, b"x"), drop):
        with peer(behaviour) as server:
            yield server


def test_the_token_is_in_no_error_and_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    told = []
    with capture_logs() as logs:
        for url in [*(server.url for server in _failures()), f"http://127.0.0.1:{free_port()}"]:
            with pytest.raises(OutsideError) as caught:
                bot_of(url).send(Draft(CHAT, "hello"))
            told += traceback.format_exception(caught.value)
    assert "canary" not in "".join(told) + repr(logs) + caplog.text
