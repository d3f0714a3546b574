"""Ports for servers that start a while after they were chosen."""

from __future__ import annotations

import socket
from pathlib import Path

from bench.servers.kept import free_ports


def test_ports_are_free_and_never_chosen_twice() -> None:
    first, second = free_ports(3), free_ports(2)
    assert len({*first, *second}) == 5
    for port in (*first, *second):
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_port_that_is_taken_is_passed_over() -> None:
    (before,) = free_ports(1)
    with socket.create_server(("127.0.0.1", before + 1)):
        assert free_ports(1) != [before + 1]


def test_no_connection_is_given_the_port_meanwhile() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(free_ports(20)) < max(lowest, 20_240)
