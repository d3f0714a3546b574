"""Mail to operators about what the chat could not be told: one for each outage, another when more has piled up."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from config.clock import now
from config.settings import Settings, get_settings
from core import alert_text, alerts, announcing
from integrations.errors import OutcomeUnknown, Unavailable
from integrations.smtp import Mail, Server, Smtp
from integrations.telegram_text import plain
from models import alert_edits, incidents
from models.alerts import Severity
from models.incidents import Incident

SILENT_FOR = timedelta(minutes=2)
KIND, KEY = "telegram_down", "telegram"
MOST = 50


def tell_untold() -> int:
    """Mail what nobody was told of for two minutes; how many incidents. Raises an outcome when no mail can be sent.

    Nothing is mailed without a bot, whose silence is no fault, or without OPERATORS_MAIL. Killed after a mail, the next
    run sends it once more under the same Message-ID.
    """
    settings = get_settings()
    if announcing.chat_bot(settings) is None:
        return 0
    waiting = alert_edits.untold(now() - SILENT_FOR, MOST)
    if not waiting:
        alerts.resolve(KIND, KEY)
        return 0
    fresh = [number for number in waiting if number > _mailed()]
    if not fresh or not settings.operators_mail:
        return 0
    _mail(settings, [found for number in fresh if (found := incidents.find(number))])
    _note(max(fresh), len(waiting))
    return len(fresh)


def _mailed() -> int:
    """The newest incident that a mail of this outage was about."""
    outage = alert_edits.latest(KIND, KEY)
    return int(outage.payload.get("mailed", 0)) if outage and outage.open else 0


def _note(newest: int, waiting: int) -> None:
    words = {"object": "Telegram", "happened": f"{waiting} incidents could not be told for 2 min",
             "done": "operators were told by mail", "mailed": newest}  # fmt: skip
    alerts.raise_alert(KIND, KEY, Severity.INFO, words)


def _mail(settings: Settings, found: list[Incident]) -> None:
    """One letter to each address; one that nobody acknowledged counts as sent, for it is repeated with the next."""
    subject = f"Signalbox: {len(found)} incident{'s' if len(found) > 1 else ''} not told in Telegram"
    text = _text(settings, found)
    number = max(one.id for one in found)
    for place, address in enumerate((settings.operators_mail or "").split(",")):
        letter = Mail(f"untold.{number}.{place}", settings.mail_from, address.strip(), subject, text)
        try:
            _smtp(settings).send(letter)
        except OutcomeUnknown:
            continue


def _text(settings: Settings, found: list[Incident]) -> str:
    head = "Telegram could not be reached for two minutes. It will be told as soon as it answers. Until then:"
    told = [plain(alert_text.compose(one, settings.local_timezone)) for one in found]
    return "\n\n".join([head, *told]) + "\n"


@lru_cache(maxsize=1)
def _smtp(settings: Settings) -> Smtp:
    """One per process, because it remembers that the server asked to be left alone."""
    if settings.smtp_url is None:
        raise Unavailable("SMTP_URL is not set; operators cannot be mailed")
    try:
        server = Server.parse(settings.smtp_url.get_secret_value())
    except ValueError as error:
        raise Unavailable(str(error)) from None
    return Smtp(server, ca_bundle=settings.ca_bundle)
