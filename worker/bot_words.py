"""What the parts of the bot share: the time as people read it, and which chats are the operators' group."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from config.clock import now
from config.settings import get_settings
from models import announcements


def clock(at: datetime | None = None) -> str:
    """Hours and minutes of an instant, of now without one, where the operators are."""
    return f"{(at or now()).astimezone(ZoneInfo(get_settings().local_timezone)):%H:%M}"


def group(chat_id: int | None) -> tuple[int, ...]:
    """The ids of the operators' group: the one that is set, and the one that it has now."""
    return () if chat_id is None else (chat_id, announcements.current_chat(chat_id))
