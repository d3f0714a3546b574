"""`python -m bench all|NAME [--short]`: run benches one after another, each prints its table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

from config.settings import environment

# what a bench is called, and its size in full and in short
SIZES = {
    "clicks": (60, 10),
    "drain": (1_000_000, 50_000),
    "overhead": (20_000, 4_000),
    "growth": (10_000_000, 100_000),
    "aggregation": (5_000_000, 100_000),
    "archive": (5_000_000, 100_000),
    "domains": (20, 3),
}


def main(words: list[str]) -> int:
    """Run the benches named; exit code 1 when counts did not add up, 2 for an unknown name."""
    names = [word for word in words if not word.startswith("-")]
    if unknown := [name for name in names if name not in (*SIZES, "all")]:
        print(f"unknown bench {unknown[0]!r}; known are all, {', '.join(SIZES)}", file=sys.stderr)
        return 2
    short = "--short" in words
    if len(names) == 1 and names[0] in SIZES:
        return _run(names[0], short)
    return max(_in_its_own_process(name, short) for name in SIZES if name in names or "all" in names or not names)


def _run(name: str, short: bool) -> int:
    from bench.report import CountsDiffer

    bench: Callable[[int], object] = import_module(f"bench.{name}").main
    try:
        bench(SIZES[name][short])
    except CountsDiffer as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    return 0


def _in_its_own_process(name: str, short: bool) -> int:
    """A stage sets the environment of its process, which the peers read when they are imported."""
    command = [sys.executable, "-m", "bench", name, *(["--short"] if short else [])]
    return subprocess.run(command, env=environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
