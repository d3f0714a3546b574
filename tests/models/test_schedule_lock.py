"""Two schedulers at one row on PostgreSQL; on SQLite a transaction holds the whole database anyway."""

from __future__ import annotations

import threading
from typing import Any

from config import catalog
from models import database as connections
from models import schedule
from models.database import db

TASK = "clean_ip_blacklist"


def test_a_row_is_locked_by_one_at_a_time(postgres_database: Any) -> None:
    schedule.seed(catalog.periodic())
    seen: list[schedule.Entry | None] = []

    def look() -> None:
        connections.ensure_connection()
        with db.atomic():
            seen.append(schedule.lock(TASK))
        connections.disconnect()

    with db.atomic():
        assert schedule.lock(TASK) is not None
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [None]
