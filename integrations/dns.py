"""Asks several resolvers about many names at once; each resolver answers for itself, none for another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.resolver

from config.checks import resolver_address
from config.settings import Settings
from integrations.dns_answers import Answer, Network, Status, combined, of_addresses
from integrations.dns_sockets import Sockets

RESOLV_CONF = "/etc/resolv.conf"
TRY_SECONDS = 1.0
LIFETIME_SECONDS = 3.0
IN_FLIGHT = 200
SOCKETS = Sockets()
SYSTEM = "system"

Server = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Upstream:
    """One voice: `name` as configured, `servers` are asked in turn as one resolver."""

    name: str
    servers: tuple[Server, ...]


def upstreams(settings: Settings) -> tuple[Upstream, ...]:
    """The resolvers of DNS_UPSTREAMS, each server in one voice only; raises ValueError for an unusable item."""
    return parse(settings.dns_upstreams)


def parse(text: str, resolv_conf: str = RESOLV_CONF) -> tuple[Upstream, ...]:
    """Resolvers from `system,address,address:port`.

    A server that is named twice has one voice: two of them must be two opinions. Whatever `system` shares with the
    others is left to those.
    """
    items = [item.strip() for item in text.split(",") if item.strip()]
    explicit = frozenset(resolver_address(item) for item in items if item != SYSTEM)
    found: dict[tuple[Server, ...], Upstream] = {}
    for item in items:
        servers = _servers(item, explicit, resolv_conf)
        found.setdefault(servers, Upstream(item, servers))
    return tuple(voice for voice in found.values() if voice.servers)


def lookup(
    names: Iterable[str], voices: Sequence[Upstream], *, sinkholes: Iterable[Network] = (), seconds: float | None = None
) -> dict[str, dict[str, Answer]]:
    """What each resolver says about each name: `{name: {upstream: Answer}}`; never raises for the network.

    Whoever has not answered within `seconds`, by default the usual ones, has not answered.
    """
    return asyncio.run(_lookup(list(dict.fromkeys(names)), voices, Desk(tuple(sinkholes), seconds)))


async def _lookup(names: list[str], voices: Sequence[Upstream], desk: Desk) -> dict[str, dict[str, Answer]]:
    resolvers = {voice.name: resolver_at(voice.servers) for voice in voices}
    questions = [(name, voice.name) for name in names for voice in voices]
    answers = await asyncio.gather(*(desk.ask(resolvers[voice], name) for name, voice in questions))
    found: dict[str, dict[str, Answer]] = {name: {} for name in names}
    for (name, voice), answer in zip(questions, answers, strict=True):
        found[name][voice] = answer
    return found


def resolver_at(servers: Sequence[Server], *, recursive: bool = True) -> dns.asyncresolver.Resolver:
    """A resolver of these servers only; nothing of the machine's configuration enters it."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
    resolver.timeout, resolver.lifetime = TRY_SECONDS, LIFETIME_SECONDS
    if not recursive:
        resolver.set_flags(0)
    return resolver


@dataclass(slots=True)
class Desk:
    """Puts questions for one lookup and keeps their number in flight below the limit."""

    sinkholes: tuple[Network, ...] = ()
    seconds: float | None = None
    _slots: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))

    async def ask(self, resolver: dns.asyncresolver.Resolver, name: str) -> Answer:
        """A and AAAA of a name as one answer."""
        four, six = await asyncio.gather(self._addresses(resolver, name, "A"), self._addresses(resolver, name, "AAAA"))
        return combined(four, six)

    async def _addresses(self, resolver: dns.asyncresolver.Resolver, name: str, kind: str) -> Answer:
        found = await self.question(resolver, name, kind)
        if isinstance(found, Status):
            return Answer(found)
        return of_addresses((record.address for record in found.rrset or ()), _chain(found), self.sinkholes)

    async def question(
        self, resolver: dns.asyncresolver.Resolver, name: str, kind: str
    ) -> dns.resolver.Answer | Status:
        """The records of one kind, possibly none, or why there is no answer."""
        async with self._slots:
            try:
                # the library measures by the wall clock, which may be set meanwhile; this bound does not move
                async with asyncio.timeout(self.seconds or LIFETIME_SECONDS):
                    return await resolver.resolve(
                        _absolute(name), kind, search=False, raise_on_no_answer=False, backend=SOCKETS
                    )
            except dns.resolver.NXDOMAIN:
                return Status.NXDOMAIN
            except dns.resolver.NoNameservers as error:
                return _refusal(error.kwargs.get("errors") or ())
            except (TimeoutError, dns.exception.Timeout, OSError):
                return Status.TIMEOUT
            except dns.exception.DNSException:  # a name or an answer that cannot be: no vote either way
                return Status.SERVFAIL


@lru_cache(maxsize=10_000)
def _absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name, origin=dns.name.root)


def _chain(found: dns.resolver.Answer) -> list[str]:
    """The names that the first one is an alias for, in order."""
    return [link[0].target.to_text(omit_final_dot=True).lower() for link in found.chaining_result.cnames]


def _refusal(errors: Iterable[Sequence[object]]) -> Status:
    """Why no server of a resolver answered; a server that was not reached has no response."""
    codes = {response.rcode() for *_, response in errors if isinstance(response, dns.message.Message)}
    if not codes:
        return Status.TIMEOUT
    return Status.REFUSED if codes == {dns.rcode.REFUSED} else Status.SERVFAIL


def _servers(item: str, explicit: frozenset[Server], resolv_conf: str) -> tuple[Server, ...]:
    if item != SYSTEM:
        return (resolver_address(item),)
    return tuple(server for server in _system_servers(resolv_conf) if server not in explicit)


def _system_servers(resolv_conf: str) -> list[Server]:
    configured = dns.resolver.Resolver(configure=False)
    try:
        configured.read_resolv_conf(resolv_conf)
    except (dns.resolver.NoResolverConfiguration, OSError):
        return []
    return [(str(server), 53) for server in configured.nameservers if _is_address(str(server))]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
