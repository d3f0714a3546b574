"""Asks the name servers of a name's own zone, past every resolver that may lie about it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dns.asyncresolver import Resolver

from integrations.dns import Desk, Upstream, resolver_at
from integrations.dns_answers import Answer, Network, Status
from integrations.routes import Routes

MOST_SERVERS = 3


def lookup_own(
    names: Iterable[str], voices: Sequence[Upstream], *, routes: Routes, sinkholes: Iterable[Network] = ()
) -> dict[str, Answer]:
    """What the zone of each name itself says; OK wins over whatever its other servers say.

    The resolvers are only asked who serves the zone. A name whose zone is not found has the answer TIMEOUT.
    """
    return asyncio.run(_lookup(list(dict.fromkeys(names)), voices, routes, Desk(tuple(sinkholes))))


async def _lookup(names: list[str], voices: Sequence[Upstream], routes: Routes, desk: Desk) -> dict[str, Answer]:
    resolvers = [resolver_at(voice.servers) for voice in voices]
    answers = await asyncio.gather(*(_own(name, resolvers, routes, desk) for name in names))
    return dict(zip(names, answers, strict=True))


async def _own(name: str, resolvers: list[Resolver], routes: Routes, desk: Desk) -> Answer:
    servers = await _servers(name, resolvers, desk)
    # one resolver each: in a common one the first NXDOMAIN would end the search
    asked = [resolver_at([routes.to(server, 53)], recursive=False) for server in servers]
    answers = await asyncio.gather(*(desk.ask(resolver, name) for resolver in asked))
    return await _followed(_best(answers), resolvers, desk)


def _best(answers: Iterable[Answer]) -> Answer:
    return min(answers, key=lambda answer: answer.status is not Status.OK, default=Answer(Status.TIMEOUT))


async def _followed(answer: Answer, resolvers: list[Resolver], desk: Desk) -> Answer:
    """A zone knows its alias but not where that leads in another zone; the resolvers do."""
    if answer.status is not Status.EMPTY or not answer.chain:
        return answer
    found = await _first_ok(answer.chain[-1], resolvers, desk)
    return replace(found, chain=(*answer.chain, *found.chain)) if found.status is Status.OK else answer


async def _servers(name: str, resolvers: list[Resolver], desk: Desk) -> list[str]:
    """Addresses of the servers of the nearest zone above a name."""
    for zone in _zones(name):
        if hosts := await _hosts(zone, resolvers, desk):
            found = await asyncio.gather(*(_first_ok(host, resolvers, desk) for host in hosts[:MOST_SERVERS]))
            addresses = [text for answer in found for text in answer.addresses if answer.status is Status.OK]
            return sorted(addresses, key=lambda text: ":" in text)[:MOST_SERVERS]
    return []


def _zones(name: str) -> Iterator[str]:
    """The name and what is above it, without the top level."""
    labels = name.rstrip(".").split(".")
    return (".".join(labels[start:]) for start in range(len(labels) - 1))


async def _hosts(zone: str, resolvers: list[Resolver], desk: Desk) -> list[str]:
    for resolver in resolvers:
        found = await desk.question(resolver, zone, "NS")
        if not isinstance(found, Status) and found.rrset:
            return sorted(record.target.to_text(omit_final_dot=True) for record in found.rrset)
    return []


async def _first_ok(name: str, resolvers: list[Resolver], desk: Desk) -> Answer:
    return _best(await asyncio.gather(*(desk.ask(resolver, name) for resolver in resolvers)))
