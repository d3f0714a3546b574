"""A directory and processes that are certain to end with this process; see keeper.py for how."""

from __future__ import annotations

import itertools
import json
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import psutil

KEEPER = Path(__file__).with_name("keeper.py")
FIRST_PORT, FEWEST_PORTS = 10_240, 10_000
PORTS_OF_A_PROCESS = 64
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ServerFailed(RuntimeError):
    """The server did not come up, or ended by itself; the message ends with the tail of its output."""


class Kept:
    """One server's directory and processes, run as an unprivileged user when we are root."""

    def __init__(self, name: str, *users: str) -> None:
        self.user = next((user for user in users if _exists(user)), None) if os.geteuid() == 0 else None
        self.directory = Path(tempfile.mkdtemp(prefix=f"signalbox-{name}-"))
        if self.user:
            shutil.chown(self.directory, self.user)
        self._lock = threading.Lock()
        keeper = subprocess.Popen(
            [*_own_mounts(), sys.executable, "-I", str(KEEPER), str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._keeper = keeper
        self._commands, self._answers = cast("IO[bytes]", keeper.stdin), cast("IO[bytes]", keeper.stdout)

    @property
    def keeper_pid(self) -> int:
        return self._keeper.pid

    def cpu_seconds(self) -> float:
        """CPU time of the running processes so far; one that ends meanwhile counts no more."""
        spent = 0.0
        for process in psutil.Process(self.keeper_pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                spent += sum(process.cpu_times()[:2])
        return spent

    def folder(self, name: str) -> Path:
        """A new folder inside the directory that the server may write to."""
        path = self.directory / name
        path.mkdir(mode=0o700)
        return self._own(path)

    def file(self, name: str, text: str) -> Path:
        """A file inside the directory that only the server may read."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return self._own(path)

    def start(self, argv: list[str], env: Mapping[str, str], last_signal: int) -> int:
        """Start a process, return its id; `last_signal` ends it when we are gone."""
        environment = {"PATH": PATH, "HOME": str(self.directory), "LANG": "C.UTF-8", **env}
        command = {"argv": argv, "env": environment, "cwd": str(self.directory), "user": self.user}
        return int(self._call("start", **command, last_signal=last_signal))

    def run(self, argv: list[str], seconds: float = 180) -> None:
        """Run a command to its end; raises ServerFailed unless it succeeds."""
        if self.wait(self.start(argv, {}, 9), seconds) != 0:
            raise self.failed(f"{argv[0]} failed")

    def status(self, pid: int) -> int | None:
        """The exit status of a started process, None while it runs."""
        status: int | None = self._call("status", pid=pid)
        return status

    def wait(self, pid: int, seconds: float) -> int:
        """The exit status of a started process; raises ServerFailed when it takes longer."""
        until(lambda: self.status(pid) is not None, seconds, lambda: self.failed("a process does not end"))
        return self.status(pid) or 0

    def signal(self, pid: int, number: int) -> None:
        self._call("signal", pid=pid, number=int(number))

    def kill_all(self) -> None:
        """SIGKILL to every process at once, as a power cut would."""
        self._call("end")

    def failed(self, what: str) -> ServerFailed:
        log = self.directory / "output.log"
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        return ServerFailed(f"{what}\n{tail}")

    def close(self) -> None:
        """End everything and remove the directory."""
        self._commands.close()
        self._keeper.wait(30)
        self._answers.close()

    def _own(self, path: Path) -> Path:
        if self.user:
            shutil.chown(path, self.user)
        return path

    def _call(self, name: str, **arguments: Any) -> Any:
        with self._lock:
            self._commands.write(json.dumps({"do": name, **arguments}).encode() + b"\n")
            self._commands.flush()
            answer = json.loads(self._answers.readline() or b'{"error": "the keeper is gone"}')
        if "error" in answer:
            raise self.failed(answer["error"])
        return answer["value"]


class Server:
    """A server for ourselves: its directory and processes, and the password of its user."""

    def __init__(self, name: str, kept: Kept) -> None:
        self._name = name
        self._kept = kept
        self._password = secrets.token_hex(16)
        self._pid = 0

    @property
    def pid(self) -> int:
        """The id of its first process."""
        return self._pid

    def kill9(self) -> None:
        """Kill all its processes at once, as a power cut would."""
        self._kept.kill_all()

    kill = kill9

    def cpu_seconds(self) -> float:
        """CPU time of its processes so far."""
        return self._kept.cpu_seconds()

    def close(self) -> None:
        self._kept.close()

    def _ended(self) -> bool:
        return self._kept.status(self._pid) is not None

    def _await(self, answers: Callable[[], bool]) -> None:
        """Wait until it answers; raises ServerFailed when it ends or takes three minutes."""

        def ready() -> bool:
            if self._ended():
                raise self._kept.failed(f"{self._name} ended by itself")
            return answers()

        until(ready, 180, lambda: self._kept.failed(f"{self._name} does not answer"))


def until(ready: Callable[[], bool], seconds: float, failure: Callable[[], Exception]) -> None:
    """Wait until something holds; raises the given failure after so many seconds."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise failure()
        time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    """Loopback ports that are free, all different, and will be: no connection and no other process is given them."""
    return list(islice(filter(_is_free, _own_ports), count))


def _our_ports() -> Iterator[int]:
    """Those below the ones that the system gives away, from a place of this process on."""
    given_away = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    count = max(given_away - FIRST_PORT, FEWEST_PORTS)
    for number in itertools.count(os.getpid() * PORTS_OF_A_PROCESS):
        yield FIRST_PORT + number % count


_own_ports = _our_ports()


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _own_mounts() -> list[str]:
    # some sandboxes keep /dev/null for root; the keeper replaces it, visible to its own processes only
    shared = os.geteuid() != 0 or Path("/dev/null").stat().st_mode & stat.S_IWOTH
    return [] if shared else ["unshare", "--mount", "--propagation", "private"]
