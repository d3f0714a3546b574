"""What the commands about pipelines share: words as values, errors as exits, pipelines as records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from core.domains.drift import Judged
    from core.domains.persons import By
    from core.domains.spares import Stock
    from models.domain_states import Mode
    from models.pipeline_writes import Settings
    from models.switch_history import Badge

_LASTS = re.compile(r"(\d{1,4})([mhd])\Z")


@contextmanager
def told(*, dry_run: bool = False) -> Iterator[None]:
    """A refusal as the command's error; for a dry run all is done and taken back."""
    from core.domains.persons import AlreadyChanged, NoPipeline, Refused

    try:
        with _rehearsed() if dry_run else nullcontext():
            yield
    except AlreadyChanged as error:
        raise CommandError(str(error), hint="signalbox pipelines list") from error
    except (Refused, NoPipeline) as error:
        raise CommandError(str(error), hint="signalbox pipelines list", code=ExitCode.USAGE) from error


@contextmanager
def _rehearsed() -> Iterator[None]:
    from models.database import db

    with db.atomic() as transaction:
        yield
        transaction.rollback()


def acting() -> By:
    """The person at the terminal."""
    from cli.session import operator
    from core.domains.persons import By

    return By(operator())


def a_mode(word: str) -> Mode:
    """The mode of a word."""
    from models.domain_states import Mode

    if word not in list(Mode):
        raise CommandError(f"mode: {word!r} is none", hint=f"one of {', '.join(Mode)}", code=ExitCode.USAGE)
    return Mode(word)


def ends_at(lasts: str | None) -> datetime | None:
    """The instant so long from now; `lasts` as 30m, 2h or 3d."""
    from datetime import timedelta

    from config.clock import now

    if lasts is None:
        return None
    found = _LASTS.match(lasts)
    if not found or not int(found[1]):
        raise CommandError(f"--for: {lasts!r} is no duration", hint="30m, 2h or 3d", code=ExitCode.USAGE)
    return (
        now() + int(found[1]) * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[found[2]]
    )


def settings_of(
    mode: str | None, voluum: bool | None, affise: bool | None, back: bool | None, url: str | None
) -> Settings:  # fmt: skip
    """What was given on the command line."""
    from core.domains.pipeline_files import address
    from models.pipeline_writes import Settings

    try:
        trafficback = address("--trafficback-url", url) if url else None
    except ValueError as error:
        raise CommandError(str(error), code=ExitCode.USAGE) from error
    return Settings(a_mode(mode) if mode else None, voluum, affise, back, trafficback)


def row_of(stock: Stock, platforms: dict[str, Badge], as_json: bool, *, all_held: bool = False) -> dict[str, Any]:
    """A pipeline in a list; `all_held` if no pipeline switches by itself."""
    from config.clock import now
    from models.domain_states import Role

    line = stock.line
    spares = [
        {"domain": spare.place.name, "ready": spare.place.gate.name.lower(), "readiness": spare.readiness.score}
        for spare in stock.spares
    ]
    row: dict[str, Any] = {
        "name": line.pipeline.name, "status": line.pipeline.status.value, "mode": line.pipeline.mode.value,
        "active": line.active.name if line.active else None, "spares": spares,
        "runway": str(stock.runway), "level": stock.runway.level.value,
        "blocked": [place.name for place in line.of(Role.BLOCKED)],
        "parked": [place.name for place in line.of(Role.PARKED)],
        "held": line.pipeline.held(now()), "all_held": all_held, "enabled": line.pipeline.enabled,
        "platforms": {name: _platform(name, badge) for name, badge in platforms.items()},
    }  # fmt: skip
    return row if as_json else row | _short(row)


def _platform(name: str, badge: Badge) -> dict[str, Any]:
    from core.domains import dry_runs

    return asdict(badge) | ({"dry_run": True} if dry_runs.on(name) else {})


def _short(row: dict[str, Any]) -> dict[str, str]:
    return {
        "spares": ", ".join(f"{each['domain']} ({each['ready']} {each['readiness']})" for each in row["spares"]),
        "blocked": ", ".join(row["blocked"]),
        "status": row["status"] if row["enabled"] else "disabled",
        "held": "all" if row["all_held"] else "yes" if row["held"] else "no",
        "platforms": ", ".join(f"{name} {_badge(each)}" for name, each in row["platforms"].items()),
    }


def _badge(badge: dict[str, int]) -> str:
    unread = f" ({badge['unread']} unread)" if badge["unread"] else ""
    return f"{badge['in_sync']}/{badge['seen']}{unread}{' (dry run)' if badge.get('dry_run') else ''}"


def document_of(stock: Stock) -> dict[str, Any]:
    """Everything about a pipeline."""
    from config.clock import now
    from core.domains import drift
    from models import pipeline_writes, switch_history

    line, number = stock.line, stock.line.pipeline.id
    domains = [
        {"domain": place.name, "role": place.role.value, "position": place.position, "since": place.since,
         "reason": place.block_reason, "faults": ", ".join(place.faults)}
        for place in line.places
    ]  # fmt: skip
    return {
        "pipeline": asdict(line.pipeline) | _settings(number),
        "domains": domains,
        "spares": [{"domain": spare.place.name, "readiness": spare.readiness.score,
                    "because": "; ".join(f"{part.reason} -{part.minus}" for part in spare.readiness.parts)}
                   for spare in stock.spares],
        "runway": str(stock.runway),
        "switches": [asdict(switch) for switch in switch_history.last(number)],
        "platforms": [{"platform": name} | _platform(name, badge)
                      for name, badge in switch_history.badges(now()).get(number, {}).items()],
        "drift": [_differing(judged) for judged in drift.differing(line, now())],
        "destinations": [{"url": url, "source": source} for _, url, source in pipeline_writes.destinations([number])],
        "hold_on_all": asdict(pipeline_writes.control()),
    }  # fmt: skip


def _settings(number: int) -> dict[str, Any]:
    """What people may set beside the facts that decide about a switch."""
    from models.domains import TrackingDomainPipeline

    row = TrackingDomainPipeline.get_by_id(number)
    names = ("expected_cname", "block_on_tls", "affise_auto_approve", "affise_max_items")
    return {name: getattr(row, name) for name in names}


def _differing(judged: Judged) -> dict[str, Any]:
    seen = judged.seen
    return {
        "platform": seen.platform, "object": f"{seen.object_type} {seen.object_id}", "field": seen.field,
        "shows": seen.domain, "state": judged.state.value, "seen_at": seen.seen_at,
    }  # fmt: skip
