"""Saturating load over HTTP with wrk: prepared requests, 128 connections, answers and latencies counted."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.world import BROWSER, Visit

_SCRIPT = f"""
local lines, next = {{}}, 0
function init(args)
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
end
function request()
  next = next % #lines + 1
  local path, address = lines[next]:match("^(%S+) (%S+)$")
  return "GET " .. path .. " HTTP/1.1\\r\\nHost: bench\\r\\nX-Forwarded-For: " .. address ..
    "\\r\\nUser-Agent: {BROWSER}\\r\\n\\r\\n"
end
function response(status)
  if status ~= 302 then bad = (bad or 0) + 1 end
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout, summary.errors.status,
    latency:percentile(50), latency:percentile(99)))
end
"""
_RESULT = re.compile(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: answers, seconds, failures, latencies in milliseconds."""

    answers: int
    seconds: float
    failures: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds


def write_requests(path: Path, visits: Iterable[Visit]) -> int:
    """Save one line per request; how many."""
    number = 0
    with path.open("w", encoding="ascii") as file:
        for number, visit in enumerate(visits, 1):  # noqa: B007  the last number is the count
            file.write(f"{visit.path} {visit.address}\n")
    return number


def run(url: str, requests: Path, *, seconds: int, connections: int = 128) -> Load:
    """Send the requests round and round for so many seconds."""
    script = requests.with_suffix(".lua")
    script.write_text(_SCRIPT, encoding="ascii")
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "10s",
        "-s",
        str(script),
        url,
        "--",
        str(requests),
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = _RESULT.search(output)
    if found is None:
        raise RuntimeError(f"wrk gave no result: {output}")
    answers, micros, broken, status, p50, p99 = (int(value) for value in found.groups())
    return Load(answers, micros / 1e6, broken + status, p50 / 1000, p99 / 1000)
