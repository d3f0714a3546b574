"""The command line as a whole: exit codes, suggestions, errors that name the fix."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from cli import session
from cli.errors import translate
from cli.main import run
from config.errors import PortTaken
from config.metrics import expose
from config.settings import get_settings
from tests.conftest import SettingsEnv


def test_an_unknown_command_suggests_the_nearest_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docter"]) == 2
    assert "doctor" in capsys.readouterr().err


def test_an_unknown_option_exits_with_2_and_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "--colour"]) == 2
    assert "--colour" in capsys.readouterr().err


def test_a_missing_setting_exits_with_3_and_names_the_variable_and_the_remedy(
    settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LINK_KEYS")
    get_settings.cache_clear()
    assert run(["migrate", "--check"]) == 3
    error = capsys.readouterr().err
    assert "LINK_KEYS" in error
    assert "openssl rand -hex 32" in error


def test_a_secret_in_a_wrong_setting_is_never_printed(
    settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://root:canary-7f3a@db/x")
    get_settings.cache_clear()
    assert run(["migrate"]) == 3
    captured = capsys.readouterr()
    assert "DATABASE_URL" in captured.err
    assert "canary-7f3a" not in captured.err + captured.out


def test_an_unreachable_database_exits_with_3_without_a_traceback(
    settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_env(DATABASE_URL="postgresql://nobody:canary-55@127.0.0.1:1/none")
    assert run(["migrate"]) == 3
    error = capsys.readouterr().err
    assert "the database does not answer" in error
    assert "Traceback" not in error
    assert "canary-55" not in error


def test_migrate_applies_then_reports_nothing_pending(
    settings_env: SettingsEnv, empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_env(DATABASE_URL=empty_database_url)
    assert run(["migrate", "--check", "--json"]) == 3
    pending = orjson.loads(capsys.readouterr().out)
    assert pending["schema"] == "signalbox.migrate/1"
    assert pending["items"]
    assert run(["migrate"]) == 0
    capsys.readouterr()
    assert run(["migrate", "--check", "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out)["items"] == []


def test_a_command_needs_a_migrated_database(
    settings_env: SettingsEnv, empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_env(DATABASE_URL=empty_database_url)
    assert run(["ip", "list"]) == 3
    assert "signalbox migrate" in capsys.readouterr().err


def test_config_hides_secrets(settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]) -> None:
    settings_env(ADLOAD_TOKEN="canary-token")
    assert run(["config", "--json"]) == 0
    out = capsys.readouterr().out
    assert "canary-token" not in out
    assert {"name": "LINK_TTL_SECONDS", "value": 7200} in orjson.loads(out)["items"]


def test_every_command_shows_examples_in_its_help() -> None:
    from typer.main import get_command

    from cli.main import app

    def leaves(command: Any) -> list[Any]:
        children = getattr(command, "commands", {})
        return [leaf for child in children.values() for leaf in leaves(child)] if children else [command]

    without = [leaf.name for leaf in leaves(get_command(app)) if "Examples:" not in (leaf.help or "")]
    assert without == []


def test_help_needs_neither_settings_nor_heavy_libraries() -> None:
    heavy = ["dramatiq", "peewee", "pika", "pydantic", "requests", "granian", "falcon", "apscheduler"]
    program = (
        "import sys; sys.argv=['signalbox','--help']\n"
        "from cli.main import run\n"
        "assert run(['--help']) == 0\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_folder_that_cannot_be_written_is_named(
    settings_env: SettingsEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_env()
    (tmp_path / "out").write_text("a file where a folder should be")
    monkeypatch.chdir(tmp_path)
    assert run(["up", "--demo"]) == 1
    assert capsys.readouterr().err.startswith("error: out/demo: Not a directory")


def test_a_port_in_use_is_named_with_the_option_that_chooses_another(
    settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_env()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["up", "--port", "0", "--redirect-port", str(port)]) == 1
    error = capsys.readouterr().err
    assert f"error: port {port} is in use by another program" in error
    assert "--redirect-port" in error
    assert "link-table" not in {thread.name for thread in threading.enumerate()}


def test_a_metrics_port_in_use_is_named(settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            expose(port)
    known = translate(refused.value)
    assert known is not None
    assert (known.what, known.hint) == (f"port {port} is in use by another program", "METRICS_PORT chooses another")


def test_the_doctor_does_not_send_to_the_doctor(settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]) -> None:
    settings_env(DATABASE_URL="postgresql://nobody:canary-55@127.0.0.1:1/none")
    assert run(["doctor", "--strict"]) == 4
    said = capsys.readouterr().out
    assert "is DATABASE_URL right?" in said
    assert "signalbox doctor" not in said


def test_what_a_command_logs_is_talk_and_bears_no_secret(
    settings_env: SettingsEnv, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_env()
    assert run(["migrate"]) == 0
    structlog.reset_defaults()
    with session.database():
        structlog.get_logger("product").warning("not_answered", url="https://a.example/?key=canary-91")
    said = capsys.readouterr()
    assert "not_answered" in said.err
    assert "not_answered" not in said.out
    assert "canary-91" not in said.err
