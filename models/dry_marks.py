"""The mark on rows whose writes did not go out, because they were made in a dry run."""

from __future__ import annotations

MARK = "dry run: not written"
MARKED = "last_error like 'dry run:%%'"
"""For statements: whether a row bears the mark."""
FORGOTTEN = f"last_error = case when {MARKED} then null else last_error end"
"""For updates of rows that are tried anew."""


def marked(error: str | None) -> bool:
    """Whether what is stored as an error says that nothing was written."""
    return error is not None and error.startswith(MARK)
