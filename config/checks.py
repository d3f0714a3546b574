"""What makes a value of a setting usable, and the hint that goes with a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import SecretStr

HINTS = {
    "LINK_KEYS": "write it as 1:<64 hex digits>,2:<64 hex digits>; make one with `openssl rand -hex 32`",
    "DATA_KEYS": "write it as 1:<64 hex digits>; make one with `openssl rand -hex 32`",
    "IMPRESSION_TOKENS": "write it as server-1:<token>,server-2:<token>; make one with `openssl rand -hex 32`",
    "SAFETY_CALLBACK_SECRETS": "write it as kid:<secret>,kid:<secret>; make one with `openssl rand -hex 32`",
    "GSC_SERVICE_ACCOUNT": "the JSON key of a service account that is a user of each property, or the path of its file",
    "OPERATORS_MAIL": "for example ops@example.com,anna@example.com",
    "SMTP_URL": "for example smtp://user:password@mail.example.com:587",
    "FALLBACK_URL": "a page of yours for links that cannot be resolved, for example https://www.example.com/",
    "SETTLEMENT_CURRENCY": "three capital letters, for example USD",
    "DATABASE_URL": "for example postgresql://user:password@host:5432/signalbox, or leave it out for SQLite",
    "RABBITMQ_URL": "for example amqp://user:password@host:5672/vhost, or leave it out to run embedded",
    "DNS_UPSTREAMS": "for example system,1.1.1.1,8.8.8.8 or 127.0.0.1:5353",
    "TELEGRAM_WEBHOOK_URL": "for example https://signalbox.example.com/telegram; ports 443, 80, 88 and 8443 are called",
    "TELEGRAM_WEBHOOK_SECRET": "32 to 256 letters, digits, - and _; make one with `openssl rand -hex 32`",
    "SANDBOX_URL": "the address that `signalbox sandbox` prints as http",
    "TRUSTED_PROXIES": "a comma-separated list of networks, for example 10.0.0.0/8,2001:db8::/32",
    "ADLOAD_URL": "for example https://adload.example.com",
    "BOT_UA_FILE": "write one name per line in UTF-8, `#` starts a comment",
    "DATACENTER_FILE": "write one network per line, for example 198.51.100.0/24",
    "ALLOWLIST_NETS": "a comma-separated list of networks, for example 198.51.100.0/24",
}
_MIN_KEY_BYTES = 32
_WEBHOOK_PORTS = (80, 88, 443, 8443)
_SHORTEST_SECRET = 12
_ACCOUNT_FIELDS = ("client_email", "private_key", "token_uri")


def link_keys(value: str) -> None:
    """Accept `id:hex,id:hex` with ids 0 to 255 and secrets of at least 32 bytes that are not one repeated byte."""
    seen: set[int] = set()
    for item in value.split(","):
        _link_key(item.strip(), seen)


def _link_key(item: str, seen: set[int]) -> None:
    match = re.fullmatch(r"(\d{1,3}):([0-9a-fA-F]+)", item)
    if match is None or int(match[1]) > 255 or len(match[2]) % 2:
        raise ValueError("a key is not of the form id:hex")
    if int(match[1]) in seen:
        raise ValueError(f"key id {match[1]} is used twice")
    secret = bytes.fromhex(match[2])
    if len(secret) < _MIN_KEY_BYTES or len(set(secret)) == 1:
        raise ValueError(f"key {match[1]} is too short or a default; use 32 random bytes")
    seen.add(int(match[1]))


def named_tokens(value: str) -> dict[str, str]:
    """The tokens of `name:token,name:token` by token; each at least 32 characters, no name or token twice."""
    names: dict[str, str] = {}
    for item in value.split(","):
        name, _, token = item.strip().partition(":")
        if not name or len(token) < _MIN_KEY_BYTES:
            raise ValueError("a token is not of the form name:token with at least 32 characters")
        if token in names or name in names.values():
            raise ValueError(f"the name or the token of {name} is used twice")
        names[token] = name
    return names


def callback_secrets(value: str) -> dict[str, str]:
    """The secrets of `kid:secret,kid:secret` by their key ids; none empty, short or twice."""
    secrets: dict[str, str] = {}
    for item in value.split(","):
        kid, _, secret = item.strip().partition(":")
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", kid) or len(secret) < _SHORTEST_SECRET:
            raise ValueError(f"a secret is not of the form kid:secret with at least {_SHORTEST_SECRET} characters")
        if kid in secrets:
            raise ValueError(f"the key id {kid} is used twice")
        secrets[kid] = secret
    return secrets


def service_account(value: str) -> dict[str, Any]:
    """The key of a service account from its JSON or its file; the errors never quote it."""
    text = value.strip()
    try:
        found = orjson.loads(text if text.startswith("{") else Path(text).read_bytes())
    except OSError as error:
        raise ValueError(f"its file cannot be read ({error.strerror})") from None
    except ValueError:
        raise ValueError("is no JSON") from None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in _ACCOUNT_FIELDS):
        raise ValueError(f"is no key of a service account: {', '.join(_ACCOUNT_FIELDS)} are needed")
    return found


def networks(value: str) -> tuple[object, ...]:
    """Parse a comma-separated list of networks; a bare address is a network of one."""
    return tuple(ip_network(item.strip(), strict=False) for item in value.split(",") if item.strip())


def lines_of(path: Path) -> Path:
    """Refuse a file that a process could not read later."""
    _text_of(path)
    return path


def network_lines(path: Path) -> Path:
    """Refuse a file that is no list of networks, one per line, `#` starts a comment."""
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        try:
            networks(",".join(line.partition("#")[0].replace(",", " ").split()))
        except ValueError:
            raise ValueError(f"line {number} of {path} is no network") from None
    return path


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot read {path} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8") from None


def resolver_address(text: str) -> tuple[str, int]:
    """Address and port of a resolver from `address`, `address:port` or `[address]:port`; raises ValueError."""
    try:
        return str(ip_address(text)), 53
    except ValueError:
        pass
    try:
        parts = urlsplit(f"//{text}")
        return str(ip_address(parts.hostname or "")), parts.port or 53
    except ValueError:
        raise ValueError(f"{text!r} is no resolver; write system, an address, or address:port") from None


def scheme(value: SecretStr, *allowed: str) -> SecretStr:
    """Refuse a URL of another scheme; the URL may hold a password, so the text never repeats it."""
    for url in value.get_secret_value().split(","):
        if urlsplit(url.strip()).scheme not in allowed:
            raise ValueError(f"the address must start with {' or '.join(name + '://' for name in allowed)}")
    return value


def web_address(value: str) -> str:
    """Refuse anything but an absolute http or https address."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// address")
    return value


def private_address(value: str) -> str:
    """Refuse an address that would be spoken to in the clear over a network."""
    if urlsplit(web_address(value)).scheme == "http" and not is_near(value):
        raise ValueError("must start with https://; plain http is allowed to this machine and *.sandbox.test only")
    return value


def webhook_address(value: str) -> str:
    """Refuse an address that Telegram does not call."""
    parts = urlsplit(web_address(value))
    if not is_near(value) and (parts.scheme != "https" or (parts.port or 443) not in _WEBHOOK_PORTS):
        raise ValueError("must be an https:// address on one of the ports that Telegram calls")
    return value


def webhook_secret(value: SecretStr) -> SecretStr:
    """Refuse a secret that is short, or that Telegram does not take."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{32,256}", value.get_secret_value()):
        raise ValueError("is too short, or holds other characters")
    return value


def lacks_webhook(part: str) -> ValueError:
    """The refusal of a mode that needs more than is set."""
    name = f"TELEGRAM_WEBHOOK_{part}"
    return ValueError(f"{name}: required with TELEGRAM_MODE=webhook; {HINTS[name]}")


def mail_addresses(value: str) -> str:
    """Refuse anything but addresses separated by commas; the text names no address."""
    if not all(re.fullmatch(r"[^\s@,<>]{1,64}@[^\s@,<>]{1,253}", one.strip()) for one in value.split(",")):
        raise ValueError("must be e-mail addresses without names, separated by commas")
    return value


def is_near(url: str) -> bool:
    """Whether an address leads to this machine or to an imitated name."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".sandbox.test")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def currency(value: str) -> str:
    """Refuse anything but a three-letter currency code."""
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("must be three capital letters")
    return value


def timezone(value: str) -> str:
    """Refuse a zone that the time zone database does not know."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is not a known zone; use a name such as Europe/Paris") from error
    return value


SECRETS: dict[str, Callable[[str], object]] = {
    "link_keys": link_keys,
    "data_keys": link_keys,
    "impression_tokens": named_tokens,
    "safety_callback_secrets": callback_secrets,
    "gsc_service_account": service_account,
}
"""By setting: what raises ValueError for a secret that cannot be used."""
