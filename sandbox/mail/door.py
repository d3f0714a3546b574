"""SMTP as far as one letter needs it: one connection, line by line, every letter in the journal before its answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from sandbox.journal import Journal
from sandbox.mail.tenant import Mail
from sandbox.wire import Request

LONGEST_LINE = 4096
LARGEST = 1024 * 1024
_ADDRESS = re.compile(r"(?i)(?:from|to):\s*<([^<>\s]*)>")


class Door(asyncio.Protocol):
    """Takes letters for a mailbox; commands out of order are refused as a real server does."""

    _transport: asyncio.Transport

    def __init__(self, mail: Mail, journal: Journal, live: set[Door]) -> None:
        self._mail, self._journal, self._live = mail, journal, live
        self._buffer = b""
        self._in_data = False
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._commands: dict[str, Callable[[str], str]] = {
            "EHLO": self._hello, "HELO": self._hello, "MAIL": self._from, "RCPT": self._to, "DATA": self._data,
            "RSET": self._reset, "NOOP": self._reset, "QUIT": self._quit,
        }  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._live.add(self)
        self._say("220 sandbox ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self._live.discard(self)

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > LARGEST:
            self._say("552 too big")
            return self._transport.close()
        while self._next():
            pass
        return None

    def _next(self) -> bool:
        """Serve one line or one letter; False when more bytes are needed."""
        end = b"\r\n.\r\n" if self._in_data else b"\r\n"
        part, found, rest = self._buffer.partition(end)
        if not found:
            return False
        self._buffer = rest
        if self._in_data:
            self._deliver(part + b"\r\n")
        else:
            word, _, rest_of_line = part[:LONGEST_LINE].decode("latin-1").partition(" ")
            command = self._commands.get(word.upper())
            self._say(command(rest_of_line) if command else "502 not here")
        return not self._transport.is_closing()

    def _hello(self, text: str) -> str:
        return f"250-sandbox\r\n250-SIZE {LARGEST}\r\n250 8BITMIME"

    def _from(self, text: str) -> str:
        found = _ADDRESS.match(text)
        self._forget()
        self._sender = found[1] if found else None
        return "250 ok" if found else "501 from whom"

    def _to(self, text: str) -> str:
        found = _ADDRESS.match(text)
        if self._sender is None or found is None:
            return "503 MAIL first"
        if refusal := self._mail.settings.rcpt:
            return refusal
        self._recipients.append(found[1])
        return "250 ok"

    def _data(self, text: str) -> str:
        if not self._recipients:
            return "503 RCPT first"
        self._in_data = True
        # an empty letter ends with the dot alone, so the line end before it is ours
        self._buffer = b"\r\n" + self._buffer
        return "354 go on"

    def _reset(self, text: str) -> str:
        self._forget()
        return "250 ok"

    def _quit(self, text: str) -> str:
        asyncio.get_running_loop().call_soon(self._transport.close)
        return "221 bye"

    def _forget(self) -> None:
        self._sender = None
        self._recipients = []

    def _deliver(self, raw: bytes) -> None:
        self._in_data = False
        data = raw.removeprefix(b"\r\n").replace(b"\r\n..", b"\r\n.")
        request = Request("DATA", "/letters", "", {}, data, keep_alive=True)
        refusal = self._mail.settings.data
        if refusal:
            self._journal.append(self._mail.name, request, int(refusal[:3]), None, None)
        else:
            self._take(data, request)
        drop = self._mail.settings.drop_after_dot
        self._journal.when_written(self.abort if drop else lambda: self._say(refusal or "250 taken"))
        self._forget()

    def _take(self, data: bytes, request: Request) -> None:
        for recipient in self._recipients:
            letter = self._mail.take(self._sender or "", recipient, data)
            effect = {"letter": letter.number, "recipient": recipient, "message_id": letter.message_id}
            fault = "drop_after_dot" if self._mail.settings.drop_after_dot else None
            self._journal.append(self._mail.name, request, None if fault else 250, fault, effect)

    def _say(self, line: str) -> None:
        self._transport.write(line.encode() + b"\r\n")
