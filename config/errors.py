"""The error that start-up raises when the environment is not usable."""

from __future__ import annotations

from collections.abc import Sequence


class SettingsError(ValueError):
    """One line per wrong or missing variable: its name, what is wrong, what would be right; never a secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
