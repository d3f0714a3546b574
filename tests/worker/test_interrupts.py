"""What a run under a time limit leaves behind in its process."""

from __future__ import annotations

import subprocess
import sys

TRACED = """
import sys
from worker.interrupts import Interrupts
Interrupts().run(60, False, lambda: None)
sys.settrace(lambda *_: None)
(lambda: None)()
"""


def test_after_a_run_the_process_can_be_traced_or_debugged() -> None:
    subprocess.run([sys.executable, "-c", TRACED], check=True, timeout=60)
