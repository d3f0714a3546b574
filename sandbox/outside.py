"""The listeners beside HTTP that play the network itself: three resolvers and a TLS server."""

from __future__ import annotations

import asyncio

from sandbox.dns.listener import Resolver
from sandbox.dns.zone import Zone
from sandbox.journal import Journal
from sandbox.ports import Ports
from sandbox.tls.certificates import Certificates
from sandbox.tls.listener import Door, Front
from sandbox.world import World


class Outside:
    """Opened and closed by the sandbox, in the thread of its loop."""

    def __init__(self, world: World, journal: Journal) -> None:
        self.certificates = Certificates(world.clock)
        self._front = Front(world.hosts, self.certificates, journal)
        self._zone = Zone(world.hosts)
        self._journal = journal
        self._resolvers: list[Resolver] = []

    async def listen(self, ports: Ports) -> None:
        """Serve on the sockets."""
        for number, (datagrams, streams) in enumerate(ports.dns, 1):
            resolver = Resolver(number, self._zone, self._journal)
            await resolver.listen(datagrams, streams)
            self._resolvers.append(resolver)
        self._tls = await asyncio.get_running_loop().create_server(lambda: Door(self._front), sock=ports.tls)

    def close(self) -> None:
        """Cut everything."""
        self._tls.close()
        for door in list(self._front.live):
            door.abort()
        for resolver in self._resolvers:
            resolver.close()
