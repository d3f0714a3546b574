"""An authority of its own and certificates of every kind a visitor may meet."""

from __future__ import annotations

import ssl
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sandbox.world import Clock

VALID_DAYS = {"valid": 90, "3d": 3, "expired": -2, "wrong": 90, "self": 90}
_BEFORE = timedelta(days=30)
_LIFE = timedelta(days=120)


class Certificates:
    """Contexts for a server by name and kind; they follow the sandbox's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = generate_private_key(SECP256R1())
        self._name = _subject("Sandbox authority")
        now = clock.now()
        self._authority = (
            _certificate(self._name, self._name, self._key, now - _BEFORE, now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, SHA256())
        )
        self._contexts: dict[tuple[str, str, timedelta], ssl.SSLContext] = {}
        self._resets = clock.resets

    @property
    def authority_pem(self) -> str:
        """The authority's certificate, for CA_BUNDLE."""
        return self._authority.public_bytes(Encoding.PEM).decode()

    def context(self, host: str, kind: str) -> ssl.SSLContext:
        """What a server shows for a host; `kind` is one of VALID_DAYS."""
        if self._resets != self._clock.resets:
            self._contexts.clear()
            self._resets = self._clock.resets
        wanted = (host, kind, self._clock.offset)
        if wanted not in self._contexts:
            self._contexts[wanted] = self._made(host, kind)
        return self._contexts[wanted]

    def _made(self, host: str, kind: str) -> ssl.SSLContext:
        key = generate_private_key(SECP256R1())
        name = "other.sandbox.test" if kind == "wrong" else host
        until = self._clock.now() + timedelta(days=VALID_DAYS[kind], minutes=5)
        alone = kind == "self"
        issuer = _subject(name) if alone else self._name
        built = (
            _certificate(_subject(name), issuer, key, until - _LIFE, until)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key((key if alone else self._key).public_key()),
                critical=False,
            )
        )
        return _served(built.sign(key if alone else self._key, SHA256()), key)


def _served(shown: x509.Certificate, key: EllipticCurvePrivateKey) -> ssl.SSLContext:
    """The standard library loads a key from a file only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(secret + shown.public_bytes(Encoding.PEM))
        context.load_cert_chain(path)
    return context


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(name: str) -> x509.Name:
    """A common name has room for 64 characters; what counts is the alternative name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
