"""The limits in force, read from the settings once, with a digest so that a decision can point at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from config.settings import Settings
from core.ads.actors import Networks
from core.ads.days import DAY, HOUR
from core.ads.outcomes import Reason

SKEW_SECONDS = 60
_WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` clicks in a window of `span` microseconds, by actor or network, on all or on each informer."""

    reason: Reason
    most: int
    span: int
    by_network: bool = False
    per_informer: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What a decision compares with; times in microseconds unless named otherwise."""

    ttl_seconds: int
    by_visitor: bool
    limits: tuple[Limit, ...]
    address_limits: tuple[Limit, ...]
    unique_span: int
    min_view_ms: int
    reject_bots: bool
    reject_datacenters: bool
    ban_escalation: int
    renew_on_hit: bool
    keep_over_limit: bool
    notify_social: bool
    zone: str
    allowlist: Networks
    datacenters: Networks
    document: dict[str, Any]
    digest: str

    @property
    def reach(self) -> int:
        """How far a window looks at most, in either direction."""
        return max(self.unique_span, *(limit.span for limit in (*self.limits, *self.address_limits)))

    def pairs(self, ip: str) -> bool:
        """True if clickers of this address are told apart by their visitor id."""
        return self.by_visitor or (bool(self.allowlist) and ip in self.allowlist)


_NAMES = (
    "link_ttl_seconds",
    "actor_key",
    "max_clicks_per_day",
    "limit_window_hours",
    "unique_window_hours",
    "limit_informer_week",
    "limit_net_day",
    "limit_net_week",
    "blacklist_days",
    "blacklist_refresh_on_hit",
    "ban_escalation",
    "min_view_ms_flag",
    "bot_ua_action",
    "datacenter_action",
    "record_over_limit_as_nonunique",
)
_in_force: list[tuple[Settings, Rules]] = []


def in_force(settings: Settings) -> Rules:
    """The rules of these settings; made once per settings object."""
    if not _in_force or _in_force[0][0] is not settings:
        _in_force[:] = [(settings, _make(settings))]
    return _in_force[0][1]


def _make(settings: Settings) -> Rules:
    document = {name: getattr(settings, name) for name in _NAMES} | {"clock_skew_seconds": SKEW_SECONDS}
    return Rules(
        ttl_seconds=settings.link_ttl_seconds,
        by_visitor=settings.actor_key == "net+visitor",
        limits=_limits(settings),
        address_limits=_ADDRESS_LIMITS if settings.actor_key == "net+visitor" else (),
        unique_span=settings.unique_window_hours * HOUR,
        min_view_ms=settings.min_view_ms_flag,
        reject_bots=settings.bot_ua_action == "reject",
        reject_datacenters=settings.datacenter_action == "reject",
        ban_escalation=settings.ban_escalation,
        renew_on_hit=settings.blacklist_refresh_on_hit,
        keep_over_limit=settings.record_over_limit_as_nonunique,
        notify_social=settings.adload_notify_social,
        zone=settings.local_timezone,
        allowlist=Networks(settings.allowlist_nets),
        datacenters=_networks_of(settings.datacenter_file),
        document=document,
        digest=sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    )


def _limits(settings: Settings) -> tuple[Limit, ...]:
    """The seed's day limit first, then the optional ones that are set."""
    window = settings.limit_window_hours * HOUR
    wanted = (
        (Reason.OVER_LIMIT_DAY, settings.max_clicks_per_day, window, False, False),
        (Reason.OVER_LIMIT_WEEK, settings.limit_informer_week, _WEEK, False, True),
        (Reason.OVER_LIMIT_NET_DAY, settings.limit_net_day, DAY, True, False),
        (Reason.OVER_LIMIT_NET_WEEK, settings.limit_net_week, _WEEK, True, False),
    )
    return tuple(
        Limit(reason, most, span, by_network, per_informer)
        for reason, most, span, by_network, per_informer in wanted
        if most is not None
    )


# counting by visitor would let a program that drops its cookie click without end
_ADDRESS_LIMITS = (
    Limit(Reason.OVER_LIMIT_NET_DAY, 6, DAY, True, True),
    Limit(Reason.OVER_LIMIT_NET_WEEK, 20, _WEEK, True, True),
    Limit(Reason.OVER_LIMIT_NET_DAY, 10, DAY, True, False),
    Limit(Reason.OVER_LIMIT_NET_WEEK, 30, _WEEK, True, False),
)


@lru_cache(maxsize=4)
def _networks_of(path: Path | None) -> Networks:
    """Networks of a file, one per line, `#` starts a comment; raises ValueError naming the file."""
    if path is None:
        return Networks()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return Networks.parse(" ".join(line.partition("#")[0] for line in lines))
    except (OSError, ValueError) as error:
        raise ValueError(f"DATACENTER_FILE: cannot read {path}; write one network per line") from error
