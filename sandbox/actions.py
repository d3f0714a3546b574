"""The fault actions: each says whether the request still takes effect, and what the socket does instead."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sandbox.delivery import Delivery, Ending, silent, whole
from sandbox.wire import Answer, Request, head

FAULT_HEADER = "X-Sandbox-Fault"
LOGIN_PAGE = b"<!doctype html><html><title>Sign in</title><form method=post><input name=user></form></html>"
PROTOBUF = b"\x08\x96\x01\x12\x03abc"
_MIB = 1024 * 1024

Millis = Annotated[float, Meta(ge=0, le=3_600_000)]
Count = Annotated[int, Meta(ge=1, le=1 << 34)]
StatusCode = Annotated[int, Meta(ge=200, le=599)]


class Scene(msgspec.Struct, frozen=True):
    """What an action may look at: the request, its own seeded generator, the sandbox's time."""

    request: Request
    random: Random
    now: datetime


class Action(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """An action passes the true answer on in a damaged way; the request has taken effect."""

    def takes_effect(self) -> bool:
        return True

    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        raise NotImplementedError

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)

    def marked(self, answer: Answer) -> Answer:
        """The same answer, saying which fault touched it."""
        return msgspec.structs.replace(answer, headers={**answer.headers, FAULT_HEADER: self.kind})


class Replacing(Action, kw_only=True):
    """An action that makes up the answer; the request takes effect only if the rule says `"apply": true`."""

    apply: bool = False

    def takes_effect(self) -> bool:
        return self.apply

    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        return whole(self.marked(self.replacement(scene)), scene.request)

    def replacement(self, scene: Scene) -> Answer:
        raise NotImplementedError


class Latency(Action, tag="latency_ms"):
    ms: Millis
    jitter_ms: Millis = 0

    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        delay = answer.delay_ms + self.ms + scene.random.uniform(0, self.jitter_ms)
        return whole(msgspec.structs.replace(self.marked(answer), delay_ms=delay), scene.request)


class Trickle(Action, tag="trickle"):
    every_ms: Millis = 1000
    part: Literal["all", "body"] = "all"

    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        plain = whole(self.marked(answer), scene.request)
        return msgspec.structs.replace(plain, chunks=self._bytewise(b"".join(plain.chunks)), gap_ms=self.every_ms)

    def _bytewise(self, data: bytes) -> Iterator[bytes]:
        at_once = data.index(b"\r\n\r\n") + 4 if self.part == "body" else 1
        yield data[:at_once]
        yield from (data[i : i + 1] for i in range(at_once, len(data)))


class Truncate(Action, tag="truncate"):
    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        start = head(self.marked(answer), len(answer.body), keep_alive=False)
        return Delivery(answer.status, (start + answer.body[: len(answer.body) // 2],), Ending.CLOSE)


class Charset(Action, tag="charset"):
    encoding: Literal["utf-16", "utf-32", "cp500", "utf-7"] = "utf-16"

    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        body = answer.body.decode("utf-8", "replace").encode(self.encoding)
        kind = answer.content_type.partition(";")[0] + "; charset=utf-8"
        return whole(msgspec.structs.replace(self.marked(answer), body=body, content_type=kind), scene.request)


class WrongType(Action, tag="wrong_type"):
    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        is_json = "json" in answer.content_type
        body, kind = (PROTOBUF, "application/x-protobuf") if is_json else (b'{"wrong":"type"}', "application/json")
        return whole(msgspec.structs.replace(self.marked(answer), body=body, content_type=kind), scene.request)


class CommitThenDrop(Action, tag="commit_then_drop"):
    reset: bool = False

    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        return silent(Ending.RESET if self.reset else Ending.CLOSE)


class Status(Replacing, kw_only=True, tag="status"):
    status: StatusCode
    body: str = ""
    content_type: str = "application/json"

    def replacement(self, scene: Scene) -> Answer:
        return Answer(self.status, self.body.encode(), self.content_type)


class RetryAfter(Replacing, tag="retry_after"):
    form: Literal["seconds", "date", "absurd", "missing"] = "seconds"
    seconds: Annotated[int, Meta(ge=0, le=86_400)] = 1
    status: StatusCode = 429

    def replacement(self, scene: Scene) -> Answer:
        moment = scene.now + timedelta(seconds=self.seconds)
        text = {"seconds": str(self.seconds), "date": format_datetime(moment, usegmt=True), "absurd": "9" * 20}
        headers = {"Retry-After": text[self.form]} if self.form in text else {}
        return Answer(self.status, b'{"error":"too many requests"}', headers=headers)


class Drop(Replacing, tag="drop"):
    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        return silent(Ending.CLOSE)


class Reset(Replacing, tag="reset"):
    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        return silent(Ending.RESET)


class Hang(Replacing, tag="hang"):
    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        return silent(Ending.HANG)


class Garbage(Replacing, tag="garbage"):
    size: Annotated[int, Meta(ge=1, le=_MIB)] = 512

    def replacement(self, scene: Scene) -> Answer:
        return Answer(200, b"\xff" + scene.random.randbytes(self.size - 1))


class Html(Replacing, tag="html"):
    def replacement(self, scene: Scene) -> Answer:
        return Answer(200, LOGIN_PAGE, "text/html; charset=utf-8")


class Empty(Replacing, tag="empty"):
    def replacement(self, scene: Scene) -> Answer:
        return Answer(200)


class Deep(Replacing, tag="deep"):
    levels: Annotated[int, Meta(ge=1, le=_MIB)] = 10_000

    def replacement(self, scene: Scene) -> Answer:
        return Answer(200, b"[" * self.levels + b"]" * self.levels)


class Huge(Replacing, tag="huge"):
    size: Count = 1 << 30
    declared: bool = True

    def deliver(self, answer: Answer, scene: Scene) -> Delivery:
        start = head(self.marked(Answer(200)), self.size if self.declared else None, keep_alive=False)
        return Delivery(200, self._stream(start), Ending.CLOSE)

    def _stream(self, start: bytes) -> Iterator[bytes]:
        yield start + b'"'
        block = b"a" * (64 * 1024)
        for left in range(self.size - 2, 0, -len(block)):
            yield block[:left]
        yield b'"'


class GzipBomb(Replacing, tag="gzip_bomb"):
    mib: Annotated[int, Meta(ge=1, le=16 * 1024)] = 1024

    def replacement(self, scene: Scene) -> Answer:
        # Equal gzip members in a row are one legal stream: a gigabyte costs one compressed mebibyte.
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        member = packer.compress(b" " * _MIB) + packer.flush()
        return Answer(200, member * self.mib, headers={"Content-Encoding": "gzip"})


class Redirect(Replacing, tag="redirect"):
    to: Literal["host", "file", "loop"] = "host"
    status: Literal[301, 302, 303, 307, 308] = 302

    def replacement(self, scene: Scene) -> Answer:
        port = scene.request.headers.get("host", "").rpartition(":")[2] or "80"
        places = {"host": f"http://localhost:{port}/elsewhere", "file": "file:///etc/hostname"}
        return Answer(self.status, headers={"Location": places.get(self.to, scene.request.path)})


AnyAction = (
    Latency
    | Trickle
    | Truncate
    | Charset
    | WrongType
    | CommitThenDrop
    | Status
    | RetryAfter
    | Drop
    | Reset
    | Hang
    | Garbage
    | Html
    | Empty
    | Deep
    | Huge
    | GzipBomb
    | Redirect
)
