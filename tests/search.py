"""How far properties are searched: a tenth of the way at the gate, the whole way in the proof."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import settings

WHOLE = bool(os.environ.get("PROOF"))
FIRST_SEED = int(os.environ.get("PROOF_SEED") or 1)
"""Where the proof begins to count the seeds of its histories; another number looks at others."""
_Test = TypeVar("_Test", bound=Callable[..., Any])


def examples(whole: int, gate: int | None = None) -> int:
    """How many examples to look at, where the proof looks at so many."""
    return whole if WHOLE else gate or max(20, whole // 10)


def seeds(whole: int, gate: int) -> range:
    """The seeds of that many histories, each of which can be told again by its number."""
    return range(FIRST_SEED, FIRST_SEED + whole) if WHOLE else range(1, 1 + gate)


def search(whole: int, **options: Any) -> Callable[[_Test], _Test]:
    """Look at so many examples in the proof, and at the first tenth of them at the gate."""

    def decorate(test: _Test) -> _Test:
        limited: _Test = settings(max_examples=examples(whole), deadline=None, **options)(test)
        marked: _Test = pytest.mark.search(limited)
        return marked

    return decorate
