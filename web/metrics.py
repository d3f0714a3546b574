"""What the redirect counts; label children are bound once, because looking them up costs more than counting."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from web.tickets import Path

_INTAKE = Histogram(
    "signalbox_click_intake_seconds",
    "Time from the request of a click to its acceptance",
    ["path"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.3, 1.0, 2.0),
)
_IGNORED = Counter("signalbox_redirect_ignored_total", "Requests redirected without a click", ["reason"])

INTAKE = {path: _INTAKE.labels(path.value) for path in (Path.QUEUE, Path.INLINE, Path.SPOOL)}
NOT_ACCEPTED = Counter("signalbox_clicks_not_accepted_total", "Clicks that could be handed over in no way")
BAD_TOKEN, PREFETCH, HEAD, TEST = (_IGNORED.labels(reason) for reason in ("bad_token", "prefetch", "head", "test"))
SKEWED = Counter("signalbox_click_clock_skew_total", "Clicks more than 5 s before their link was issued")
REDIRECT_ERRORS = Counter("signalbox_redirect_errors_total", "Unexpected failures on the way to a redirect")
SPOOL_DEPTH = Gauge("signalbox_click_spool_depth", "Clicks in the spool files of this process")
TORN_LINES = Counter("signalbox_spool_torn_lines_total", "Spool lines cut short by a crash and skipped")
BREAKER_OPEN = Gauge("signalbox_breaker_open", "1 while the broker is not published to", ["role"]).labels("redirect")
