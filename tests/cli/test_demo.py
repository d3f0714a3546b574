"""The demo as a newcomer starts it: visitors, money, and a tracking domain that fails over."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.servers.kept import free_ports
from cli.demo.run import _open_port
from config.settings import environment


@pytest.mark.slow
def test_a25_a_listed_host_is_left_and_campaigns_and_offers_follow_before_the_newcomers_eyes(tmp_path: Path) -> None:
    web, redirect = free_ports(2)
    words = ("up", "--demo", "--visits", "25", "--speed", "8", "--port", str(web), "--redirect-port", str(redirect))
    start = [sys.executable, "-c", "from cli.main import main; main()", *words]
    variables = {**environment(), "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(start, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = [line.removeprefix(">> ") for line in ended.stdout.splitlines() if line.startswith(">> ")]
    assert told[0].startswith("somebody reports go1.sandbox.test")
    assert told[1].startswith("SWITCHED  DE-sweeps: go1.sandbox.test -> go2.sandbox.test")
    assert "Telegram: operators are told" in told
    for platform in ("Voluum", "Affise"):
        [line] = [line for line in told if line.startswith(platform)]
        done, total = re.findall(r"\d+", line)[:2]
        assert int(total) == {"Voluum": 8, "Affise": 4}[platform]
        assert done == total
    assert "counted   paid" in ended.stdout
    short = [line for line in (ended.stdout + ended.stderr).splitlines() if "/r/" not in line]
    assert max(map(len, short)) < 80


def test_a_demo_takes_another_port_when_one_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert _open_port(taken) != taken
    assert _open_port(taken) == taken
    assert capsys.readouterr().err.count(f"port {taken} is in use") == 1
