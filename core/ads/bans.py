"""Who is put on the blacklist by a batch: the clicker's network, or first the visitor where addresses are shared."""

from __future__ import annotations

from collections import Counter
from typing import Any

from core.ads.actors import is_bannable
from core.ads.candidate import Candidate, Entry
from core.ads.rules import Rules

AUTO = "auto"


class Bans:
    """New entries of a batch and hits of old ones; later clicks of the batch see them."""

    def __init__(self, rules: Rules, listed: dict[str, list[Entry]], moment: str) -> None:
        self._rules, self._listed, self._moment = rules, listed, moment
        self._new: dict[tuple[str, str], list[Any]] = {}
        self.hits: Counter[int] = Counter()

    def holding(self, candidate: Candidate) -> Entry | None:
        """The entry that refuses this click: the visitor's own, else the narrowest network's."""
        net, visitor = candidate.net, candidate.visitor
        if self._new and visitor and (net, visitor) in self._new:
            return self._entry(net, visitor)
        for entry in self._listed.get(candidate.click.ip, ()):
            if not entry.visitor_id or entry.visitor_id == visitor:
                return entry
        return self._entry(net, "") if (net, "") in self._new else None

    def _entry(self, net: str, visitor: str) -> Entry:
        return Entry(0, net, visitor, AUTO, self._new[net, visitor][0], self._moment)

    def count_hit(self, entry: Entry) -> None:
        """The entry has refused one more click."""
        if entry.id:
            self.hits[entry.id] += 1
        else:
            self._new[entry.net, entry.visitor_id][1] += 1

    def ban(self, candidate: Candidate, reason: str) -> Entry | None:
        """List who broke a limit; None for networks that are never listed automatically."""
        net, visitor = candidate.net, candidate.visitor
        if not is_bannable(net, self._rules.allowlist):
            return None
        self._add(net, visitor, reason)
        if visitor and self._visitors_of(candidate) >= self._rules.ban_escalation:
            visitor = ""
            self._add(net, visitor, reason)
        return self._entry(net, visitor)

    def _add(self, net: str, visitor: str, reason: str) -> None:
        self._new.setdefault((net, visitor), [reason, 0])[1] += 1

    def _visitors_of(self, candidate: Candidate) -> int:
        """How many visitors of this network are listed: so many violations of one network are no coincidence."""
        entries = self._listed.get(candidate.click.ip, ())
        stored = {entry.visitor_id for entry in entries if entry.visitor_id and entry.net == candidate.net}
        return len(stored | {visitor for net, visitor in self._new if visitor and net == candidate.net})

    def rows(self) -> list[tuple[str, str, str, int]]:
        """(network, visitor or '', reason, hits) to be stored, in a fixed order."""
        return sorted((net, visitor, reason, hits) for (net, visitor), (reason, hits) in self._new.items())
