"""The sandbox as an object: a listener on loopback, served by a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

import orjson

from sandbox.adload.tenant import AdLoad
from sandbox.affise.tenant import Affise
from sandbox.app import App
from sandbox.checker.tenant import Checker
from sandbox.connection import Connection
from sandbox.gsc.tenant import SearchConsole
from sandbox.journal import Journal
from sandbox.mail.door import Door
from sandbox.mail.tenant import Mail
from sandbox.outside import Outside
from sandbox.ports import Ports, address_of, open_ports
from sandbox.rdap.tenant import Rdap
from sandbox.reputation.safe_browsing import SafeBrowsing
from sandbox.reputation.web_risk import WebRisk
from sandbox.telegram.tenant import Telegram
from sandbox.voluum.tenant import Voluum
from sandbox.wire import Request
from sandbox.world import World

OUTSIDE = (Rdap, SafeBrowsing, WebRisk, Voluum, Affise, Telegram, SearchConsole, Checker)
_Result = TypeVar("_Result")


class Refused(ValueError):
    """The control plane refused a call; the text names the field."""


class Sandbox:
    """`with Sandbox() as sandbox:` serves at `sandbox.url` until the block ends.

    `port` 0 picks free ones; the resolvers, SMTP and TLS have the five ports above it. `journal` is a file that
    receives every row, synced; `token` makes AdLoad ask for that bearer token; `latency_ms` delays every answer of a
    service.
    """

    def __init__(
        self,
        port: int = 0,
        seed: int = 1,
        journal: Path | str | None = None,
        latency_ms: float = 0,
        target: str = "http://127.0.0.1:8000",
        token: str | None = None,
    ) -> None:
        self._wanted_port = port
        self._journal_file = Path(journal) if journal else None
        self._latency_ms = latency_ms
        self._token = token
        self.world = World(seed, target)
        self.url = self.smtp_url = self.tls_address = ""
        self.dns_upstreams: tuple[str, ...] = ()

    def start(self) -> Self:
        """Listen and serve; raises OSError when the port is taken or the journal cannot be opened."""
        self._journal = Journal(self._journal_file)
        ports = self._listen()
        mail = Mail(self.world)
        self._app = App(
            self.world,
            [AdLoad(self.world, self._token), mail, *(service(self.world) for service in OUTSIDE)],
            self._journal,
            self._latency_ms,
        )
        self._live: set[Connection] = set()
        self._doors: set[Door] = set()
        self._loop = asyncio.new_event_loop()
        serving = self._loop.create_server(lambda: Connection(self._app, self._live), sock=ports.http)
        self._server = self._loop.run_until_complete(serving)
        opening = self._loop.create_server(lambda: Door(mail, self._journal, self._doors), sock=ports.smtp)
        self._mail_server = self._loop.run_until_complete(opening)
        self._outside = Outside(self.world, self._journal)
        self._loop.run_until_complete(self._outside.listen(ports))
        self._thread = Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        self._thread.start()
        return self

    def _listen(self) -> Ports:
        try:
            ports = open_ports(self._wanted_port)
        except OSError:
            self._journal.close()
            raise
        self.url, self.smtp_url = f"http://{address_of(ports.http)}", f"smtp://{address_of(ports.smtp)}"
        self.dns_upstreams = tuple(address_of(streams) for _, streams in ports.dns)
        self.tls_address = address_of(ports.tls)
        return ports

    def stop(self) -> None:
        """Cut every connection and close; the rows are on disk afterwards."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._journal.close()

    async def _shut(self) -> None:
        self._server.close()
        self._mail_server.close()
        self._outside.close()
        self.world.calls.cancel()
        for connection in list(self._live):
            connection.abort()
        for door in list(self._doors):
            door.abort()
        # An aborted connection is lost, and its task cancelled, in the following turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def adload_url(self) -> str:
        return f"{self.url}/adload"

    @property
    def rdap_url(self) -> str:
        """The bootstrap file of the registries."""
        return f"{self.url}/rdap/dns.json"

    @property
    def authority_pem(self) -> str:
        """The authority that signed the certificates of the TLS listener, for CA_BUNDLE."""
        return self._outside.certificates.authority_pem

    def addresses(self) -> dict[str, str]:
        """Every address, for the line that `signalbox sandbox` prints."""
        return {
            "http": self.url,
            "control": f"{self.url}/_sandbox",
            "dns": ",".join(self.dns_upstreams),
            "smtp": self.smtp_url,
            "tls": self.tls_address,
            "tls_authority": self.authority_pem,
            "rdap": self.rdap_url,
            "adload": self.adload_url,
            "adload_rpc": f"{self.adload_url}/rpc",
            "target": self.world.target,
        }

    def control(self, method: str, call: str, body: object = None) -> Any:
        """A control call without HTTP, e.g. `control("POST", "faults", rule)`; raises Refused."""
        path, _, query = call.partition("?")
        payload = b"" if body is None else orjson.dumps(body)
        request = Request(method, f"/_sandbox/{path}", query, {}, payload, keep_alive=True)
        answer = self._on_loop(lambda: self._app.control.answer(request))
        if answer.status >= 400:
            raise Refused(answer.body.decode())
        return orjson.loads(answer.body) if answer.body else None

    def _on_loop(self, work: Callable[[], _Result]) -> _Result:
        """The state belongs to the loop's thread: run there, wait here."""

        async def call() -> _Result:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(timeout=10)

    def fault(self, service: str, action: dict[str, Any], **rule: Any) -> str:
        """Add a fault rule (`match`, `after`, `times`, `probability`); its id."""
        added: dict[str, str] = self.control("POST", "faults", {"service": service, "action": action, **rule})
        return added["id"]

    def edit(self, service: str, object_id: str, **changes: Any) -> dict[str, Any]:
        """Change an object as a stranger would."""
        edited: dict[str, Any] = self.control("POST", "edit", {"service": service, "id": object_id, "set": changes})
        return edited

    def host(self, host: str, **facts: Any) -> dict[str, Any]:
        """Decide facts about a host, such as `listed=["MALWARE"]` or `dns="nx"`; all its facts."""
        known: dict[str, Any] = self.control("POST", "hosts", {"host": host, **facts})
        return known

    def edit_later(self, service: str, object_id: str, when: str, **changes: Any) -> None:
        """Change an object as a stranger would, in the middle of what the product does with it."""
        self.control("POST", "edit", {"service": service, "id": object_id, "set": changes, "when": when})

    def journal(self, service: str | None = None) -> list[dict[str, Any]]:
        """The rows so far, oldest first."""
        rows: list[dict[str, Any]] = self.control("GET", "journal" + (f"?service={service}" if service else ""))["rows"]
        return rows

    def ledger(self) -> list[dict[str, Any]]:
        """AdLoad's charges, oldest first."""
        charges: list[dict[str, Any]] = self.control("GET", "adload/ledger")["charges"]
        return charges

    def letters(self) -> list[dict[str, Any]]:
        """Mail that was delivered, oldest first."""
        found: list[dict[str, Any]] = self.control("GET", "mail/letters")["letters"]
        return found

    def reset(self) -> None:
        """State, fault rules, clock and journal as after the start."""
        self.control("POST", "reset")
        self.control("DELETE", "journal")
