"""Where a connection to an address of the outside goes: to that address, or to the sandbox that plays it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from config import sandbox
from config.settings import Settings

# the sandbox answers with documentation addresses and listens on the ports above its own
_PLAYED = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
_OFFSETS = {53: sandbox.DNS_OFFSETS[0], 443: sandbox.TLS_OFFSET}


@dataclass(frozen=True, slots=True)
class Routes:
    """`sandbox` is the sandbox's host and HTTP port; None means that everything is real."""

    sandbox: tuple[str, int] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Routes:
        """The routes as SANDBOX_URL says."""
        return cls(sandbox.place(settings.sandbox_url)) if settings.sandbox_url else cls()

    def to(self, address: str, port: int) -> tuple[str, int]:
        """The host and port to connect to."""
        if self.sandbox is None or port not in _OFFSETS or not _is_played(address):
            return address, port
        host, base = self.sandbox
        return host, base + _OFFSETS[port]


def _is_played(address: str) -> bool:
    return any(ip_address(address) in network for network in _PLAYED)
