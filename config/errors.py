"""The errors that start-up raises when the environment is not usable."""

from __future__ import annotations

import errno
from collections.abc import Sequence


class SettingsError(ValueError):
    """One line per wrong or missing variable: its name, what is wrong, what would be right; never a secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PortTaken(OSError):
    """Another program listens on the port; `chosen_by` is the option or variable that chooses a different one."""

    def __init__(self, port: int, chosen_by: str) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} is in use by another program")
        self.port, self.chosen_by = port, chosen_by
