"""The registries: which one serves a zone, and what each knows about a domain."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sandbox.tenant import UnknownObject
from sandbox.wire import Answer, Request, json_answer
from sandbox.world import World

ZONE = "test"
RDAP_JSON = "application/rdap+json"
WAIT_SECONDS = "120"
_MANNERS = frozenset({"exp3d", "noexp", "hold", "404", "429"})


class Rdap:
    """`GET /rdap/dns.json` and `GET /rdap/domain/<name>`; a fact `rdap` or a label names the manner of a domain.

    Every domain below `.test` and below the zones of hosts that the control plane named is registered.
    """

    name = "rdap"

    def __init__(self, world: World) -> None:
        self._world = world

    def reset(self) -> None:
        """There is no state of its own."""

    def seed(self, seed: int, size: str) -> dict[str, int]:
        return {}

    def edit(self, object_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        raise UnknownObject("a domain is changed by POST /_sandbox/hosts")

    def state(self) -> dict[str, Any]:
        return {"zones": self._zones()}

    def view(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        raise UnknownObject(f"rdap has no list {name}")

    def answer(self, request: Request, path: str) -> Answer:
        if request.method == "GET" and path == "/dns.json":
            return self._bootstrap(request)
        first, _, domain = path[1:].partition("/")
        if request.method != "GET" or first != "domain" or not domain:
            return json_answer({"errorCode": 400, "title": "no such question"}, 400)
        return self._domain(domain.lower().rstrip("."))

    def _bootstrap(self, request: Request) -> Answer:
        base = f"http://{request.headers.get('host', '127.0.0.1')}/{self.name}/"
        return json_answer({"version": "1.0", "services": [[self._zones(), [base]]]})

    def _zones(self) -> list[str]:
        return sorted({ZONE, *(host.rpartition(".")[2] for host, _ in self._world.hosts)})

    def _domain(self, domain: str) -> Answer:
        manner = self._manner(domain)
        if manner == "429":
            return Answer(429, b"", RDAP_JSON, headers={"Retry-After": WAIT_SECONDS})
        if manner == "404" or domain.rpartition(".")[2] not in self._zones():
            return json_answer({"errorCode": 404, "title": "not found"}, 404)
        answer = json_answer(self._facts(domain, manner))
        return Answer(answer.status, answer.body, RDAP_JSON)

    def _manner(self, domain: str) -> str:
        words = [str(self._world.hosts.get(domain).get("rdap", "")), *domain.split(".")]
        return next((word for word in (word.removeprefix("rdap") for word in words) if word in _MANNERS), "")

    def _facts(self, domain: str, manner: str) -> dict[str, Any]:
        now = self._world.clock.now()
        events = [{"eventAction": "registration", "eventDate": _day(now - timedelta(days=700))}]
        if manner != "noexp":
            left = timedelta(days=3, hours=1) if manner == "exp3d" else timedelta(days=400)
            events.append({"eventAction": "expiration", "eventDate": _day(now + left)})
        return {
            "objectClassName": "domain",
            "ldhName": domain.upper(),
            "status": ["client hold" if manner == "hold" else "client transfer prohibited"],
            "nameservers": [{"objectClassName": "nameserver", "ldhName": "ns1.sandbox.test"}],
            "events": events,
        }


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
