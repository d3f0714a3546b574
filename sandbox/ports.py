"""The sockets of one sandbox, on ports that follow each other, so that one address tells them all."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass

from config.sandbox import DNS_OFFSETS, SMTP_OFFSET, TLS_OFFSET

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Ports:
    """`dns` holds a pair of UDP and TCP for each resolver."""

    http: socket.socket
    dns: tuple[tuple[socket.socket, socket.socket], ...]
    smtp: socket.socket
    tls: socket.socket


def port_of(bound: socket.socket) -> int:
    number: int = bound.getsockname()[1]
    return number


def address_of(bound: socket.socket) -> str:
    """`host:port`."""
    return f"{LOOPBACK}:{port_of(bound)}"


def open_ports(wanted: int) -> Ports:
    """Sockets from the wanted port on, or anywhere for 0; raises OSError when one is taken."""
    for _ in range(0 if wanted else _TRIES):
        try:
            return _opened(0)
        except OSError:
            continue  # somebody has one of the ports above; the system gives another first one
    return _opened(wanted)


def _opened(wanted: int) -> Ports:
    with ExitStack() as opened:
        http = opened.enter_context(_stream(wanted))
        first = port_of(http)
        dns = [
            (opened.enter_context(_datagrams(first + offset)), opened.enter_context(_stream(first + offset)))
            for offset in DNS_OFFSETS
        ]
        smtp = opened.enter_context(_stream(first + SMTP_OFFSET))
        tls = opened.enter_context(_stream(first + TLS_OFFSET))
        opened.pop_all()
    return Ports(http, tuple(dns), smtp, tls)


def _stream(port: int) -> socket.socket:
    if port > 65535:
        raise OSError("no port above 65535")
    return socket.create_server((LOOPBACK, port), backlog=BACKLOG)


def _datagrams(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # a burst of questions must not be lost before the loop comes to it
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        bound.setblocking(False)
        bound.bind((LOOPBACK, port))
    except (OSError, OverflowError):
        bound.close()
        raise
    return bound
