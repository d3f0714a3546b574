"""At most ten forged links per network and minute leave a record, so that a flood of them costs nothing."""

from __future__ import annotations

from config.clock import monotonic

PER_MINUTE = 10
NETWORKS_MAX = 10_000
_MINUTE = 60.0


class Sampler:
    """Counts per actor network; forgets everything each minute, and takes no further network beyond 10,000."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}
        self._until = 0.0

    def takes(self, net: str) -> bool:
        """True if this one is to be recorded."""
        if monotonic() >= self._until:
            self._taken, self._until = {}, monotonic() + _MINUTE
        count = self._taken.get(net, 0)
        if count >= PER_MINUTE or (not count and len(self._taken) >= NETWORKS_MAX):
            return False
        self._taken[net] = count + 1
        return True
