"""A press of a button: checked, done once by the guarded function behind it, and noted under the message."""

from __future__ import annotations

from config.clock import now
from core.bot.commands import Command
from core.bot.people import Role
from core.bot.updates import Pressed
from core.buttons import Action
from core.domains.persons import AlreadyChanged, By, Refused
from integrations.errors import OutsideError
from models import alerts as alert_rows
from models import buttons
from models.bot_people import Linked
from models.buttons import ButtonRow
from models.database import db
from worker import alerts, bot_actions, bot_commands
from worker.bot_actions import Deed
from worker.bot_heard import NOT_HERE, Answer, Heard, Place, by_of, lacks, place_of, refuse, why
from worker.bot_words import clock

EXPIRED = "this button has expired; use a command, or wait for the next message"
ASKED = "sure? say so below"
AT_IT = "at it; the message will say how it went"


def pressed(news: Pressed, person: Linked) -> Heard | None:
    """Do what a button says if this person may, in the caller's transaction; what to answer."""
    row = buttons.find(news.data)
    if row is None or row.expires_at <= now():
        return Heard(news, Answer(toast=EXPIRED))
    if place_of(news) is not Place.GROUP:
        return Heard(news, Answer(toast=NOT_HERE))
    if row.allowed and person.telegram_id not in row.allowed:
        return refuse(news, person, "somebody else's question", "only who asked may answer")
    needed = bot_commands.role_of(row) if row.action == Action.COMMAND else Role.OPERATOR
    return _do(news, row, person) if Role(person.role).may(needed) else lacks(news, person, needed)


def _do(news: Pressed, row: ButtonRow, person: Linked) -> Heard:
    by = by_of(news, person)
    if words := bot_actions.asks(row):
        return Heard(news, _ask(Command(words[0], tuple(words[1:])), person))
    if bot_actions.takes_long(row) and row.used_at is None:
        return Heard(news, Answer(toast=AT_IT), lambda: at_length(news, row, by))
    return Heard(news, _once(news, row, by))


def _ask(command: Command, person: Linked) -> Answer:
    try:
        with db.atomic():
            return Answer(toast=ASKED, page=bot_commands.ask(command, person))
    except (ValueError, LookupError) as error:
        return Answer(toast=why(error))


def _once(news: Pressed, row: ButtonRow, by: By) -> Answer:
    asked = row.action == Action.COMMAND
    try:
        with db.atomic():
            if not buttons.use(row.id, by.name, now()):
                raise AlreadyChanged(_used(row.id))
            deed = bot_actions.perform(row, by)
            _note(news, deed, by)
    except (ValueError, LookupError) as error:
        return Answer(toast=why(error), edit=why(error) if asked else "")
    return Answer(toast=deed.said, edit=f"{deed.said}, by {by.name} {clock()}" if asked else "")


def _used(button_id: str) -> str:
    row = buttons.find(button_id)
    at = clock(row.used_at) if row and row.used_at else ""
    return f"already done by {row.used_by if row else 'somebody'} {at}".strip()


def at_length(news: Pressed, row: ButtonRow, by: By) -> Answer:
    """Do what asks outside. The button counts as used when it has worked: after a death it can be pressed again."""
    try:
        deed = bot_actions.perform_at_length(row, by)
    except (Refused, OutsideError) as error:
        deed = Deed("", f"{why(error)}; asked")
    else:
        buttons.use(row.id, by.name, now())
    _note(news, deed, by)
    return Answer()


def _note(news: Pressed, deed: Deed, by: By) -> None:
    """Let the message say who did what, by bringing its incident up to date."""
    alert_id = alert_rows.by_message(news.chat_id, news.message_id)
    if alert_id is not None and deed.note:
        alerts.note(alert_id, f"{deed.note} by {by.name} {clock()}")
