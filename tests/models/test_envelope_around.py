"""Messages around arguments that are encoded already."""

from __future__ import annotations

from dramatiq import Message

from models.envelope import decode, encode_around, encode_message


def test_it_is_the_same_message_as_one_encoded_as_a_whole() -> None:
    whole = decode(encode_message("process_click", {"click": {"click_id": "1"}}))
    around = decode(encode_around("process_click", "click", b'{"click_id":"1"}'))
    for name in ("queue_name", "actor_name", "args", "kwargs", "options"):
        assert around[name] == whole[name]


def test_the_queue_library_reads_it() -> None:
    message: Message[object] = Message.decode(encode_around("process_clicks", "clicks", b"[]"))
    assert (message.queue_name, message.actor_name, message.kwargs) == ("clicks", "process_clicks", {"clicks": []})
