"""Answers that no honest resolver gives must never count as a vote."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from integrations.dns import Upstream, lookup
from integrations.dns_answers import NEGATIVE, Status

Reply = Callable[[dns.message.Message], bytes]


def _answer(query: dns.message.Message, *records: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    response = dns.message.make_response(query)
    response.set_rcode(rcode)
    for record in records:
        name, kind, value = record.split()
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, value))
    return response.to_wire()


def _of_another_question(query: dns.message.Message) -> bytes:
    other = dns.message.make_query("other.test", "A", id=query.id)
    return _answer(other, rcode=dns.rcode.NXDOMAIN)


def _with_another_number(query: dns.message.Message) -> bytes:
    wire = _answer(query, rcode=dns.rcode.NXDOMAIN)
    return struct.pack("!H", query.id ^ 1) + wire[2:]


def _loop(query: dns.message.Message) -> bytes:
    name = query.question[0].name.to_text()
    return _answer(query, f"{name} CNAME b.test.", f"b.test. CNAME {name}")


def _found_and_denied(query: dns.message.Message) -> bytes:
    return _answer(query, f"{query.question[0].name.to_text()} A 192.0.2.1", rcode=dns.rcode.NXDOMAIN)


HOSTILE: dict[str, Reply] = {
    "nothing": lambda query: b"",
    "junk": lambda query: b"\xff" * 200,
    "cut": lambda query: _answer(query, rcode=dns.rcode.NXDOMAIN)[:-3],
    "other": _of_another_question,
    "number": _with_another_number,
    "loop": _loop,
    "both": _found_and_denied,
    "echo": lambda query: query.to_wire(),
    "formerr": lambda query: _answer(query, rcode=dns.rcode.FORMERR),
    "notimp": lambda query: _answer(query, rcode=dns.rcode.NOTIMP),
    "yxdomain": lambda query: _answer(query, rcode=dns.rcode.YXDOMAIN),
    "badcode": lambda query: _answer(query, rcode=dns.rcode.Rcode(11)),
    "trailing": lambda query: _answer(query, rcode=dns.rcode.NXDOMAIN) + b"more",
}


@contextmanager
def resolver() -> Iterator[Upstream]:
    """Answers each question in the way that its first label names, until the block ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        thread = Thread(target=_serve, args=(door,), daemon=True)
        thread.start()
        port = door.getsockname()[1]
        try:
            yield Upstream("hostile", (("127.0.0.1", port),))
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"stop", ("127.0.0.1", port))
            thread.join()


def _serve(door: socket.socket) -> None:
    while (received := door.recvfrom(2048))[0] != b"stop":
        data, sender = received
        query = dns.message.from_wire(data)
        label = query.question[0].name.labels[0].decode()
        door.sendto(HOSTILE[label](query), sender)


def test_no_hostile_answer_proves_or_denies_a_name() -> None:
    names = [f"{label}.go.test" for label in HOSTILE]
    with resolver() as hostile:
        found = {name: answers["hostile"].status for name, answers in lookup(names, [hostile]).items()}
    assert {name: status for name, status in found.items() if status is Status.OK or status in NEGATIVE} == {}
