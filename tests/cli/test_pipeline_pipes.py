"""Files of pipelines that come through a pipe."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.core.domains.yard import read

ROWS = b"pipeline,domain,role\nDE,c1.example,active\n"


def test_a_file_may_come_through_a_pipe(embedded: Cli, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(ROWS,))
    writer.start()
    assert embedded("pipelines", "import", str(pipe), "--apply") == 0
    writer.join()
    assert read("DE").active_domain == "c1.example"


def test_a_file_may_come_by_the_standard_input(embedded: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, ROWS)
    os.close(theirs)
    with os.fdopen(ours) as typed:
        monkeypatch.setattr("sys.stdin", typed)
        assert embedded("pipelines", "import", "-", "--apply") == 0
    assert read("DE").active_domain == "c1.example"


def test_a_pipe_without_end_is_read_as_far_as_a_file_may_reach(embedded: Cli) -> None:
    assert embedded("pipelines", "import", "/dev/zero") == 1
    assert "larger than 5 MB" in embedded.err
