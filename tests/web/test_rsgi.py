"""Waiting on an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

from web.rsgi import LoopTicket, Mailbox, Patience, environ_of
from web.tickets import Path, settle_all


def test_a_ticket_settled_by_another_thread_wakes_its_coroutine() -> None:
    async def wait() -> tuple[bool, Path]:
        ticket = LoopTicket(b"{}", Mailbox(asyncio.get_running_loop()))
        threading.Thread(target=ticket.settle, args=(Path.QUEUE,)).start()
        return await asyncio.wait_for(ticket.arrived, 60), ticket.path

    assert asyncio.run(wait()) == (True, Path.QUEUE)


def test_many_tickets_settled_at_once_all_arrive() -> None:
    async def wait() -> list[bool]:
        mailbox = Mailbox(asyncio.get_running_loop())
        tickets = [LoopTicket(b"{}", mailbox) for _ in range(500)]
        threading.Thread(target=settle_all, args=(tickets, Path.QUEUE)).start()
        return await asyncio.wait_for(asyncio.gather(*[ticket.arrived for ticket in tickets]), 60)

    assert asyncio.run(wait()) == [True] * 500


def test_patience_ends_every_wait_and_early_answers_stand() -> None:
    async def wait() -> tuple[list[bool], float]:
        loop = asyncio.get_running_loop()
        mailbox, patience = Mailbox(loop), Patience(loop, 0.05)
        tickets = [LoopTicket(b"{}", mailbox) for _ in range(3)]
        started = time.monotonic()
        for ticket in tickets:
            patience.watch(ticket)
            if ticket is tickets[1]:
                ticket.settle(Path.QUEUE)
            await asyncio.sleep(0.005)
        arrived = await asyncio.wait_for(asyncio.gather(*[ticket.arrived for ticket in tickets]), 60)
        late = LoopTicket(b"{}", mailbox)
        patience.watch(late)
        arrived.append(await asyncio.wait_for(late.arrived, 60))
        return arrived, time.monotonic() - started

    arrived, seconds = asyncio.run(wait())
    assert arrived == [False, True, False, False]
    assert seconds >= 0.1


def test_repeated_headers_are_one_list_and_look_alikes_are_dropped() -> None:
    headers = [("x-forwarded-for", "a"), ("X_Forwarded_For", "b"), ("x_forwarded_for", "c"), ("x-forwarded-for", "d")]
    scope = SimpleNamespace(
        method="GET",
        query_string="",
        client="[2001:db8::1]:4711",
        headers=SimpleNamespace(items=lambda: [*headers, ("cookie", "a=b"), ("cookie", "c=d")]),
    )
    environ = environ_of(scope)
    assert environ["HTTP_X_FORWARDED_FOR"] == "a, d"
    assert environ["HTTP_COOKIE"] == "a=b; c=d"
    assert environ["REMOTE_ADDR"] == "2001:db8::1"
