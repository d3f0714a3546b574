"""What `signalbox doctor` looks at of the Telegram bot."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor_finding import Finding, bad, ok, warn
from config.clock import now
from config.settings import Settings

AREA = "telegram"


def bot(settings: Settings) -> Iterator[Finding]:
    """Whether it can tell, whether it listens, and whether it knows anybody; nothing where there is no bot."""
    if settings.telegram_bot_token is None and settings.telegram_chat_id is None:
        return
    if settings.telegram_bot_token is None or settings.telegram_chat_id is None:
        missing = "TELEGRAM_CHAT_ID" if settings.telegram_bot_token else "TELEGRAM_BOT_TOKEN"
        yield bad(AREA, f"{missing} is not set, so incidents are only logged", f"set {missing}")
        return
    yield _listening(settings)
    yield _people()


def _listening(settings: Settings) -> Finding:
    from models import bot_updates

    if settings.telegram_mode == "off":
        return warn(AREA, "TELEGRAM_MODE=off: buttons and commands do nothing", "TELEGRAM_MODE=polling")
    if settings.telegram_mode == "webhook":
        return ok(AREA, "updates are delivered to the web process")
    if bot_updates.listener(now()) is None:
        return warn(AREA, "nobody listens: buttons and commands do nothing", "signalbox bot (or signalbox up)")
    return ok(AREA, "one process listens")


def _people() -> Finding:
    from core.bot import people

    count = len(people.listed())
    text = f"{count} people linked"
    return ok(AREA, text) if count else warn(AREA, text, "signalbox bot link NAME --role operator")


def bot_live(settings: Settings) -> Iterator[Finding]:
    """Whether Telegram knows the token."""
    from core import announcing
    from integrations.errors import OutsideError

    port = announcing.chat_bot(settings)
    if port is None:
        return
    try:
        yield ok(AREA, port.probe())
    except OutsideError as error:
        yield bad(AREA, str(error), "check TELEGRAM_BOT_TOKEN, and that this host may reach Telegram")
