"""Looks at the certificate that a host shows: whether it is valid for the name, and until when."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509

from config.clock import monotonic
from config.settings import Settings
from integrations.routes import Routes

PORT = 443
CONNECT_SECONDS = 5.0
READ_SECONDS = 5.0
# OpenSSL's numbers of X509_V_ERR_…
_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED = 9, 10
_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH = 62, 64


class TlsState(StrEnum):
    """What a visitor's browser would make of it."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_NAME = "wrong-name"
    UNTRUSTED = "untrusted"
    NO_ANSWER = "no-answer"


INVALID = frozenset({TlsState.EXPIRED, TlsState.NOT_YET_VALID, TlsState.WRONG_NAME, TlsState.UNTRUSTED})
_STATES = {
    _CERT_NOT_YET_VALID: TlsState.NOT_YET_VALID,
    _CERT_HAS_EXPIRED: TlsState.EXPIRED,
    _HOSTNAME_MISMATCH: TlsState.WRONG_NAME,
    _IP_ADDRESS_MISMATCH: TlsState.WRONG_NAME,
}


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """`not_after` is the end of the certificate, known for invalid ones too; `address` is who showed it."""

    state: TlsState
    not_after: datetime | None = None
    address: str = ""
    detail: str = ""


@dataclass(slots=True)
class Tls:
    """How we connect: `ca_bundle` as file, None for the usual authorities; seconds for each of the two steps."""

    routes: Routes = field(default_factory=Routes)
    ca_bundle: str | None = None
    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS
    _trust: ssl.SSLContext | None = field(init=False, default=None, repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Tls:
        """As the environment describes it."""
        return cls(Routes.from_settings(settings), str(settings.ca_bundle) if settings.ca_bundle else None)

    def inspect(self, host: str, addresses: Sequence[str]) -> TlsFacts:
        """The facts about a host at the addresses that the resolvers agreed on; never raises for the network."""
        with self.opened(host, addresses) as (_, facts):
            return facts

    @contextmanager
    def opened(self, host: str, addresses: Sequence[str]) -> Iterator[tuple[ssl.SSLSocket | None, TlsFacts]]:
        """The facts, and the connection they were found on when the certificate is valid."""
        context = self._trusted()
        try:
            plain, address = self._connected(addresses)
        except OSError as error:
            yield None, TlsFacts(TlsState.NO_ANSWER, detail=_words(error))
            return
        try:
            secured = self._secured(context, plain, host)
        except ssl.SSLCertVerificationError as error:
            yield None, self._invalid(error, host, address)
        except OSError as error:  # also what ssl raises for a peer that speaks something else
            yield None, TlsFacts(TlsState.NO_ANSWER, address=address, detail=_words(error))
        else:
            with secured:
                yield secured, TlsFacts(TlsState.VALID, _not_after(secured), address)

    def _trusted(self) -> ssl.SSLContext:
        """Reading the authorities takes longer than a handshake, so one reading serves many hosts."""
        if self._trust is None:
            self._trust = ssl.create_default_context(cafile=self.ca_bundle)
        return self._trust

    def _connected(self, addresses: Sequence[str]) -> tuple[socket.socket, str]:
        """A connection to the first address that takes one; all share the time."""
        ends_at = monotonic() + self.connect
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                left = max(ends_at - monotonic(), 0.001)
                return socket.create_connection(self.routes.to(address, PORT), timeout=left), address
            except OSError as error:
                failure = error
        raise failure

    def _secured(self, context: ssl.SSLContext, plain: socket.socket, host: str) -> ssl.SSLSocket:
        plain.settimeout(self.read)
        try:
            return context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def _invalid(self, error: ssl.SSLCertVerificationError, host: str, address: str) -> TlsFacts:
        state = _STATES.get(error.verify_code, TlsState.UNTRUSTED)
        return TlsFacts(state, self._shown_until(host, address), address, error.verify_message)

    def _shown_until(self, host: str, address: str) -> datetime | None:
        """The end of a certificate that we refuse, read over a second connection that is used for nothing else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            plain, _ = self._connected([address])
            with self._secured(context, plain, host) as secured:
                shown = secured.getpeercert(binary_form=True)
            return x509.load_der_x509_certificate(shown).not_valid_after_utc if shown else None
        except (OSError, ValueError):
            return None


def _not_after(secured: ssl.SSLSocket) -> datetime | None:
    shown = secured.getpeercert() or {}
    text = shown.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(text)), UTC) if text else None


def _words(error: OSError) -> str:
    """Why there is no answer, without addresses or library details."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no TLS").lower().replace("_", " ")
    return error.strerror or "connection closed"
