"""The checks of `signalbox doctor`: each says what it saw, and what to do when that is not right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from cli.doctor_bot import bot, bot_live
from cli.doctor_domains import domains, domains_live
from cli.doctor_finding import Finding, bad, ok, warn
from cli.doctor_services import services
from cli.errors import CommandError, translate
from config import logs
from config.clock import now
from config.settings import Settings, get_settings

_SKEW = timedelta(seconds=1)
_LATE = timedelta(minutes=2)
_SILENT = timedelta(seconds=60)


def examine(*, live: bool = False) -> list[Finding]:
    """Every finding about this installation; a check that fails is a finding, never the end."""
    settings = get_settings()
    logs.configure(settings)
    found = list(_database(settings))
    if any(item.state == "x" for item in found):
        return found
    checks: list[Callable[[Settings], Iterator[Finding]]] = [
        _broker,
        _scheduler,
        _outbox,
        _partitions,
        _dead_letters,
        _clicks,
        _spool,
        _mail,
        services,
        domains,
        bot,
    ]
    for check in [*checks, *([_adload, _mail_server, domains_live, _platforms, bot_live, _invariants] if live else [])]:
        found += _guarded(check, settings)
    return found


def _guarded(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    try:
        return list(check(settings))
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        return [bad(check.__name__.strip("_"), known.what, known.cause or known.hint)]


def _database(settings: Settings) -> Iterator[Finding]:
    from models import migrate
    from models.database import connect, fetch, is_postgres

    try:
        connect(settings, role="doctor")
        migrate.require_current()
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        yield bad("database", f"{known.what} {known.cause}".strip(), _remedy(known, settings))
        return
    version = fetch("select version()" if is_postgres() else "select 'SQLite ' || sqlite_version()")[0][0]
    yield ok("database", f"{version.partition(' (')[0]}, schema at head")
    yield from _clock() if is_postgres() else ()


def _remedy(known: CommandError, settings: Settings) -> str:
    """What to do about the database; never to ask the doctor, who speaks here."""
    if not known.cause:
        return known.hint
    return (
        "may SQLITE_PATH be read and written?"
        if settings.database_dsn.startswith("sqlite:")
        else "is the server up, and is DATABASE_URL right?"
    )


def _clock() -> Iterator[Finding]:
    from models.database import fetch

    skew = abs(fetch("select clock_timestamp()")[0][0] - now())
    text = f"clock skew to the database {skew.total_seconds() * 1000:.0f} ms"
    yield ok("time", text) if skew < _SKEW else bad("time", text, "synchronise both clocks (NTP)")


def _broker(settings: Settings) -> Iterator[Finding]:
    if settings.embedded:
        yield ok("broker", "embedded: messages are rows of the database")
        return
    from worker.health import broker_findings

    if settings.database_dsn.startswith("sqlite:"):
        yield bad("broker", "RABBITMQ_URL is set beside SQLite, whose outbox nobody relays", "set DATABASE_URL")
    for state, what, remedy in broker_findings(settings):
        yield Finding("broker", state, what, remedy)


def _scheduler(settings: Settings) -> Iterator[Finding]:
    from config.catalog import periodic
    from models.runtime import Schedule, SchedulerHeartbeat

    alive = SchedulerHeartbeat.select().where(SchedulerHeartbeat.seen_at > now() - _SILENT).count()
    paused = Schedule.select().where(~Schedule.enabled).count()
    text = f"{alive} alive, {len(periodic())} tasks, {paused} paused"
    yield (
        ok("scheduler", text) if alive else warn("scheduler", text, "start one: signalbox scheduler (or signalbox up)")
    )


def _outbox(settings: Settings) -> Iterator[Finding]:
    from models.runtime import Outbox

    late = Outbox.select().where(Outbox.available_at < now() - _LATE).count()
    text = f"{Outbox.select().count()} waiting, {late} late"
    yield (
        ok("outbox", text)
        if not late
        else bad("outbox", text, "is `signalbox relay` running, and does the broker answer?")
    )


def _partitions(settings: Settings) -> Iterator[Finding]:
    from models.partitions import days_ahead

    days = days_ahead()
    text = f"click tables are ready for {days} more days"
    yield ok("partitions", text) if days >= 2 else bad("partitions", text, "signalbox run keep_click_partitions")


def _dead_letters(settings: Settings) -> Iterator[Finding]:
    from models.runtime import DeadLetter, DeadState

    count = DeadLetter.select().where(DeadLetter.state == DeadState.DEAD).count()
    yield warn("dead", f"{count} dead letter(s)", "signalbox dead list") if count else ok("dead", "no dead letters")


def _clicks(settings: Settings) -> Iterator[Finding]:
    from models.ads import Click, ClickState

    late = Click.select().where((Click.state == ClickState.PENDING) & (Click.next_attempt_at < now() - _LATE)).count()
    text = f"{late} click(s) wait for AdLoad longer than planned"
    yield (
        warn("clicks", text, "is a worker serving lane clicks, and does AdLoad answer?")
        if late
        else ok("clicks", "none overdue")
    )


def _spool(settings: Settings) -> Iterator[Finding]:
    if settings.spool_dir is None:
        yield warn(
            "spool",
            "SPOOL_DIR is off: with broker and database down a click is not accepted",
            "set SPOOL_DIR to a durable folder",
        )
        return
    files = list(settings.spool_dir.glob("clicks-*"))
    text = f"{len(files)} file(s), {sum(file.stat().st_size for file in files)} bytes in {settings.spool_dir}"
    yield ok("spool", text)


def _mail(settings: Settings) -> Iterator[Finding]:
    from models.mail import unsent

    found = unsent()
    text = ", ".join(f"{count} {state}" for state, count in sorted(found.items())) or "all sent"
    if settings.smtp_url is None:
        yield warn(
            "mail", f"SMTP_URL is not set, so no mail leaves: {text}", "set SMTP_URL before payouts are asked for"
        )
    elif found.keys() & {"failed", "unknown"}:
        yield warn("mail", text, "signalbox dead list (send_mail), and the log lines mail_given_up")
    else:
        yield ok("mail", text)


def _mail_server(settings: Settings) -> Iterator[Finding]:
    from core.ads import mail
    from integrations.errors import OutsideError

    if settings.smtp_url is None:
        return
    try:
        yield ok("mail", mail.probe())
    except OutsideError as error:
        yield bad("mail", str(error), "check SMTP_URL, and that this host may reach the server")


def _adload(settings: Settings) -> Iterator[Finding]:
    from integrations.adload import make
    from integrations.errors import OutsideError

    try:
        driver = make(settings)
        yield ok("adload", driver.probe() if driver else "local: charges are rows of this database")
    except OutsideError as error:
        yield bad("adload", str(error), "check the ADLOAD settings, and that this host may reach it")


def _platforms(settings: Settings) -> Iterator[Finding]:
    from integrations.affise import Affise
    from integrations.errors import OutsideError
    from integrations.search_console import SearchConsole
    from integrations.voluum import Voluum

    for area, kind in (("voluum", Voluum), ("affise", Affise), ("gsc", SearchConsole)):
        try:
            platform = kind.from_settings(settings)
            if platform is not None:
                yield ok(area, platform.probe())
        except (OutsideError, ValueError) as error:
            yield bad(area, str(error), f"check the {area.upper()} settings, and that this host may reach it")


def _invariants(settings: Settings) -> Iterator[Finding]:
    from models.invariants import violations

    found = violations((now() - timedelta(days=2)).date())
    for name, rows in found.items():
        yield bad("invariants", f"{name}: {len(rows)} row(s)", "docs/architecture.md#promises")
    if not found:
        yield ok("invariants", "every promise holds for the clicks of the last two days")
