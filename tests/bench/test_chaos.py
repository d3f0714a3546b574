"""The proof in small: the same scenarios as `make proof`, with the numbers of the quick profile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.chaos.__main__ import BROKEN_INVARIANT, OK, USAGE, main
from bench.chaos.profiles import PROFILES
from bench.chaos.scenarios import BROKEN, SCENARIOS

PROMISED = ("clicks-kill9", "books-kill9", "embedded-kill9", "redirect-kill9")


def run(scenarios: tuple[str, ...], out: Path) -> tuple[int, str, dict[str, dict[str, Any]]]:
    """Exit code, output, and the scenarios of result.json by name."""
    words = ("run", "--profile", "quick", "--seed", "42", "--scenario", ",".join(scenarios), "--out", str(out))
    ended = subprocess.run([sys.executable, "-m", "bench.chaos", *words], check=False, capture_output=True, text=True)
    output = ended.stdout + ended.stderr
    assert (out / "result.json").exists(), output
    results = orjson.loads((out / "result.json").read_bytes())["scenarios"]
    return ended.returncode, output, {result["name"]: result for result in results}


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, dict[str, dict[str, Any]]]:
    """One run of all promised scenarios; they share their servers."""
    return run(PROMISED, tmp_path_factory.mktemp("chaos"))


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.parametrize("name", PROMISED)
def test_no_click_is_lost_doubled_or_misjudged_whatever_is_killed(
    proof: tuple[int, str, dict[str, dict[str, Any]]], name: str
) -> None:
    _, output, results = proof
    result = results[name]
    assert result["valid"], output
    assert result["violations"] == {}, output
    assert result["clicks"]["attempted"] == PROFILES["quick"][name].clicks
    assert result["faults"]["kill9"] == PROFILES["quick"][name].kills


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.rabbitmq
def test_a_build_that_acknowledges_before_it_works_is_caught(tmp_path: Path) -> None:
    code, output, results = run(("ack-first",), tmp_path)
    assert code == BROKEN_INVARIANT, output
    assert "I1 lost" in results["ack-first"]["violations"]
    assert results["ack-first"]["still_waiting"] == {}
    assert "LOST visit" in output


def test_every_scenario_has_a_size_in_every_profile() -> None:
    for sizes in PROFILES.values():
        assert set(sizes) == set(SCENARIOS | BROKEN)


def test_an_unknown_scenario_is_refused_with_the_names_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--scenario", "clicks-kill10"]) == USAGE
    assert "clicks-kill9" in capsys.readouterr().err


def test_the_list_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == OK
    listed = capsys.readouterr().out
    assert all(name in listed for name in SCENARIOS | BROKEN)
