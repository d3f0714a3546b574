"""`python -m bench all|clicks|drain|overhead [--short]`: run benches one after another, each prints its table."""

from __future__ import annotations

import sys
from collections.abc import Callable


def main(words: list[str]) -> int:
    """Run the benches named; exit code 1 when counts did not add up, 2 for an unknown name."""
    from bench import clicks, drain, overhead
    from bench.report import CountsDiffer

    short = "--short" in words
    benches: dict[str, Callable[[], object]] = {
        "clicks": lambda: clicks.main(10 if short else 60),
        "drain": lambda: drain.main(50_000 if short else 1_000_000),
        "overhead": lambda: overhead.main(4_000 if short else 20_000),
    }
    names = [word for word in words if not word.startswith("-")]
    if unknown := [name for name in names if name not in (*benches, "all")]:
        print(f"unknown bench {unknown[0]!r}; known are all, {', '.join(benches)}", file=sys.stderr)
        return 2
    try:
        for name in benches if "all" in names or not names else names:
            benches[name]()
    except CountsDiffer as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
