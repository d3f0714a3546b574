"""The daily message: what is open, what the day brought, how long spares last, whether the checks see anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from config.clock import now
from config.settings import get_settings
from core import alert_text, announcing
from core.domains import spares
from core.domains.readiness import Level
from core.domains.spares import Stock
from integrations.errors import OutcomeUnknown, RateLimited, Unavailable
from integrations.telegram_port import Draft, TelegramPort
from integrations.telegram_text import shown
from models import announcements, bot_updates, buttons, digest_facts, incidents, rate_buckets
from models.digest_facts import LastCheck
from models.rate_buckets import Exhausted

DAY = timedelta(hours=24)
STALE = {"gsb": timedelta(minutes=90), "dns": timedelta(minutes=90), "gsc": timedelta(hours=2)}
"""Longer than the sweeps of a source take to come again; what is not named comes once a day."""
SLOWEST = timedelta(hours=26)
MOST_NAMED = 3
MOST_KINDS = 6
CLAIM = timedelta(seconds=60)
"""Longer than a run may last."""
BUTTONS_KEPT = timedelta(days=30)


AGAIN = "this comes again: the first one may have been lost"


class Taken(Exception):
    """Another run has the right to send the message of the day; whether it does is known after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("taken")
        self.seconds = seconds


class Result(StrEnum):
    """What became of the message of a day."""

    SENT = "sent"
    UNSURE = "sent, perhaps"
    BEFORE = "sent before"
    NO_BOT = "no bot"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the message is made of; counts by kind or pipeline, the most frequent first."""

    kinds: Sequence[tuple[str, int]]
    quiet: Sequence[tuple[str, int]]
    switches: Sequence[tuple[str, int]]
    blocks: int
    stocks: Sequence[Stock]
    checks: Sequence[LastCheck]


def today() -> str:
    """The message as it reads now, with the 24 hours before."""
    at = now()
    since, zone = at - DAY, get_settings().local_timezone
    facts = Facts(
        digest_facts.open_kinds(),
        digest_facts.quiet_kinds(since),
        digest_facts.switches(since),
        digest_facts.blocks(since),
        [stock for stock in spares.overview(at) if stock.line.pipeline.enabled],
        digest_facts.last_checks(),
    )
    head = alert_text.digest(incidents.open_counts(), incidents.open_ones(MOST_NAMED), at, zone)
    return "\n".join([head, *lines(facts, at, zone)])


def send() -> Result:
    """Send the message of this day, unless it is out; raises an outcome or Taken, and then it is tried again.

    Killed between sending and noting it, the next run sends it once more and says so: twice is better than never.
    """
    bot, at = announcing.chat_bot(get_settings()), now()
    if bot is None:
        return Result.NO_BOT
    day = at.astimezone(ZoneInfo(get_settings().local_timezone)).date().isoformat()
    claimed = bot_updates.claim_day(day, at, at + CLAIM)
    found = bot_updates.day(day)
    if found.sent:
        return Result.BEFORE
    if not claimed:
        raise Taken(max(1.0, (found.claimed_until - at).total_seconds()))
    try:
        result = _post(bot, day, again=found.begun_at is not None)
    except Unavailable:
        bot_updates.free_day(day, now(), found.begun_at)
        raise
    bot_updates.day_sent(day, now())
    return result


def _post(bot: TelegramPort, day: str, *, again: bool) -> Result:
    """One call; an answer that got lost is not asked for twice, because tomorrow brings the next message."""
    settings = get_settings()
    chat_id = announcements.current_chat(settings.telegram_chat_id or 0)
    text = f"{today()}; {AGAIN}" if again else today()
    draft = Draft(chat_id, text, settings.telegram_thread_id, silent=True)
    try:
        rate_buckets.take(announcing.limits(settings), now(), leave=1)
        bot_updates.day_begun(day, now())
        bot.send(draft)
    except Exhausted as error:
        raise RateLimited("telegram: own rate limit", retry_after=error.seconds, sent=False) from None
    except RateLimited as error:
        rate_buckets.hold(announcing.limits(settings)[0], now() + timedelta(seconds=error.retry_after))
        raise
    except OutcomeUnknown:
        return Result.UNSURE
    return Result.SENT


def tidy() -> int:
    """Forget buttons that nobody can press any more; how many."""
    return buttons.forget(now() - BUTTONS_KEPT)


def lines(facts: Facts, at: datetime, zone: str) -> list[str]:
    """What stands below the incidents; at most seven lines."""
    texts = [
        _counted("by kind", facts.kinds) if facts.kinds else "",
        _switches(facts),
        _counted("quiet", facts.quiet) if facts.quiet else "",
        *_runways(facts.stocks),
        _checks(facts.checks, at, zone),
    ]
    return [text for text in texts if text]


def _counted(title: str, counts: Sequence[tuple[str, int]]) -> str:
    named = [f"{alert_text.word(kind)} {count}" for kind, count in counts[:MOST_KINDS]]
    more = sum(count for _, count in counts[MOST_KINDS:])
    return f"{title}: {', '.join(named)}" + (f" and {more} more" if more else "")


def _switches(facts: Facts) -> str:
    total = sum(count for _, count in facts.switches)
    named = ", ".join(f"{shown(name[:40])} {count}" for name, count in facts.switches[:MOST_NAMED])
    switched = _many(total, "switch", "switches") + (f" ({named})" if named else "")
    return f"24 h: {switched}, {_many(facts.blocks, 'domain', 'domains')} blocked"


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _runways(stocks: Sequence[Stock]) -> list[str]:
    """The pipelines that run short, the shortest first; one line if none does."""
    if not stocks:
        return []
    order = {Level.RED: 0, Level.YELLOW: 1, Level.GREEN: 2}
    short = sorted((one for one in stocks if one.runway.level is not Level.GREEN), key=lambda one: _need(one, order))
    if not short:
        return [f"spares: enough in {_many(len(stocks), 'pipeline', 'pipelines')}"]
    named = [f"{'🔴' if one.runway.ready == 0 else '🟡'} {_name(one)}: {one.runway}" for one in short]
    more = len(short) - MOST_NAMED
    return named if more <= 0 else [*named[: MOST_NAMED - 1], f"and {more + 1} more pipelines run short of spares"]


def _need(stock: Stock, order: dict[Level, int]) -> tuple[int, float]:
    return order[stock.runway.level], stock.runway.days if stock.runway.days is not None else float("inf")


def _name(stock: Stock) -> str:
    return shown(stock.line.pipeline.name[:40])


def _checks(checks: Iterable[LastCheck], at: datetime, zone: str) -> str:
    """When each source was last looked at, and whether its answers were believed."""
    parts = [f"{shown(check.source)} {_health(check, at, zone)}" for check in checks]
    return f"checks: {', '.join(parts)}" if parts else "checks: none yet"


def _health(check: LastCheck, at: datetime, zone: str) -> str:
    clock = f"{check.started_at.astimezone(ZoneInfo(zone)):%H:%M}"
    if at - check.started_at > STALE.get(check.source, SLOWEST):
        return f"SILENT since {check.started_at.astimezone(ZoneInfo(zone)):%-d %b} {clock}"
    if check.action == "blind":
        return f"BLIND {clock}"
    return f"ok {clock}" if check.ended else f"unfinished {clock}"
