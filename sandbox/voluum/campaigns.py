"""The campaigns of the imitated Voluum: whole objects with derived fields that only the server writes."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from sandbox.world import Clock

SIZES = {"s": 300, "m": 1000, "l": 5000}
DOMAINS = 20
DELETED_EVERY = 17
FIRST_EDIT = "2026-11-01T10:00:00.000Z"
DERIVED = ("url", "impressionUrl", "updatedTime")


def domain(number: int) -> str:
    """The tracking domain of the number-th invented object: c1 to c20 in turn."""
    return f"c{number % DOMAINS + 1}.sandbox.test"


class Campaigns:
    """By id; every write moves `updatedTime` forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[str, str] = {}
        self.rows: dict[str, dict[str, Any]] = {}

    def seed(self, random: Random, size: str) -> int:
        """Replace all campaigns by invented ones; the same generator state gives the same."""
        self.rows, self._keys = {}, {}
        for number in range(SIZES[size]):
            self._invent(f"{random.getrandbits(128):032x}", number)
        return len(self.rows)

    def write(self, campaign_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Replace the object: keys that are not in `wanted` are gone, derived ones are ours."""
        kept = {name: value for name, value in wanted.items() if name not in DERIVED}
        before = self.rows.get(campaign_id, {})
        self.rows[campaign_id] = self._derived({**kept, "id": campaign_id}, self._later(before))
        return self.rows[campaign_id]

    def edit(self, campaign_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Change some keys as a stranger would; a new id makes a campaign."""
        if campaign_id not in self.rows:
            self._invent(campaign_id, len(self.rows))
            self.rows[campaign_id]["deleted"] = False
        return self.write(campaign_id, self.rows[campaign_id] | changes)

    def name_is_taken(self, campaign_id: str, name: Any) -> bool:
        return any(row["name"] == name for other, row in self.rows.items() if other != campaign_id)

    def _invent(self, campaign_id: str, number: int) -> None:
        self._keys[campaign_id] = f"{number:04x}{campaign_id[:12]}"
        postfix = f"Winter {number + 1}"
        invented: dict[str, Any] = {
            "id": campaign_id,
            "name": f"TS - US - {postfix}",
            "namePostfix": postfix,
            "preferredTrackingDomain": domain(number),
            "deleted": number % DELETED_EVERY == DELETED_EVERY - 1,
            "basic": True,
            "costModel": {"type": "CPC", "value": 0.04},
            "revenueModel": {"type": "RPA_AUTO"},
            "trafficSource": {"id": f"ts-{number % 7}"},
            "workspace": {"id": "w-1"},
            "tags": ["winter"],
            "redirectTarget": {"inlineFlow": {"defaultPaths": [_path(number)]}},
            "newInNextVersion": {"nobody": ["knows", number]},
        }
        self.rows[campaign_id] = self._derived(invented, FIRST_EDIT)

    def _derived(self, row: dict[str, Any], updated: str) -> dict[str, Any]:
        base, key = f"https://{row['preferredTrackingDomain']}", self._keys[row["id"]]
        urls = {"url": f"{base}/{key}?src={{src}}&cost={{cost}}", "impressionUrl": f"{base}/impression/{key}"}
        return row | urls | {"updatedTime": updated}

    def _later(self, before: dict[str, Any]) -> str:
        """Two writes within a millisecond must not look like one."""
        now, last = _stamp(self._clock.now()), before.get("updatedTime", FIRST_EDIT)
        return max(now, _stamp(datetime.fromisoformat(last) + timedelta(milliseconds=1)))


def _path(number: int) -> dict[str, Any]:
    return {
        "name": "Path 1",
        "active": True,
        "weight": 100,
        "landers": [{"weight": 100, "lander": {"id": f"l-{number}"}}],
        "offers": [{"weight": 100, "offer": {"id": f"o-{number}"}}],
    }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
