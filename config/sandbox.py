"""Where the sandbox listens, and which settings it stands in for when SANDBOX_URL names it."""

from __future__ import annotations

from urllib.parse import urlsplit

# ports above the one of its HTTP listener
DNS_OFFSETS = (1, 2, 3)
SMTP_OFFSET = 4
TLS_OFFSET = 5

# how the imitated checker signs its answers
CHECKER_KID = "sandbox"
CHECKER_SECRET = "sandbox-secret"  # noqa: S105  known to everybody, and good for nothing else


def place(url: str) -> tuple[str, int]:
    """Host and port of the HTTP listener."""
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    return ("127.0.0.1" if host == "localhost" else host), parts.port or 80


def stand_ins(url: str) -> dict[str, object]:
    """Values by setting; one that is set by itself keeps its own value."""
    host, port = place(url)
    base = url.rstrip("/")
    return {
        "dns_upstreams": ",".join(f"{host}:{port + offset}" for offset in DNS_OFFSETS),
        "canary_names": "canary-ok.sandbox.test,canary-two.sandbox.test",
        "canary_listed_url": "http://malware.canary.sandbox.test/",
        "canary_clean_url": "https://clean.canary.sandbox.test/",
        "rdap_bootstrap_url": f"{base}/rdap/dns.json",
        "gsc_base_url": f"{base}/gsc",
        "gsc_token_url": f"{base}/gsc/token",
        "safety_checker_url": f"{base}/checker",
        "safety_callback_secrets": f"{CHECKER_KID}:{CHECKER_SECRET}",
        "telegram_api_url": f"{base}/telegram",
        "voluum_base_url": f"{base}/voluum",
        "voluum_access_id": "sandbox-access-id",
        "voluum_access_key": "sandbox-access-key",
        "affise_base_url": f"{base}/affise",
        "affise_api_key": "sandbox-api-key",
    }
