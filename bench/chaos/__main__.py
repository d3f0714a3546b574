"""`python -m bench.chaos [run|list]`: the proof by killing; without words the full profile runs.

Exit codes: 0 every promise held, 1 no verdict, 2 wrong words, 3 a server is missing, 4 a goal was missed,
6 an invariant was broken.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.chaos.profiles import PROFILES
from bench.chaos.results import Result, evaluate, save, show
from bench.chaos.run import NoVerdict, Trial
from bench.chaos.scenarios import BROKEN, SCENARIOS, Scenario
from bench.servers.kept import ServerFailed
from bench.stage import Ground, Servers, embedded_stage, servers, staged
from config.clock import monotonic, now

OK, NO_VERDICT, USAGE, MISSING, GOAL_MISSED, BROKEN_INVARIANT = 0, 1, 2, 3, 4, 6
_ALL = SCENARIOS | BROKEN


def main(words: Sequence[str]) -> int:
    """Run what the words ask for; the exit code."""
    options = _parser().parse_args(words)
    if options.what == "list":
        for scenario in _ALL.values():
            print(f"{scenario.name:<28} {scenario.says}")
        return OK
    names = options.scenario.split(",") if options.scenario else list(SCENARIOS)
    unknown = [name for name in names if name not in _ALL]
    if unknown:
        print(f"unknown scenario {unknown[0]!r}; known are {', '.join(_ALL)}", file=sys.stderr)
        return USAGE
    return _run(names, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("run", "list"), default="run")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="full")
    parser.add_argument("--scenario", default="", help="names, separated by commas; default: all")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--out", type=Path, default=None)
    return parser


def _run(names: Sequence[str], options: argparse.Namespace) -> int:
    out = options.out or Path("out") / f"chaos-{now():%Y%m%d-%H%M%S}"
    out.mkdir(parents=True, exist_ok=True)
    begun, results = monotonic(), []
    try:
        with ExitStack() as stack:
            needed = any(not _ALL[name].embedded for name in names)
            kept = stack.enter_context(servers()) if needed else None
            for name in names:
                print(f"{name}: {_ALL[name].says} …", flush=True)
                results.append(_attempt(_ALL[name], kept, out / name, options))
                save(out, results, options.seed, options.profile, monotonic() - begun)
                print(f"{name}: {results[-1].word()}", flush=True)
    except ServerFailed as error:
        print(f"a server is missing: {error}", file=sys.stderr)
        return MISSING
    show(results, f"chaos {options.profile}, seed {options.seed}: {out}")
    return _code(results)


def _attempt(scenario: Scenario, kept: Servers | None, folder: Path, options: argparse.Namespace) -> Result:
    """Run and judge one scenario; whatever goes wrong on the way is no verdict, never a pass."""
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier run with the same name
    folder.mkdir(parents=True)
    size = PROFILES[options.profile][scenario.name]
    begun = monotonic()
    try:
        trial = Trial(scenario.name, options.seed, size, _ground(scenario, kept, folder.resolve()), folder.resolve())
        scenario.run(trial)
        result = evaluate(trial, scenario)
    except (NoVerdict, RuntimeError, OSError) as error:
        result = Result(scenario.name, valid=False, error=f"{type(error).__name__}: {error}")
    result.took_s = round(monotonic() - begun, 1)
    return result


def _ground(scenario: Scenario, kept: Servers | None, folder: Path) -> Ground:
    if scenario.embedded:
        return embedded_stage(folder, **scenario.variables(folder))
    assert kept is not None
    kept.database.revive()
    kept.broker.revive()
    return staged(kept, folder, **scenario.variables(folder))


def _code(results: Sequence[Result]) -> int:
    if any(result.violations for result in results):
        return BROKEN_INVARIANT
    if not all(result.valid for result in results):
        return NO_VERDICT
    return GOAL_MISSED if any(result.missed_goals for result in results) else OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
