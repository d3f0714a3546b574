"""The sandbox as a process of its own, and the pipelines of a run with campaigns and offers that use their domains."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import requests

from bench.servers.kept import until
from bench.system import System
from sandbox.ports import open_ports

CAMPAIGNS, OFFERS = 3, 2
CHAT = -1001000000001
_QUIET_PORTS = (20_000, 32_000)
_TRIES = 100
_FIRST_OFFER = 10_001


@dataclass(frozen=True, slots=True)
class Outside:
    """Where the sandbox is, and what its control plane does and says."""

    url: str

    def post(self, call: str, body: dict[str, Any]) -> None:
        """A control call; raises for a refusal."""
        requests.post(f"{self.url}/_sandbox/{call}", json=body, timeout=10).raise_for_status()

    def get(self, call: str) -> Any:
        """What a control call answers."""
        answer = requests.get(f"{self.url}/_sandbox/{call}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def furnish(self, number: int, domain: str) -> None:
        """Campaigns and offers that use a domain."""
        for place in range(CAMPAIGNS):
            wanted = {"preferredTrackingDomain": domain, "name": f"B {number} {place}", "namePostfix": str(place)}
            self.post("edit", {"service": "voluum", "id": f"{number:08x}{place:08x}{0:016x}", "set": wanted})
        for place in range(OFFERS):
            wanted = {"url": f"https://{domain}/c?clickid={{clickid}}", "trafficback_url": f"https://{domain}/tb"}
            offer = str(_FIRST_OFFER + number * OFFERS + place)
            self.post("edit", {"service": "affise", "id": offer, "set": {"status": "active", **wanted}})

    def campaigns_on(self, domain: str) -> int:
        """How many campaigns use a domain."""
        rows = self.get("state/voluum")["campaigns"]
        return sum(row["preferredTrackingDomain"] == domain for row in rows)

    def addresses_on(self, domain: str) -> int:
        """How many addresses of offers lead to a domain."""
        rows = self.get("state/affise")["offers"]
        return sum(row[field].startswith(f"https://{domain}/") for row in rows for field in ("url", "trafficback_url"))


def free_port() -> int:
    """A port with free ones above it, below those that the system gives to outgoing connections."""
    for first in random.sample(range(*_QUIET_PORTS, 10), _TRIES):
        try:
            ports = open_ports(first)
        except OSError:
            continue
        for each in (ports.http, ports.smtp, ports.tls, *(one for pair in ports.dns for one in pair)):
            each.close()
        return first
    raise RuntimeError("no run of free ports for the sandbox")


def variables(port: int, folder: Path) -> dict[str, str]:
    """Settings that lead to the sandbox; confirmations come soon, and no brake counts the switches of a bench."""
    return {
        "SANDBOX_URL": f"http://127.0.0.1:{port}", "CA_BUNDLE": str(folder / "authority.pem"),
        "SAFE_BROWSING_PROVIDER": "sandbox", "TELEGRAM_BOT_TOKEN": "1:bench", "TELEGRAM_CHAT_ID": str(CHAT),
        "CHECK_ACTIVE_LINKS_INTERVAL": "3", "CONFIRM_AFTER": "1", "DNS_CONFIRM_AFTER": "1", "SWITCH_COOL_DOWN": "0",
        "BLAST_RADIUS_MIN": "100000", "MAX_SWITCHES_PER_DAY": "1000",
    }  # fmt: skip


@contextmanager
def outside(system: System) -> Iterator[Outside]:
    """Start the sandbox among the commands of a system, and leave its authority where CA_BUNDLE says."""
    url = system.variables["SANDBOX_URL"]
    system.start("sandbox", "sandbox", "--port", url.rpartition(":")[2])
    system.wait_for_http("sandbox", f"{url}/_sandbox/clock")
    until(lambda: "tls_authority" in system.log("sandbox"), 10, lambda: RuntimeError("the sandbox told no address"))
    line = next(line for line in system.log("sandbox").splitlines() if line.startswith("{"))
    Path(system.variables["CA_BUNDLE"]).write_text(orjson.loads(line)["tls_authority"], encoding="ascii")
    sandbox = Outside(url)
    # what was clean a moment ago is asked again by the next sweep
    sandbox.post("edit", {"service": "gsb", "id": "settings", "set": {"cache_seconds": [1]}})
    yield sandbox
