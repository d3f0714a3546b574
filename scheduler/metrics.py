"""What the scheduler counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

FIRED = Counter("signalbox_schedule_fired_total", "Due times that became a message", ["task"])
MISSED = Counter("signalbox_schedule_missed_total", "Due times that passed while no scheduler ran", ["task"])
LATE_SECONDS = Gauge("signalbox_schedule_late_seconds", "Delay of the latest message after its due time", ["task"])
LAST_BEAT = Gauge("signalbox_scheduler_seen_timestamp_seconds", "When this scheduler last reached the database")
