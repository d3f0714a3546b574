"""The canonical form of an address, and the host and path expressions under which a list may hold it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from publicsuffixlist import PublicSuffixList

from integrations.safe_browsing.hosts import canonical_host, is_address

MOST_SUFFIXES = 4
MOST_FOLDERS = 4
PREFIX_BYTES = 4
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(rb"\[[^\]]*\]?|[^:]*")
_CONTROLS = str.maketrans("", "", "\t\r\n")
_ESCAPED = re.compile(rb"[\x00-\x20\x7f-\xff#%]")
_HEX = b"0123456789abcdefABCDEF"


@dataclass(frozen=True, slots=True)
class Canonical:
    """An address in its one spelling; `query` is None without a question mark. An empty host means: no address."""

    scheme: str
    host: str
    path: str
    query: str | None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}" + ("" if self.query is None else f"?{self.query}")


def canonical(url: str) -> Canonical:
    """The canonical form of an address or a bare host; never raises, whatever the text is."""
    text = url.strip(" ").translate(_CONTROLS).partition("#")[0]
    found = _SCHEME.match(text)
    scheme, rest = (found["scheme"].lower(), found["rest"]) if found else ("http", text)
    before, mark, query = _unescaped(rest.encode("utf-8", "surrogatepass")).partition(b"?")
    authority, slash, path = before.partition(b"/")
    named = _HOST.match(authority.rpartition(b"@")[2])
    host = canonical_host(named[0] if named else b"")
    return Canonical(scheme, _escaped(host), _path(slash + path), _escaped(query) if mark else None)


def expressions(url: str) -> list[str]:
    """Up to five hosts times six paths, the exact address first; empty for what is no address."""
    found = canonical(url)
    if not found.host:
        return []
    pairs = [host + path for host in _hosts(found.host) for path in _paths(found)]
    return list(dict.fromkeys(pairs))


def full_hash(expression: str) -> bytes:
    """The 32 bytes under which a list holds an expression; its first 4 are the prefix."""
    return sha256(expression.encode("ascii")).digest()


def registrable(host: str) -> str | None:
    """The public suffix and one label before it; None for a public suffix, an IP address or a single label."""
    if is_address(host):
        return None
    found = _suffixes().privatesuffix(host)
    return found if isinstance(found, str) else None


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _unescaped(data: bytes) -> bytes:
    """Percent-decoded until nothing is left to decode, in one pass however deep the escapes are nested."""
    if b"%" not in data:
        return data
    done = bytearray()
    for byte in data:
        done.append(byte)
        while len(done) >= 3 and done[-3] == 0x25 and done[-2] in _HEX and done[-1] in _HEX:
            done[-3:] = bytes([int(done[-2:], 16)])
    return bytes(done)


def _escaped(data: bytes) -> str:
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], data).decode("ascii")


def _path(path: bytes) -> str:
    segments: list[bytes] = []
    last = b""
    for last in path.split(b"/"):
        if last == b"..":
            del segments[-1:]
        elif last not in (b"", b"."):
            segments.append(last)
    ending = b"/" if segments and last in (b"", b".", b"..") else b""
    return _escaped(b"/" + b"/".join(segments) + ending)


def _hosts(host: str) -> list[str]:
    base = registrable(host)
    if base is None or not host.endswith(base):
        return [host]
    labels = host.removesuffix(base).rstrip(".").split(".") if host != base else []
    shorter = [".".join([*labels[len(labels) - added :], base]) for added in range(min(len(labels), MOST_SUFFIXES))]
    return [host, *shorter]


def _paths(found: Canonical) -> list[str]:
    exact = [] if found.query is None else [f"{found.path}?{found.query}"]
    folders = found.path.split("/")[1:-1]
    parents = ["/" + "".join(f"{folder}/" for folder in folders[:depth]) for depth in range(MOST_FOLDERS)]
    return [*exact, found.path, *parents[: len(folders) + 1]]
