"""The command tree grows by what is named: a command imports its own module, and no library it has no use for."""

from __future__ import annotations

import gc
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
import typer
from typer.main import get_group

from cli import reference
from cli.commands import MODULES
from cli.main import run
from tests.conftest import SettingsEnv
from worker.broker import load_actors

HEAVY = (
    "apscheduler", "cryptography", "dns", "dramatiq", "falcon", "google", "granian", "pika", "prometheus_client",
    "publicsuffixlist", "requests", "rich", "structlog", "telebot", "urllib3",
)  # fmt: skip
UNKNOWN_CLICK = "0197a3c4-7c00-7000-8000-000000000001"
PROGRAM = f"""
import sys
from cli.main import run
code = run(sys.argv[1:])
print(code, *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


def loaded(*words: str) -> tuple[int, list[str]]:
    """The exit code of a command in a process of its own, and the heavy libraries it imported."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True)
    code, *names = done.stderr.splitlines()[-1].split()
    return int(code), names


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("pipelines list --json", 0),
        ("domains spares", 0),
        ("stats --json", 0),
        ("traffic", 0),
        (f"clicks explain {UNKNOWN_CLICK}", 1),
        ("payouts list", 0),
        ("ip list", 0),
        ("audit list --json", 0),
        ("tasks --json", 0),
        ("docs tasks", 0),
        ("pipelines switch --help", 0),
        ("pipelines lst", 2),
    ],
)
def test_a_command_that_only_reads_imports_no_heavy_library(sqlite_database: Any, command: str, code: int) -> None:
    assert loaded(*command.split()) == (code, [])


def test_a_database_without_tables_is_told_as_lightly(settings_env: SettingsEnv) -> None:
    assert loaded("pipelines", "list") == (3, [])


def test_what_a_command_loads_late_logs_as_everything_does(sqlite_database: Any) -> None:
    program = "from cli.session import database\nwith database():\n import structlog\n print(structlog.is_configured())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize(("command", "patient"), [("tasks", True), ("web --help", False), ("nonsense", True)])
def test_garbage_is_looked_for_seldom_but_in_commands_that_stay(command: str, patient: bool) -> None:
    program = (
        "import atexit, gc; atexit.register(lambda: print(gc.get_threshold()[0]))\nfrom cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == (2 if command == "nonsense" else 0)
    assert (int(done.stdout.splitlines()[-1]) > gc.get_threshold()[0]) is patient


@pytest.mark.parametrize("module_name", sorted(set(MODULES.values())))
def test_the_tree_names_every_command_of_a_module_in_its_order(module_name: str) -> None:
    module = import_module(f"cli.{module_name}")
    listed = [name for name, home in MODULES.items() if home == module_name]
    if not hasattr(module, "register"):
        assert len(listed) == 1
        return
    part = typer.Typer()
    module.register(part)
    assert list(get_group(part).commands) == listed


@pytest.mark.parametrize(
    ("line", "answers"),
    [("signalbox pip", ["pipelines"]), ("signalbox pipelines sw", ["switch"]), ("signalbox docs sta", ["states"])],
)
def test_a_shell_completes_commands_subcommands_and_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, answers: list[str]
) -> None:
    monkeypatch.setenv("_SIGNALBOX_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    with pytest.raises(SystemExit) as ended:
        run([])
    assert ended.value.code == 0
    assert capsys.readouterr().out.split() == answers


def test_what_a_task_does_is_what_its_actor_says() -> None:
    first_lines = {name: (actor.fn.__doc__ or "").partition("\n")[0] for name, actor in load_actors().items()}
    assert reference.summaries() == first_lines
