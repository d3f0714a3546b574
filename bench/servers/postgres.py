"""A private PostgreSQL: own data, port and socket directory, as durable as in production unless asked otherwise."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg2

from bench.servers.databases import Databases
from bench.servers.kept import Kept, Server, ServerFailed, free_ports

MODES = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{directory}'
max_connections = 100
shared_buffers = 64MB
max_wal_size = 1GB
dynamic_shared_memory_type = mmap
fsync = {durable}
full_page_writes = {durable}
synchronous_commit = on
log_min_messages = warning
log_line_prefix = '%m [%p] %d '
timezone = 'UTC'
"""


class Postgres(Server):
    """A running server; its database `signalbox` is empty and belongs to the superuser of the URL.

    With `durable=False` commits outlive the death of the server, but not that of the machine.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._binaries = _binaries()
        super().__init__("PostgreSQL", Kept("pg", "postgres", "nobody"))
        self._durable = durable
        self._port = free_ports(1)[0]
        self._databases = Databases(self._url("postgres"))
        try:
            self._initialise()
            self.start()
            self.fresh_database(name="signalbox")
        except BaseException:
            self._kept.close()
            raise

    @property
    def url(self) -> str:
        return self._url("signalbox")

    @property
    def directory(self) -> Path:
        """The data directory."""
        return self._kept.directory / "data"

    def fresh_database(self, template: str = "template1", name: str | None = None) -> str:
        """The URL of a new database, a copy of the template."""
        return self._databases.fresh_database(template, name)

    def drop_database(self, url: str) -> None:
        self._databases.drop_database(url)

    def start(self) -> None:
        """Start and wait until it accepts connections, after a crash recovery if need be."""
        self._pid = self._kept.start([f"{self._binaries}/postgres", "-D", str(self.directory)], {}, signal.SIGQUIT)
        self._await(self._answers)

    def stop(self, mode: str = "fast") -> None:
        """Stop; `smart` waits for clients, `fast` cuts them, `immediate` skips the checkpoint."""
        self._kept.signal(self._pid, MODES[mode])
        self._kept.wait(self._pid, 180)

    def revive(self) -> None:
        """Start again if a test left it stopped."""
        if self._ended():
            self.start()

    def _url(self, database: str) -> str:
        return f"postgresql://signalbox:{self._password}@127.0.0.1:{self._port}/{database}"

    def _initialise(self) -> None:
        secret = self._kept.file("password", self._password)
        data = str(self._kept.folder("data"))
        options = [
            "--username=signalbox",
            f"--pwfile={secret}",
            "--auth=password",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        self._kept.run([f"{self._binaries}/initdb", "-D", data, *options, "--no-sync", "--no-instructions"])
        with (self.directory / "postgresql.conf").open("a") as configuration:
            durable = "on" if self._durable else "off"
            configuration.write(CONFIGURATION.format(port=self._port, directory=self._kept.directory, durable=durable))

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self._url("postgres"), connect_timeout=5).close()
        except psycopg2.OperationalError:
            return False
        return True


def _binaries() -> Path:
    """The newest installed version; Debian keeps each in a folder of its own and out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    others = [path for path in map(Path, ("/usr/local/pgsql/bin/initdb", "/usr/bin/initdb")) if path.exists()]
    if not found and not others:
        raise ServerFailed("PostgreSQL is not installed; run ops/bootstrap.sh postgresql")
    return (found or others)[-1].parent
