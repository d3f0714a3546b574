"""Encrypts what only we may read (payout details, codes, links in waiting mail); hashes addresses that are erased."""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import TYPE_CHECKING

from config.settings import get_settings

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_SEAL = b"signalbox seal 1"
_HASH = b"signalbox actor hash 1"


class SealBroken(ValueError):
    """A sealed text that none of the keys opens: the key is gone from DATA_KEYS, or the text was changed."""

    def __init__(self) -> None:
        super().__init__("none of the keys in DATA_KEYS opens this; restore the key that sealed it")


class SealUnavailable(LookupError):
    """There is nothing to seal with."""

    def __init__(self) -> None:
        super().__init__("DATA_KEYS is not set; write it as 1:<64 hex digits>, made with `openssl rand -hex 32`")


def available() -> bool:
    """True when DATA_KEYS is set, so that details can be kept at all."""
    return get_settings().data_keys is not None


def seal(text: str) -> str:
    """The text, encrypted with the first key; two seals of one text differ. Raises SealUnavailable without keys."""
    return _fernet().encrypt(text.encode()).decode()


def unseal(text: str) -> str:
    """What was sealed, with whichever key; raises SealBroken, or SealUnavailable without keys."""
    from cryptography.fernet import InvalidToken

    try:
        return _fernet().decrypt(text.encode()).decode()
    except InvalidToken:
        raise SealBroken from None


def actor_hash(net: str) -> bytes:
    """32 bytes that stand for an erased network: equal for equal networks, and nobody without the key gets back."""
    return hmac.digest(hash_key(), net.encode(), "sha256")


def hash_key() -> bytes:
    """The key of `actor_hash`, from the oldest key: a rotation puts new keys in front and leaves hashes comparable."""
    settings = get_settings()
    keys = settings.data_keys or settings.link_keys
    return _derived(_secrets(keys.get_secret_value())[-1], _HASH)


def _fernet() -> MultiFernet:
    keys = get_settings().data_keys
    if keys is None:
        raise SealUnavailable
    return _made(keys.get_secret_value())


@lru_cache(maxsize=4)
def _made(keys: str) -> MultiFernet:
    from base64 import urlsafe_b64encode

    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(urlsafe_b64encode(_derived(secret, _SEAL))) for secret in _secrets(keys)])


def _secrets(keys: str) -> list[bytes]:
    return [bytes.fromhex(item.strip().partition(":")[2]) for item in keys.split(",")]


@lru_cache(maxsize=16)
def _derived(secret: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, None, purpose).derive(secret)
