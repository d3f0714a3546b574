"""Run server processes for a parent and end every one of them when the parent is gone, however it went.

Started as `python keeper.py DIRECTORY`. One JSON command per line on standard input, one JSON answer per line on
standard output; the end of input, or another parent, ends all processes and removes the directory.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 3.0


class Keeper:
    """The processes of one server; what they leave behind, such as a daemon, is adopted and ended too."""

    def __init__(self) -> None:
        self.started: dict[int, tuple[subprocess.Popen[bytes], int]] = {}

    def start(self, argv: list[str], env: dict[str, str], cwd: str, user: str | None, last_signal: int) -> int:
        identity: dict[str, Any] = {"user": user, "group": user_group(user), "extra_groups": []} if user else {}
        with Path(cwd, "output.log").open("ab") as log:
            process = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **identity,
            )
        self.started[process.pid] = (process, last_signal)
        return process.pid

    def status(self, pid: int) -> int | None:
        """The exit status, None while the process runs."""
        return self.started[pid][0].poll() if pid in self.started else -signal.SIGKILL

    def signal(self, pid: int, number: int) -> None:
        if pid in self.started:
            self.started[pid][0].send_signal(number)

    def end(self) -> None:
        """Kill everything at once, as a power cut would; orphans become our children, so the loop finds them."""
        self.started.clear()
        while True:
            for pid in child_pids():
                os.kill(pid, signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def farewell(self) -> None:
        """Let each server end in its own way for a moment (it frees shared memory), then kill what is left."""
        for process, last_signal in self.started.values():
            process.send_signal(last_signal)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and any(process.poll() is None for process, _ in self.started.values()):
            time.sleep(0.01)
        self.end()


def user_group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def child_pids() -> list[int]:
    """Our direct children that still run."""
    me = str(os.getpid())
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if running_child_of(me, path)]


def running_child_of(parent: str, path: Path) -> bool:
    try:
        state, ppid = path.read_text(errors="replace").rpartition(")")[2].split()[:2]
    except OSError:
        return False
    return ppid == parent and state != "Z"


def own_null(directory: str) -> None:
    """Put a writable null device over one that only root may write; kept.py gave us a mount namespace of our own."""
    if os.geteuid() == 0 and not Path("/dev/null").stat().st_mode & stat.S_IWOTH:
        device = Path(directory, "null")
        os.mknod(device, stat.S_IFCHR, os.makedev(1, 3))
        device.chmod(0o666)
        subprocess.run(["mount", "--bind", str(device), "/dev/null"], check=True)


def commands(parent: int) -> Iterator[dict[str, Any]]:
    """Yield commands until the input ends or, as a forked sibling may hold the pipe open, until the parent is gone."""
    while os.getppid() == parent:
        if select.select([sys.stdin.buffer], [], [], 0.5)[0]:
            line = sys.stdin.buffer.readline()
            if not line:
                return
            yield json.loads(line)


def serve(keeper: Keeper, parent: int) -> None:
    for command in commands(parent):
        name = command.pop("do")
        try:
            answer = {"value": getattr(keeper, name)(**command)}
        except (OSError, LookupError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


def main() -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keeper = Keeper()
    try:
        own_null(sys.argv[1])
        serve(keeper, parent)
    except BrokenPipeError:
        pass
    finally:
        keeper.farewell()
        shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
