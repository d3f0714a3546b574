"""A process that archives what is due and tells of every statement before it runs it; it waits for a word each time."""

from __future__ import annotations

import sys
from typing import Any

from config.settings import get_settings
from core.ads import archive
from models import archive_sqlite
from models.database import connect, db, ensure_connection


def main() -> None:
    connect(get_settings())
    ensure_connection()
    archive_sqlite.BATCH, archive_sqlite.REST = 2, 0
    real = db.obj.execute_sql

    def told(sql: str, *arguments: Any, **options: Any) -> Any:
        print("statement", flush=True)
        sys.stdin.readline()
        return real(sql, *arguments, **options)

    db.obj.execute_sql = told
    while archive.step().more:
        pass
    print("finished", flush=True)


if __name__ == "__main__":
    main()
