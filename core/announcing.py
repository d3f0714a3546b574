"""Telling operators of an incident: one step of its message at a time, within the chat's budget, none without need."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

import structlog

from config.clock import now
from config.settings import Settings, get_settings
from core import alert_text, alerts, buttons
from integrations.errors import OutcomeUnknown, RateLimited, Rejected, Unauthorized, Unavailable
from integrations.reach import reach
from integrations.telegram_dry import DryTelegram
from integrations.telegram_port import Draft, Sent, TelegramPort
from models import announcements, incidents, rate_buckets
from models.alerts import STORM, Severity
from models.incidents import Incident
from models.rate_buckets import Exhausted, Limit

CLAIM_SECONDS = 45
"""Longer than a run may last, so that a claim ends only when its owner is gone."""
KEY_PAUSE = timedelta(minutes=5)
NAMED_AT_MOST = 300
OVERDUE = timedelta(seconds=30)
_GAPS = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 45, 60))
log = structlog.get_logger(__name__)


class Told(StrEnum):
    """What became of an attempt."""

    DONE = "nothing left to tell"
    MORE = "told, and there is more"
    TAKEN = "another attempt is under way"
    NO_BOT = "no bot is configured"
    GONE = "there is no such incident"


class Step(StrEnum):
    """What the next call to Telegram is for."""

    SEND = "send"
    REPEAT = "repeat"
    EDIT = "edit"
    CLOSE = "close"


# every switch is announced, alone or in a storm
_MUST_BE_TOLD = frozenset({"switched", STORM})
_LOGGED = ("object", "happened", "done", "left")
# tokens of the minute that a step leaves to graver ones
_LEAVES = {Step.SEND: 1, Step.REPEAT: 0, Step.EDIT: 2, Step.CLOSE: 2}


def announce(alert_id: int) -> Told:
    """Do the next step of an incident's message, or of the storm's that speaks for it; raises an outcome.

    At most one call to Telegram is made. Killed after it, the next attempt makes one more message, with the same id.
    """
    bot, incident = chat_bot(get_settings()), incidents.find(alert_id)
    if incident is None:
        return Told.GONE
    if bot is None:
        _log(incident)
        return Told.NO_BOT
    if incident.group_id is not None:
        return announce(incident.group_id)
    at = now()
    if not announcements.claim(alert_id, at, at + timedelta(seconds=CLAIM_SECONDS)):
        return Told.TAKEN
    try:
        return _advance(bot, alert_id)
    finally:
        announcements.release(alert_id)


def _log(incident: Incident) -> None:
    """Without a chat the log is where operators learn of an incident."""
    told = {name: incident.payload[name] for name in _LOGGED if incident.payload.get(name)}
    state = "over" if incident.resolved_at else "open"
    log.warning(
        "incident_changed", incident=incident.id, kind=incident.kind, severity=incident.severity, state=state, **told
    )


def due(most: int = 500) -> list[int]:
    """Incidents to announce again: a repetition is due, or a message about them was lost; none without a bot."""
    if chat_bot(get_settings()) is None:
        return []
    return announcements.due(now(), now() - OVERDUE, most)


def _advance(bot: TelegramPort, alert_id: int) -> Told:
    incident = incidents.find(alert_id)
    if incident is None:
        return Told.GONE
    text = _text(incident)
    step = next_step(incident, text, now())
    if step is not None:
        _pay(step, incident)
        _take(bot, step, incident, text)
        incident = incidents.find(alert_id) or incident
        if next_step(incident, _text(incident), now()) is not None:
            return Told.MORE
    announcements.up_to_date(alert_id, incident.version)
    return Told.DONE


def next_step(incident: Incident, text: str, at: datetime) -> Step | None:
    """What the message of an incident lacks now, the gravest first; None if it is as it should be."""
    if incident.announced_at is None:
        told = incident.severity is Severity.CRITICAL or (incident.open and incident.severity is Severity.WARNING)
        return Step.SEND if told else None
    if incident.open and incident.acked_at is None and incident.repeat_at is not None and incident.repeat_at <= at:
        return Step.REPEAT
    if incident.message_id is not None and text != incident.message_text:
        return Step.EDIT
    if incident.message_id is not None and not incident.open and incident.closing_told_at is None:
        return Step.CLOSE
    return None


def _text(incident: Incident) -> str:
    zone = get_settings().local_timezone
    if not incident.is_storm:
        return alert_text.compose(incident, zone)
    members = incidents.members(incident.id, NAMED_AT_MOST)
    return alert_text.compose_storm(incident, incidents.tally(incident.id), members, zone)


def _pay(step: Step, incident: Incident) -> None:
    """Use a token of each limit; raises RateLimited until there is one."""
    leave = 0 if step is Step.SEND and incident.severity is Severity.CRITICAL else _LEAVES[step]
    try:
        rate_buckets.take(limits(get_settings()), now(), leave=leave)
    except Exhausted as error:
        raise RateLimited("telegram: own rate limit", retry_after=error.seconds, sent=False) from None


def limits(settings: Settings) -> tuple[Limit, Limit]:
    """Never more than the setting within any minute: what may come at once is taken from what comes later."""
    name, minute = f"telegram:{settings.telegram_chat_id}", settings.telegram_group_per_min
    burst = max(1, min(5, minute // 3))
    steady = max(minute - burst, 0.5) / 60
    return Limit(f"{name}:minute", steady, burst), Limit(f"{name}:second", 1.0, 1.0)


def _take(bot: TelegramPort, step: Step, incident: Incident, text: str) -> None:
    """One call to Telegram and the row that remembers it; no transaction is open here."""
    try:
        _STEPS[step](bot, incident, text)
    except RateLimited as error:
        rate_buckets.hold(limits(get_settings())[0], now() + timedelta(seconds=error.retry_after))
        raise
    except Unauthorized as error:
        log.error("telegram_refuses_token", status=error.status)
        rate_buckets.hold(limits(get_settings())[0], now() + KEY_PAUSE)
        raise RateLimited("telegram: the token is refused", retry_after=KEY_PAUSE.total_seconds()) from None


def _send(bot: TelegramPort, incident: Incident, text: str) -> None:
    must = incident.severity is Severity.CRITICAL or incident.kind in _MUST_BE_TOLD
    over, again = not incident.open, now() + _GAPS[0]
    sent: Sent | None = None
    try:
        sent = _post(bot, incident, alert_text.with_others(text, incident, incidents.others_open(incident.id)))
    except OutcomeUnknown as error:
        if must:  # twice is better than never, and the id in the text says that it is the same
            raise Unavailable(error.detail, sent=True, timed_out=error.timed_out) from None
    except Rejected as error:
        if not isinstance(error, Unauthorized):
            announcements.told(incident.id, None, text, now(), again, over=over)
        raise
    message = (sent.chat_id, sent.message_id) if sent else None
    announcements.told(incident.id, message, text, now(), again, over=over)


def _post(bot: TelegramPort, incident: Incident, text: str, *, reply: bool = False) -> Sent:
    settings = get_settings()
    chat_id = announcements.current_chat(settings.telegram_chat_id or 0)
    silent = (reply and not incident.open) or incident.severity is not Severity.CRITICAL
    answered = incident.message_id if reply and incident.chat_id == chat_id else None
    draft = Draft(chat_id, text, settings.telegram_thread_id, silent, answered, buttons.under(incident))
    sent = bot.send(draft)
    if sent.chat_id != chat_id:
        announcements.move_chat(settings.telegram_chat_id or 0, sent.chat_id, now())
    if not sent.in_topic:
        _miss_topic(settings)
    return sent


def _miss_topic(settings: Settings) -> None:
    payload = {"object": "Telegram topic", "happened": f"topic {settings.telegram_thread_id} is gone; told in General"}
    alerts.raise_alert("topic_missing", str(settings.telegram_thread_id), Severity.WARNING, payload)


def _repeat(bot: TelegramPort, incident: Incident, text: str) -> None:
    gap = _GAPS[min(incident.repeats + 1, len(_GAPS) - 1)]
    _reply(bot, incident, alert_text.repetition(incident, now()))
    announcements.repeated(incident.id, now() + gap)


def _edit(bot: TelegramPort, incident: Incident, text: str) -> None:
    message = Sent(incident.chat_id or 0, incident.message_id or 0)
    shown = alert_text.with_others(text, incident, incidents.others_open(incident.id))
    try:
        bot.edit(message, shown, buttons.under(incident))
    except Rejected as error:
        if isinstance(error, Unauthorized):
            raise
        if error.code in ("message_gone", "migrated") and incident.open:
            announcements.forget_message(incident.id)
            return
        if message.message_id > 0:  # else it was said in a dry run only, and its end has a message of its own
            announcements.edited(incident.id, text)
            raise
    announcements.edited(incident.id, text)


def _close(bot: TelegramPort, incident: Incident, text: str) -> None:
    _reply(bot, incident, alert_text.closing(incident))
    announcements.closed(incident.id, now())


def _reply(bot: TelegramPort, incident: Incident, text: str) -> None:
    """Answer the incident's own message; an answer that got lost, or that the chat will not take, is not repeated."""
    try:
        _post(bot, incident, text, reply=True)
    except Unauthorized:
        raise
    except (OutcomeUnknown, Rejected) as error:
        log.warning("telegram_reply_dropped", alert_id=incident.id, error=type(error).__name__)


_STEPS = {Step.SEND: _send, Step.REPEAT: _repeat, Step.EDIT: _edit, Step.CLOSE: _close}


@lru_cache(maxsize=1)
def chat_bot(settings: Settings) -> TelegramPort | None:
    """One per process; None without a token or a chat."""
    if settings.telegram_bot_token is None or settings.telegram_chat_id is None:
        return None
    from integrations.telegram import Telegram  # most processes never talk to Telegram, and the library is large

    token, address = settings.telegram_bot_token.get_secret_value(), settings.telegram_api_url
    bot = Telegram(token, address, **reach(settings, settings.telegram_timeout))
    return DryTelegram(bot) if settings.telegram_dry_run else bot
