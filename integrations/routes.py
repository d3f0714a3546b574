"""Where a connection to an address of the outside goes: to that address, or to the sandbox that plays it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from config.settings import Settings

# the sandbox answers with documentation addresses and listens on the ports above its own
_PLAYED = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
DNS_OFFSETS = (1, 2, 3)
TLS_OFFSET = 5
_OFFSETS = {53: DNS_OFFSETS[-1], 443: TLS_OFFSET}


@dataclass(frozen=True, slots=True)
class Routes:
    """`sandbox` is the sandbox's host and HTTP port; None means that everything is real."""

    sandbox: tuple[str, int] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Routes:
        """The routes as SANDBOX_URL says."""
        if not settings.sandbox_url:
            return cls()
        parts = urlsplit(settings.sandbox_url)
        return cls((parts.hostname or "127.0.0.1", parts.port or 80))

    def to(self, address: str, port: int) -> tuple[str, int]:
        """The host and port to connect to."""
        if self.sandbox is None or port not in _OFFSETS or not _is_played(address):
            return address, port
        host, base = self.sandbox
        return host, base + _OFFSETS[port]

    def upstreams(self) -> tuple[str, ...]:
        """The sandbox's resolvers, none without a sandbox."""
        if self.sandbox is None:
            return ()
        host, base = self.sandbox
        return tuple(f"{host}:{base + offset}" for offset in DNS_OFFSETS)


def _is_played(address: str) -> bool:
    return any(ip_address(address) in network for network in _PLAYED)
