"""How clicks were taken in, as the redirect's own counters tell it: shown, never believed."""

from __future__ import annotations

import re
import urllib.request

_COUNT = re.compile(r'^signalbox_click_intake_seconds_count\{path="(\w+)"\} ([\d.e+]+)$', re.MULTILINE)


def intake_paths(port: int) -> dict[str, int]:
    """Clicks by path (queue, inline, spool) since the redirect was started."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return {path: int(float(count)) for path, count in _COUNT.findall(answer.read().decode())}
