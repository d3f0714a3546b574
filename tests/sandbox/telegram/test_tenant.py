"""The Bot API as the sandbox plays it: what it takes, what it refuses, and in which words."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine

from config.clock import now
from sandbox.server import Refused, Sandbox
from tests.sandbox.clients import Reply, ask

BOT = "/telegram/bot123:secret"
GROUP = -100


def call(sandbox: Sandbox, method: str, **parameters: Any) -> Reply:
    return ask(sandbox, "POST", f"{BOT}/{method}", parameters)


def refused(reply: Reply) -> tuple[int, str]:
    assert reply.json["ok"] is False
    assert reply.json["error_code"] == reply.status
    return reply.status, reply.json["description"]


@pytest.mark.parametrize("way", ["query", "form", "json"])
def test_parameters_come_in_any_of_three_ways(sandbox: Sandbox, way: str) -> None:
    fields = urlencode({"chat_id": GROUP, "text": "hello"})
    if way == "query":
        reply = ask(sandbox, "GET", f"{BOT}/sendMessage?{fields}")
    elif way == "form":
        reply = ask(sandbox, "POST", f"{BOT}/sendMessage", fields.encode())
    else:
        reply = call(sandbox, "sendMessage", chat_id=GROUP, text="hello")
    assert (reply.status, reply.json["ok"], reply.json["result"]["message_id"]) == (200, True, 1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<b>x", "can't parse entities: Can't find end tag"),
        ("<b>x</i>", "can't parse entities: Unmatched end tag"),
        ("</b>", "can't parse entities: Unmatched end tag"),
        ("<table>x</table>", "can't parse entities: Unsupported start tag"),
        ("1 < 2", "can't parse entities: Unexpected start tag"),
        ("a & b", "can't parse entities: Unsupported entity"),
        ("<b> </b>", "message text is empty"),
        ("", "message text is empty"),
        ("я" * 4097, "message is too long"),
    ],
)
def test_what_telegram_would_refuse_is_refused_here(sandbox: Sandbox, text: str, complaint: str) -> None:
    status, words = refused(call(sandbox, "sendMessage", chat_id=GROUP, text=text, parse_mode="HTML"))
    assert status == 400
    assert words.startswith(f"Bad Request: {complaint}")


def test_the_longest_text_counts_what_is_seen(sandbox: Sandbox) -> None:
    text = f"<b>{'я' * 4095}</b>&amp;"
    assert call(sandbox, "sendMessage", chat_id=GROUP, text=text, parse_mode="HTML").status == 200


def test_a_group_takes_twenty_messages_a_minute_and_says_when_to_come_back(sandbox: Sandbox) -> None:
    sandbox.edit("telegram", str(GROUP), per_second=100)
    replies = [call(sandbox, "sendMessage", chat_id=GROUP, text=str(number)) for number in range(21)]
    assert [reply.status for reply in replies] == [200] * 20 + [429]
    wait = replies[-1].json["parameters"]["retry_after"]
    assert 1 <= wait <= 61
    assert call(sandbox, "sendMessage", chat_id=-200, text="another group").status == 200
    sandbox.control("POST", "clock", {"offset_seconds": wait})
    assert call(sandbox, "sendMessage", chat_id=GROUP, text="later").status == 200


def test_a_chat_takes_one_message_a_second(sandbox: Sandbox) -> None:
    with time_machine.travel(now(), tick=False):
        replies = [call(sandbox, "sendMessage", chat_id=5, text="x") for _ in range(2)]
    assert refused(replies[1]) == (429, "Too Many Requests: retry after 1")


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        ("not_found", (400, "Bad Request: chat not found")),
        ("blocked", (403, "Forbidden: bot was blocked by the user")),
        ("kicked", (403, "Forbidden: bot was kicked from the supergroup chat")),
    ],
)
def test_a_chat_can_be_lost(sandbox: Sandbox, state: str, answer: tuple[int, str]) -> None:
    sandbox.edit("telegram", str(GROUP), state=state)
    assert refused(call(sandbox, "sendMessage", chat_id=GROUP, text="x")) == answer


def test_a_message_is_edited_in_place_and_not_into_itself(sandbox: Sandbox) -> None:
    sandbox.edit("telegram", str(GROUP), per_second=100)
    call(sandbox, "sendMessage", chat_id=GROUP, text="x")
    edit = {"chat_id": GROUP, "message_id": 1, "text": "y"}
    assert call(sandbox, "editMessageText", **edit).status == 200
    assert "message is not modified" in refused(call(sandbox, "editMessageText", **edit))[1]
    assert "to edit not found" in refused(call(sandbox, "editMessageText", **(edit | {"message_id": 9})))[1]


def test_updates_wait_until_they_are_confirmed(sandbox: Sandbox) -> None:
    sandbox.edit("telegram", "update", message={"text": "/status"})
    for _ in range(2):
        assert [one["update_id"] for one in call(sandbox, "getUpdates", offset=1).json["result"]] == [1]
    assert call(sandbox, "getUpdates", offset=2).json["result"] == []


def test_a_webhook_and_polling_exclude_each_other(sandbox: Sandbox) -> None:
    call(sandbox, "setWebhook", url="https://x.example/hook")
    assert refused(call(sandbox, "getUpdates"))[0] == 409
    call(sandbox, "setWebhook", url="")
    assert call(sandbox, "getUpdates").status == 200


def test_the_token_must_look_like_one_be_the_right_one_and_stay_out_of_the_journal(sandbox: Sandbox) -> None:
    assert refused(ask(sandbox, "POST", "/telegram/botnone/getMe"))[0] == 404
    sandbox.edit("telegram", "settings", token="123:secret")
    assert call(sandbox, "getMe").json["result"]["is_bot"] is True
    assert refused(ask(sandbox, "POST", "/telegram/bot123:other/getMe")) == (401, "Unauthorized")
    assert "secret" not in repr([row["path"] for row in sandbox.journal("telegram")]).replace("[secret]", "")


@pytest.mark.parametrize(("button", "status"), [("x" * 64, 200), ("я" * 33, 400), ("", 400)])
def test_a_button_carries_at_most_sixty_four_bytes(sandbox: Sandbox, button: str, status: int) -> None:
    keyboard = {"inline_keyboard": [[{"text": "Ack", "callback_data": button}]]}
    assert call(sandbox, "sendMessage", chat_id=GROUP, text="x", reply_markup=keyboard).status == status


def test_a_wrong_rule_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match="state"):
        sandbox.edit("telegram", str(GROUP), state="gone")
    with pytest.raises(Refused, match="nobody"):
        sandbox.edit("telegram", "nobody")
