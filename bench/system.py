"""The product under test: its real commands as child processes, their logs, their CPU time, and how to end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

from bench.servers.kept import until
from config.clock import monotonic
from config.settings import environment

_BROWSER_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class Command:
    """How a process is started, so that it can be started again."""

    arguments: tuple[str, ...]
    module: str
    variables: Mapping[str, str]

    def argv(self) -> list[str]:
        """The command line; `cli.main` is run as the installed script would."""
        if self.module == "cli.main":
            return [sys.executable, "-c", "from cli.main import main; main()", *self.arguments]
        return [sys.executable, "-m", self.module, *self.arguments]


@dataclass
class Process:
    """One started command."""

    name: str
    child: subprocess.Popen[bytes]
    command: Command
    started: float = field(default_factory=monotonic)

    @property
    def pid(self) -> int:
        """Process id of the command itself."""
        return self.child.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return monotonic() - self.started

    def cpu_seconds(self) -> float:
        """CPU time of the command and its children so far; 0 once it is gone."""
        try:
            process = psutil.Process(self.pid)
            family = [process, *process.children(recursive=True)]
            return sum(sum(item.cpu_times()[:2]) for item in family)
        except psutil.NoSuchProcess:
            return 0.0


@dataclass
class System:
    """A set of commands that share an environment; leaving the `with` block ends them all."""

    folder: Path
    variables: dict[str, str]
    processes: dict[str, Process] = field(default_factory=dict)

    def __enter__(self) -> System:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in list(self.processes.values()):
            self.stop(process.name)

    def start(
        self, name: str, *arguments: str, module: str = "cli.main", variables: Mapping[str, str] | None = None
    ) -> Process:
        """Start `python -m module arguments`; a session of its own, so that it can be killed whole."""
        return self._run(name, Command(arguments, module, variables or {}))

    def _run(self, name: str, command: Command) -> Process:
        with open(self.folder / f"{name}.log", "ab") as log:
            child = subprocess.Popen(
                command.argv(),
                env=environment() | self.variables | dict(command.variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = Process(name, child, command)
        return self.processes[name]

    def restart(self, ended: Process) -> Process:
        """Start the same command again."""
        return self._run(ended.name, ended.command)

    def kill9(self, name: str) -> bool:
        """SIGKILL to the command and everything it started; False if it had ended by itself."""
        process = self.processes.pop(name)
        ran = process.child.poll() is None
        if ran:
            os.killpg(process.pid, signal.SIGKILL)
        process.child.wait()
        return ran

    def stop(self, name: str, seconds: float = 30) -> int:
        """SIGTERM, then SIGKILL when it takes too long; its exit code."""
        process = self.processes.pop(name)
        if process.child.poll() is None:
            process.child.terminate()
            try:
                process.child.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        return process.child.wait()

    def alive(self, name: str) -> bool:
        """Whether this command still runs."""
        return name in self.processes and self.processes[name].child.poll() is None

    def log(self, name: str) -> str:
        """What the command printed, its last 4 kB."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4096:]

    def wait_for_http(self, name: str, url: str, seconds: float = 120) -> None:
        """Wait until the address answers 200; the failure shows the command's log."""
        until(lambda: _answers(url), seconds, lambda: RuntimeError(f"{name} does not answer {url}:\n{self.log(name)}"))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=_BROWSER_TIMEOUT) as answer:  # noqa: S310  our own loopback address
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        time.sleep(0.02)
        return False
