"""The process behind `signalbox sandbox`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import requests


def test_it_prints_its_addresses_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    code = f"from pathlib import Path; from sandbox.main import run; run(port=0, journal=Path({str(journal)!r}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        addresses = orjson.loads(process.stdout.readline())
        assert requests.get(f"{addresses['adload']}/totals?day=2026-11-20", timeout=60).status_code == 200
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert orjson.loads(journal.read_bytes())["path"] == "/adload/totals"
